#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int linux_program_path(char *path, size_t capacity) {
    const char *name = (const char *)getauxval(AT_EXECFN);
    if (!name) return -ENOENT;
    size_t used = 0;
    if (name[0] != '/') {
        if (!getcwd(path, capacity)) return -errno;
        used = strlen(path);
        if (used + 1 >= capacity) return -ENAMETOOLONG;
        path[used++] = '/';
    }
    size_t length = strlen(name);
    if (used + length >= capacity) return -ENAMETOOLONG;
    memcpy(path + used, name, length + 1);
    return (int)(used + length);
}

static bool is_named(const char *variable, const char *name, size_t length) {
    return strncmp(variable, name, length) == 0 && variable[length] == '=';
}

static bool is_removed(const char *variable, const char *added, const char *const removed[]) {
    if (is_named(variable, added, strcspn(added, "="))) return true;
    for (; *removed; removed++)
        if (is_named(variable, *removed, strlen(*removed))) return true;
    return false;
}

/// The environment for the child, to be freed; NULL where there is no memory.
static char **environment_with(const char *variable, const char *const removed[]) {
    size_t count = 0;
    while (environ[count]) count++;
    char **result = calloc(count + 2, sizeof *result);
    if (!result) return NULL;
    size_t used = 0;
    for (size_t index = 0; index < count; index++)
        if (!is_removed(environ[index], variable, removed)) result[used++] = environ[index];
    result[used] = (char *)variable;
    return result;
}

static int set_signals(posix_spawnattr_t *attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error) error = posix_spawnattr_setsigdefault(attributes, &all);
    if (!error) error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return error;
}

int linux_spawn(const char *path, char *const arguments[], const char *variable, const char *const removed[],
                const int32_t *kept, size_t kept_count) {
    char **variables = environment_with(variable, removed);
    if (!variables) return -ENOMEM;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    pid_t process = 0;
    int error = set_signals(&attributes);
    // A descriptor that is put in its own place loses its mark to be closed on exec.
    for (size_t index = 0; index < kept_count && !error; index++)
        error = posix_spawn_file_actions_adddup2(&actions, kept[index], kept[index]);
    if (!error) error = posix_spawn(&process, path, &actions, &attributes, arguments, variables);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(variables);
    return error ? -error : process;
}

int linux_child_ended(int32_t process, int32_t *status) {
    int raw;
    pid_t ended;
    do ended = waitpid(process, &raw, WNOHANG);
    while (ended < 0 && errno == EINTR);
    if (ended < 0) return -errno;
    if (ended == 0) return 0;
    *status = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
    return 1;
}

int linux_go_on_in_child(void) {
    pid_t process = fork();
    if (process < 0) return -errno;
    if (process == 0) return getpid();
    int status;
    while (waitpid(process, &status, 0) < 0 && errno == EINTR) {}
    _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

void linux_end_child(int32_t process) {
    kill(process, SIGKILL);
    while (waitpid(process, NULL, 0) < 0 && errno == EINTR) {}
}

int linux_close_on_exec(int32_t descriptor) { return fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0; }

enum { groups_max = 1024 };

int linux_find_user(const char *name, uint32_t *user, uint32_t *group) {
    errno = 0;
    struct passwd *found = getpwnam(name);
    // Not found is 0 or any of several numbers (getpwnam(3)).
    if (!found) return errno == ENOMEM || errno == EMFILE || errno == ENFILE || errno == EIO ? -errno : -ENOENT;
    *user = found->pw_uid;
    *group = found->pw_gid;
    return 0;
}

int linux_renounce_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0; }

int linux_become(const char *name, uint32_t user, uint32_t group) {
    if (initgroups(name, group) < 0 || setresgid(group, group, group) < 0 || setresuid(user, user, user) < 0) return -errno;
    // A way back would be a fault of ours, and worse than not to serve.
    bool has_way_back = (user != 0 && setuid(0) == 0) || (user != 0 && group != 0 && setgid(0) == 0);
    return has_way_back ? -EPERM : 0;
}

int linux_lend_rights(const char *name, uint32_t user, uint32_t group) {
    gid_t groups[groups_max];
    int count = groups_max;
    if (getgrouplist(name, group, groups, &count) < 0) return -E2BIG;
    // The library's own function is for all threads.
    if (syscall(SYS_setgroups, (size_t)count, groups) < 0) return -errno;
    setfsgid(group);
    setfsuid(user);
    // They say nothing of a failure: an id that is none changes nothing and gives that in force.
    bool has_rights = setfsgid(-1) == (int)group && setfsuid(-1) == (int)user;
    if (!has_rights) linux_regain_rights();
    return has_rights ? 0 : -EPERM;
}

void linux_regain_rights(void) {
    setfsuid(geteuid());
    setfsgid(getegid());
}
