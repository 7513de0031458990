#define _GNU_SOURCE
#include "CLinux.h"

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

static uint64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t linux_monotonic_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
uint64_t linux_realtime_ns(void) { return clock_ns(CLOCK_REALTIME); }
uint64_t linux_thread_cpu_ns(void) { return clock_ns(CLOCK_THREAD_CPUTIME_ID); }

int linux_name_thread(const char *name) { return -pthread_setname_np(pthread_self(), name); }

int linux_thread_count(void) {
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks) return -errno;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(tasks));) count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

int linux_join_within(uint64_t thread, uint64_t patience_ns) {
    // Not pthread_clockjoin_np: the thread sanitizer does not know it, and takes the thread for one that lives on.
    uint64_t deadline = clock_ns(CLOCK_REALTIME) + patience_ns;
    struct timespec limit = {(time_t)(deadline / 1000000000u), (long)(deadline % 1000000000u)};
    return -pthread_timedjoin_np((pthread_t)thread, NULL, &limit);
}

int linux_processor_count(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

void linux_keep_freed_memory(int32_t bytes) {
    mallopt(M_TRIM_THRESHOLD, bytes);
    mallopt(M_MMAP_THRESHOLD, bytes);
}

void linux_trim_heap(void) { (void)malloc_trim(0); }

/// Those that ask a running service for something.
static void asking_signals(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR1);
    sigaddset(set, SIGUSR2);
}

static void served_signals(sigset_t *set) {
    asking_signals(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
}

int linux_hold_signals(void) {
    sigset_t set;
    asking_signals(&set);
    return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int linux_block_signals(void) {
    sigset_t set;
    served_signals(&set);
    signal(SIGPIPE, SIG_IGN);
    return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int linux_wait_signal(void) {
    sigset_t set;
    served_signals(&set);
    int number = 0;
    int error = sigwait(&set, &number);
    return error ? -error : number;
}

void linux_error_text(int32_t error, char *text, size_t capacity) {
    const char *known = strerrordesc_np(error);
    strncpy(text, known ? known : "unknown error", capacity - 1);
    text[capacity - 1] = 0;
}

int linux_terminal_size(int32_t descriptor, uint16_t *lines, uint16_t *columns) {
    struct winsize size;
    if (ioctl(descriptor, TIOCGWINSZ, &size) != 0) return -errno;
    *lines = size.ws_row;
    *columns = size.ws_col;
    return 0;
}
