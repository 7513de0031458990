#define _GNU_SOURCE
#include "CUring.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

int uring_pipe(int32_t ends[2], int32_t capacity) {
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) return -errno;
    int got = fcntl(ends[1], F_SETPIPE_SZ, capacity);
    for (; got < 0 && capacity > 65536; got = fcntl(ends[1], F_SETPIPE_SZ, capacity)) capacity /= 2;
    // EPERM: past the largest size or the user's share of pipe memory; the pipe keeps the size it has.
    if (got < 0) got = fcntl(ends[1], F_GETPIPE_SZ);
    return got < 0 ? -errno : got;
}

int64_t uring_splice_now(int32_t from, int32_t to, size_t length) {
    ssize_t moved = splice(from, NULL, to, NULL, length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    return moved < 0 ? -errno : moved;
}

int uring_make_nonblocking(int32_t descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    return 0;
}

void uring_hold_broken_pipe_signal(void) {
    sigset_t broken;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken, NULL);
}
