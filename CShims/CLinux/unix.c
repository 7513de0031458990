#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *path_of(const struct linux_address *address) {
    return (const char *)address->bytes + offsetof(struct sockaddr_un, sun_path);
}

static bool has_file(const struct linux_address *address) {
    return address->length > offsetof(struct sockaddr_un, sun_path) && path_of(address)[0] != 0;
}

/// Which socket file is at the address; -ENOTSOCK for another kind of file.
static int identify(const struct linux_address *address, struct linux_file *file) {
    struct stat status;
    if (lstat(path_of(address), &status) < 0) return -errno;
    *file = (struct linux_file){.device = status.st_dev, .inode = status.st_ino};
    return S_ISSOCK(status.st_mode) ? 0 : -ENOTSOCK;
}

int linux_check_socket_file(const struct linux_address *address, struct linux_file file) {
    struct linux_file now;
    int result = identify(address, &now);
    if (result < 0) return result;
    return now.device == file.device && now.inode == file.inode ? 0 : -ESTALE;
}

static int remove_file(const struct linux_address *address, struct linux_file file) {
    int result = linux_check_socket_file(address, file);
    if (result < 0) return result;
    return unlink(path_of(address)) < 0 ? -errno : 0;
}

/// The file at the address, to be changed and not to be read, if it is `file`: whatever comes to its place later stays
/// as it is. A negative errno as from linux_check_socket_file.
static int hold_file(const struct linux_address *address, struct linux_file file) {
    int descriptor = open(path_of(address), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) return -errno;
    struct stat status;
    int result = fstat(descriptor, &status) < 0 ? -errno : 0;
    if (result == 0 && !S_ISSOCK(status.st_mode)) result = -ENOTSOCK;
    if (result == 0 && (status.st_dev != file.device || status.st_ino != file.inode)) result = -ESTALE;
    if (result == 0) return descriptor;
    close(descriptor);
    return result;
}

static int set_mode(const struct linux_address *address, struct linux_file file, uint32_t mode) {
    int descriptor = hold_file(address, file);
    if (descriptor < 0) return descriptor;
    char path[32];
    // fchmod refuses such a descriptor.
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    int result = chmod(path, mode) < 0 ? -errno : 0;
    close(descriptor);
    return result;
}

int linux_give_socket_file(const struct linux_address *address, struct linux_file file, uint32_t user, uint32_t group) {
    if (!has_file(address)) return -ENOENT;
    int descriptor = hold_file(address, file);
    if (descriptor < 0) return descriptor;
    int result = fchownat(descriptor, "", user, group, AT_EMPTY_PATH) < 0 ? -errno : 0;
    close(descriptor);
    return result;
}

int linux_connect_now(int32_t descriptor, const struct linux_address *address) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    int result = connect(descriptor, (const struct sockaddr *)address->bytes, address->length) < 0 ? -errno : 0;
    if (fcntl(descriptor, F_SETFL, flags) < 0 && result == 0) result = -errno;
    return result;
}

/// 0 where nobody listens at the address: no file, or one that a listener has left behind. -EPROTOTYPE for a socket
/// without connections, -EACCES for one that is not ours to try; -EADDRINUSE otherwise, also where that cannot be found
/// out.
static int check_unused(const struct linux_address *address) {
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    int result = linux_connect_now(descriptor, address);
    close(descriptor);
    if (result == -ECONNREFUSED || result == -ENOENT) return 0;
    return result == -EPROTOTYPE || result == -EACCES ? result : -EADDRINUSE;
}

int linux_check_free_unix(const struct linux_address *address) {
    struct linux_file file;
    if (has_file(address)) {
        int found = identify(address, &file);
        if (found == -ENOENT) return 0;
        if (found < 0) return found == -ENOTSOCK ? found : -EADDRINUSE;
    }
    return check_unused(address);
}

/// Removes the file of a listener that is no more.
static int remove_stale(const struct linux_address *address) {
    if (!has_file(address)) return -EADDRINUSE;
    struct linux_file file;
    int result = identify(address, &file);
    if (result < 0) return result == -ENOTSOCK ? result : -EADDRINUSE;
    result = check_unused(address);
    if (result < 0) return result;
    // Should somebody replace it in this very moment, it is theirs and stays.
    result = remove_file(address, file);
    return result == -ESTALE ? -EADDRINUSE : result;
}

static int bind_unix(int descriptor, const struct linux_address *address) {
    return bind(descriptor, (const struct sockaddr *)address->bytes, address->length) < 0 ? -errno : 0;
}

int linux_listen_unix(const struct linux_address *address, int32_t backlog, uint32_t mode, struct linux_file *file) {
    *file = (struct linux_file){0};
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    int result = bind_unix(descriptor, address);
    if (result == -EADDRINUSE) {
        result = remove_stale(address);
        if (result == 0) result = bind_unix(descriptor, address);
    }
    if (result == 0 && has_file(address)) {
        result = identify(address, file);
        // Nobody can connect before listen(): until then the permissions do not matter.
        if (result == 0) result = set_mode(address, *file, mode);
    }
    if (result == 0 && listen(descriptor, backlog) < 0) result = -errno;
    if (result == 0) return descriptor;
    if (file->inode) (void)remove_file(address, *file);
    close(descriptor);
    return result;
}

int linux_remove_socket_file(const struct linux_address *address, struct linux_file file) {
    return has_file(address) ? remove_file(address, file) : -ENOENT;
}
