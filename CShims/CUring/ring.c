#define _GNU_SOURCE
#include "ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert((int)URING_COMPLETION_BUFFER == IORING_CQE_F_BUFFER && (int)URING_COMPLETION_MORE == IORING_CQE_F_MORE
                   && (int)URING_COMPLETION_LEFT_MORE == IORING_CQE_F_SOCK_NONEMPTY
                   && (int)URING_BUFFER_SHIFT == IORING_CQE_BUFFER_SHIFT,
               "completion flags");

struct uring *uring_open(struct uring_sizes sizes, int32_t *error) {
    struct uring *ring = calloc(1, sizeof *ring);
    if (!ring) {
        *error = -ENOMEM;
        return NULL;
    }
    struct io_uring_params parameters = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE
            | IORING_SETUP_R_DISABLED,
        .cq_entries = sizes.completions,
    };
    ring->sizes = sizes;
    *error = io_uring_queue_init_params(sizes.submissions, &ring->ring, &parameters);
    if (*error < 0) {
        free(ring);
        return NULL;
    }
    return ring;
}

int uring_start(struct uring *ring) {
    // liburing 2.3 declares io_uring_enable_rings but its shared library does not export it.
    if (syscall(__NR_io_uring_register, ring->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0) return -errno;
    // A registered descriptor saves a lookup a turn; without it all works as well.
    (void)io_uring_register_ring_fd(&ring->ring);
    return 0;
}

void uring_finish(struct uring *ring) {
    // Otherwise io_uring_queue_exit would do so for whichever thread calls it, and could meet another ring's entry there.
    (void)io_uring_unregister_ring_fd(&ring->ring);
}

void uring_close(struct uring *ring) {
    io_uring_queue_exit(&ring->ring);
    free(ring);
}

uint32_t uring_feature_bits(const struct uring *ring) { return ring->ring.features; }

int uring_last_operation(struct uring *ring) {
    struct io_uring_probe *probe = io_uring_get_probe_ring(&ring->ring);
    if (!probe) return -ENOMEM;
    int last = probe->last_op;
    io_uring_free_probe(probe);
    return last;
}

int uring_turn(struct uring *ring, uint64_t wait_ns) {
    if (wait_ns == URING_NO_WAIT) return io_uring_submit_and_get_events(&ring->ring);
    if (wait_ns == URING_WAIT_FOREVER) return io_uring_submit_and_wait(&ring->ring, 1);
    struct __kernel_timespec limit = {(long long)(wait_ns / 1000000000u), (long long)(wait_ns % 1000000000u)};
    struct io_uring_cqe *first;
    return io_uring_submit_and_wait_timeout(&ring->ring, &first, 1, &limit, NULL);
}

uint32_t uring_reap(struct uring *ring, struct uring_completion *into, uint32_t capacity) {
    unsigned head, count = 0;
    struct io_uring_cqe *cqe;
    io_uring_for_each_cqe(&ring->ring, head, cqe) {
        if (count == capacity) break;
        into[count++] = (struct uring_completion){cqe->user_data, cqe->res, cqe->flags};
    }
    io_uring_cq_advance(&ring->ring, count);
    return count;
}

bool uring_overflowed(const struct uring *ring) { return io_uring_cq_has_overflow(&ring->ring); }

uint32_t uring_prepared(const struct uring *ring) { return io_uring_sq_ready(&ring->ring); }
