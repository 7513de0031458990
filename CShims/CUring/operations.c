#include "ring.h"

#include <sys/socket.h>

/// Takes the next submission, or leaves the calling function with false where the queue is full.
#define TAKE(ring, sqe)                                           \
    struct io_uring_sqe *sqe = io_uring_get_sqe(&(ring)->ring);   \
    if (!sqe) return false

static bool prepared(struct io_uring_sqe *sqe, uint64_t user_data) {
    io_uring_sqe_set_data64(sqe, user_data);
    return true;
}

bool uring_nop(struct uring *ring, uint64_t user_data) {
    TAKE(ring, sqe);
    io_uring_prep_nop(sqe);
    return prepared(sqe, user_data);
}

bool uring_accept_multishot(struct uring *ring, int32_t listener, uint64_t user_data) {
    TAKE(ring, sqe);
    io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
    return prepared(sqe, user_data);
}

bool uring_connect(struct uring *ring, int32_t descriptor, const void *address, uint32_t length, uint64_t user_data) {
    TAKE(ring, sqe);
    io_uring_prep_connect(sqe, descriptor, address, length);
    return prepared(sqe, user_data);
}

bool uring_receive(struct uring *ring, int32_t descriptor, void *into, size_t length, uint32_t flags, uint64_t user_data) {
    TAKE(ring, sqe);
    io_uring_prep_recv(sqe, descriptor, into, length, (int)flags);
    return prepared(sqe, user_data);
}

bool uring_receive_provided(struct uring *ring, int32_t descriptor, uint16_t group, uint64_t user_data) {
    TAKE(ring, sqe);
    io_uring_prep_recv(sqe, descriptor, NULL, 0, 0);
    io_uring_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
    sqe->buf_group = group;
    return prepared(sqe, user_data);
}

bool uring_send(struct uring *ring, int32_t descriptor, const void *from, size_t length, uint32_t flags, uint64_t user_data) {
    TAKE(ring, sqe);
    io_uring_prep_send(sqe, descriptor, from, length, (int)flags);
    return prepared(sqe, user_data);
}

bool uring_read(struct uring *ring, int32_t descriptor, void *into, size_t length, uint64_t user_data) {
    TAKE(ring, sqe);
    io_uring_prep_read(sqe, descriptor, into, (unsigned)length, (uint64_t)-1);
    return prepared(sqe, user_data);
}

bool uring_poll(struct uring *ring, int32_t descriptor, uint32_t events, uint64_t user_data) {
    TAKE(ring, sqe);
    io_uring_prep_poll_add(sqe, descriptor, events);
    return prepared(sqe, user_data);
}

bool uring_cancel(struct uring *ring, uint64_t target, uint64_t user_data) {
    TAKE(ring, sqe);
    io_uring_prep_cancel64(sqe, target, 0);
    return prepared(sqe, user_data);
}

bool uring_splice(struct uring *ring, int32_t from, int32_t to, uint32_t length, uint64_t user_data) {
    TAKE(ring, sqe);
    io_uring_prep_splice(sqe, from, -1, to, -1, length, 0);
    return prepared(sqe, user_data);
}
