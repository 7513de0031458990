#define _GNU_SOURCE
#include "CUring.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int uring_pipe(int32_t ends[2], int32_t capacity) {
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) return -errno;
    int got = fcntl(ends[1], F_SETPIPE_SZ, capacity);
    // EPERM: past the user's share of pipe memory; the pipe keeps the size it has.
    if (got < 0) got = fcntl(ends[1], F_GETPIPE_SZ);
    return got < 0 ? -errno : got;
}

int64_t uring_splice_now(int32_t from, int32_t to, size_t length) {
    ssize_t moved = splice(from, NULL, to, NULL, length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    return moved < 0 ? -errno : moved;
}
