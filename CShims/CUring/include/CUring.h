// io_uring for Swift: the ring's life, one call a turn, one call an operation.
//
// liburing is included in the .c files only. Its header defines feature macros and pulls in the socket headers, which
// gives Swift a second copy of glibc's types that disagrees with the first. Functions return a negative errno where
// they can fail; those that prepare an operation return false where the submission queue is full.
#ifndef CURING_H
#define CURING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uring;

struct uring_completion {
    uint64_t user_data;
    int32_t result;
    uint32_t flags;
};

enum uring_completion_flags {
    URING_COMPLETION_BUFFER = 1 << 0,  // `flags >> URING_BUFFER_SHIFT` is the provided buffer's id
    URING_COMPLETION_MORE = 1 << 1,    // a multishot operation goes on
    URING_COMPLETION_LEFT_MORE = 1 << 2,  // a receive left something behind: bytes, or the end
    URING_BUFFER_SHIFT = 16,
};

// ---- life (ring.c) ----

struct uring_sizes {
    uint32_t submissions;  // rounded up to a power of two by the kernel
    uint32_t completions;
};

/// Creates a ring that is not yet running (R_DISABLED | SINGLE_ISSUER | DEFER_TASKRUN): any thread may create it, the
/// thread that calls uring_start owns it. Returns NULL with the negative errno in `error`.
struct uring *uring_open(struct uring_sizes sizes, int32_t *error);
/// Starts the ring on the calling thread, which owns it from now on.
int uring_start(struct uring *ring);
/// Takes back what uring_start registered with the calling thread, which is the same one. After the last turn.
void uring_finish(struct uring *ring);
/// Closes the ring, from any thread.
void uring_close(struct uring *ring);
/// IORING_FEAT_* bits the kernel reports.
uint32_t uring_feature_bits(const struct uring *ring);
/// Highest operation code the kernel knows, or a negative errno.
int uring_last_operation(struct uring *ring);

// ---- a turn (ring.c) ----

/// Do not wait at all; wait without limit.
#define URING_NO_WAIT 0
#define URING_WAIT_FOREVER UINT64_MAX

/// Submits what is prepared, runs the kernel's deferred work and waits up to `wait_ns` for one completion.
/// Returns what io_uring_enter returned: operations submitted or a negative errno (-ETIME: nothing came in time).
int uring_turn(struct uring *ring, uint64_t wait_ns);
/// Moves up to `capacity` completions out of the ring and returns how many.
uint32_t uring_reap(struct uring *ring, struct uring_completion *into, uint32_t capacity);
/// True where completions wait in the kernel because the completion queue was full.
bool uring_overflowed(const struct uring *ring);
/// Operations prepared and not yet submitted.
uint32_t uring_prepared(const struct uring *ring);

// ---- operations (operations.c) ----

bool uring_nop(struct uring *ring, uint64_t user_data);
bool uring_accept_multishot(struct uring *ring, int32_t listener, uint64_t user_data);
/// `address` (a struct sockaddr) must stay until the completion.
bool uring_connect(struct uring *ring, int32_t descriptor, const void *address, uint32_t length, uint64_t user_data);
bool uring_receive(struct uring *ring, int32_t descriptor, void *into, size_t length, uint32_t flags, uint64_t user_data);
/// Receives into a buffer of `group` that the kernel picks when there is something to receive.
bool uring_receive_provided(struct uring *ring, int32_t descriptor, uint16_t group, uint64_t user_data);
bool uring_send(struct uring *ring, int32_t descriptor, const void *from, size_t length, uint32_t flags, uint64_t user_data);
bool uring_read(struct uring *ring, int32_t descriptor, void *into, size_t length, uint64_t user_data);
/// One shot; `events` as poll(2) has them (1 POLLIN, 4 POLLOUT).
bool uring_poll(struct uring *ring, int32_t descriptor, uint32_t events, uint64_t user_data);
/// Asks for the end of the operation that carries `target` as its user data.
bool uring_cancel(struct uring *ring, uint64_t target, uint64_t user_data);
/// Moves bytes between a pipe and a socket without copying. The kernel always gives it to a worker thread.
bool uring_splice(struct uring *ring, int32_t from, int32_t to, uint32_t length, uint64_t user_data);

// ---- pipes for splicing (pipes.c) ----

/// A non-blocking pipe (`ends[0]` reads) of `capacity` bytes, or less where the user's share of pipe memory is used up;
/// returns the capacity got.
int uring_pipe(int32_t ends[2], int32_t capacity);
/// splice(2) that never waits, given non-blocking sockets: for use after a ring poll said that the socket is ready.
int64_t uring_splice_now(int32_t from, int32_t to, size_t length);
/// Sets O_NONBLOCK. The ring's receives and sends on such a socket still wait.
int uring_make_nonblocking(int32_t descriptor);
/// Has the calling thread not get SIGPIPE: splice(2) raises it for a broken socket, and no flag of its own stops it.
void uring_hold_broken_pipe_signal(void);

// ---- provided buffers (buffers.c) ----

struct uring_buffers;

/// Registers `count` (a power of two) buffers of `size` bytes as `group`, all of them lent to the kernel.
struct uring_buffers *uring_buffers_open(struct uring *ring, uint32_t count, uint32_t size, uint16_t group, int32_t *error);
/// Frees the buffers. Their ring is closed before, which ends the registration, too.
void uring_buffers_close(struct uring_buffers *buffers);
/// Where buffer `id` begins.
void *uring_buffers_at(const struct uring_buffers *buffers, uint16_t id);
/// Lends buffer `id` to the kernel again.
void uring_buffers_return(struct uring_buffers *buffers, uint16_t id);

#endif
