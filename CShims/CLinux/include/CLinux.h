// The few Linux interfaces that Mailrace uses outside io_uring, with fixed-width types only: glibc's own headers must
// not reach Swift a second time, configured differently. Functions return a negative errno where they can fail.
#ifndef CLINUX_H
#define CLINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ---- threads and clocks (linux.c) ----

/// A value that no other living thread has; the thread pointer, so that asking costs one instruction.
static inline uint64_t linux_thread_token(void) { return (uint64_t)(uintptr_t)__builtin_thread_pointer(); }
/// Nanoseconds of CLOCK_MONOTONIC.
uint64_t linux_monotonic_ns(void);
/// Nanoseconds since 1970 (CLOCK_REALTIME).
uint64_t linux_realtime_ns(void);
/// CPU time of the calling thread, in nanoseconds.
uint64_t linux_thread_cpu_ns(void);
/// Names the calling thread; at most 15 bytes.
int linux_name_thread(const char *name);
/// Threads of this process, or a negative errno.
int linux_thread_count(void);
/// Joins a thread (a pthread_t) that ends within `patience_ns`; -ETIMEDOUT where it does not.
int linux_join_within(uint64_t thread, uint64_t patience_ns);
/// Processors this process may run on.
int linux_processor_count(void);
/// Gives the heap's free pages back to the system. Takes milliseconds after many sessions; not for a shard's thread.
void linux_trim_heap(void);

// ---- memory (linux.c) ----

/// Has the allocator keep up to `bytes` (at most 32 MiB) of what is freed at the end of a heap, and serve blocks up to
/// that size from heaps, instead of giving pages back to the system each time and faulting them in again.
void linux_keep_freed_memory(int32_t bytes);

// ---- signals (linux.c) ----

/// Blocks SIGHUP, SIGUSR1 and SIGUSR2 alone: until somebody waits for them they neither end the process nor get lost.
int linux_hold_signals(void);
/// Blocks SIGHUP, SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 in the calling thread and in those it starts; ignores SIGPIPE.
int linux_block_signals(void);
/// Waits for one of the blocked signals and returns its number.
int linux_wait_signal(void);

// ---- processes (processes.c) ----

/// The path by which this program was started, from the root, into `path` with its NUL; links stay as they are, so that
/// a program that is installed over it is found there. Its length, or a negative errno. To be asked before the working
/// directory changes.
int linux_program_path(char *path, size_t capacity);
/// Starts a program with the environment of this process, in which `variable` (NAME=VALUE) is set and those of
/// `removed` (names, ended by NULL) are not. It has the standard streams and the `kept` descriptors, under their
/// numbers, and begins with no signal blocked or ignored. The process's id, or a negative errno.
int linux_spawn(const char *path, char *const arguments[], const char *variable, const char *const removed[],
                const int32_t *kept, size_t kept_count);
/// 1 and the status where the child has ended, as the shell has it (128 and the signal's number); 0 where it lives.
int linux_child_ended(int32_t process, int32_t *status);
/// Has a child go on in this process's place, and returns its id there; this process waits for its end and ends in
/// the same way, with 128 and the number where it was a signal. A negative errno where there is no child. To be called
/// before there are other threads.
int linux_go_on_in_child(void);
/// Ends a child at once, and waits for its end.
void linux_end_child(int32_t process);
/// The ids of a user of this system; -ENOENT where there is none of this name.
int linux_find_user(const char *name, uint32_t *user, uint32_t *group);
/// Has this thread and those it starts, and what they execute, never get more privileges than they have.
int linux_renounce_new_privileges(void);
/// Has the whole process go on as this user with the groups that it has in the system, and so without capabilities.
/// There is no way back.
int linux_become(const char *name, uint32_t user, uint32_t group);
/// Has this thread of root's have a user's rights to files, and no others, until linux_regain_rights; it keeps the
/// groups of the user after that, which root does not need.
int linux_lend_rights(const char *name, uint32_t user, uint32_t group);
void linux_regain_rights(void);
/// Closes the descriptor on exec.
int linux_close_on_exec(int32_t descriptor);

// ---- descriptors (sockets.c) ----

int linux_close(int32_t descriptor);
/// Opens /dev/null as each of the descriptors 0, 1 and 2 that is closed.
int linux_hold_standard_streams(void);
int linux_eventfd(void);
/// Adds one to an eventfd.
int linux_eventfd_signal(int32_t descriptor);
/// A timer of CLOCK_MONOTONIC (timerfd), which is readable once its moment has come.
int linux_timer(void);
/// Sets the moment, and takes back that an earlier one has come. 0: none.
int linux_timer_set(int32_t timer, uint64_t moment_ns);
/// Current soft and hard RLIMIT_NOFILE.
int linux_descriptor_limits(uint64_t *soft, uint64_t *hard);
/// Raises the soft RLIMIT_NOFILE to the hard one.
int linux_raise_descriptor_limit(void);
/// Bytes of RLIMIT_MEMLOCK (soft); UINT64_MAX when unlimited.
uint64_t linux_memlock_limit(void);

// ---- addresses (addresses.c) ----

enum linux_family { LINUX_FAMILY_IPV4 = 2, LINUX_FAMILY_IPV6 = 10, LINUX_FAMILY_UNIX = 1 };

/// A struct sockaddr as the kernel takes it.
struct linux_address {
    uint8_t bytes[128];
    uint32_t length;
};

/// `octets` has 4 or 16 bytes in network order; `scope` is an IPv6 interface index or 0.
void linux_address_make(struct linux_address *address, int32_t family, const uint8_t *octets, uint16_t port, uint32_t scope);
int32_t linux_address_family(const struct linux_address *address);
/// Fills `octets` (16 bytes of room) and returns the port; 0 for other families than IPv4 and IPv6.
uint16_t linux_address_parts(const struct linux_address *address, uint8_t *octets, uint32_t *scope);

enum { LINUX_UNIX_NAME_BYTES = 108 };

/// `name` as the kernel has it: a path of at most 107 bytes without its NUL, or a NUL and an abstract name, 108 bytes in
/// all.
void linux_address_make_unix(struct linux_address *address, const uint8_t *name, size_t length);
/// The name of an AF_UNIX address in the same form, into LINUX_UNIX_NAME_BYTES of room; its length, 0 where it has none.
size_t linux_address_unix_name(const struct linux_address *address, uint8_t *name);
int linux_local_address(int32_t descriptor, struct linux_address *address);
int linux_peer_address(int32_t descriptor, struct linux_address *address);

// ---- sockets (sockets.c) ----

struct linux_listen_options {
    int32_t backlog;
    bool reuse_port;
    bool ipv6_only;
};
/// A bound and listening TCP socket; accepted sockets inherit TCP_NODELAY from it.
int linux_listen(const struct linux_address *address, struct linux_listen_options options);
/// Binds the address without sharing it and lets it go again: 0, or why it cannot be had.
int linux_check_free(const struct linux_address *address, bool ipv6_only);
/// A stream socket for `family`; with TCP_NODELAY where it is TCP.
int linux_stream_socket(int32_t family);
/// Binds a TCP socket that is to connect. A port of 0 is chosen when it does.
int linux_bind_source(int32_t descriptor, const struct linux_address *address);
/// True where `descriptor` is a listening stream socket.
bool linux_is_listening(int32_t descriptor);
/// Accepts a connection that waits, without waiting for one (-EAGAIN); leaves the listening socket non-blocking.
int linux_accept_now(int32_t listener);
/// The user who connected to, or made, the other end of a Unix socket.
int linux_peer_user(int32_t descriptor, uint32_t *user);
/// Ends the sending direction (FIN).
int linux_shutdown_write(int32_t descriptor);
/// Makes close() send RST and drop what is unsent.
int linux_reset_on_close(int32_t descriptor);
/// Bytes that can be read now without waiting, from a socket or pipe.
int linux_readable_bytes(int32_t descriptor);
/// True where something can be received at once: bytes, the end of the peer's direction, or an error.
bool linux_has_input(int32_t descriptor);
/// True where the peer of a connected socket has ended its direction and all that it sent has been received.
bool linux_has_ended(int32_t descriptor);
/// Two connected stream sockets (AF_UNIX).
int linux_socket_pair(int32_t ends[2]);

// ---- Unix sockets (unix.c) ----

/// A file as it is told from all others that exist at the same time; `inode` 0 for none.
struct linux_file {
    uint64_t device, inode;
};

/// A bound and listening Unix socket. A file that a listener has left behind is replaced. A listener that lives is
/// -EADDRINUSE, a file that is no socket -ENOTSOCK, a socket without connections -EPROTOTYPE, and one that we may not
/// connect to -EACCES. `file` is the file made, none for an abstract name, with the permissions `mode`.
int linux_listen_unix(const struct linux_address *address, int32_t backlog, uint32_t mode, struct linux_file *file);
/// 0 where linux_listen_unix would get the address. A listener that lives sees a connection that says nothing.
int linux_check_free_unix(const struct linux_address *address);
/// Connects without waiting; for Unix sockets, whose peer answers at once or has no room (-EAGAIN).
int linux_connect_now(int32_t descriptor, const struct linux_address *address);
/// 0 where the file at the address is `file`; -ENOENT where there is none, -ESTALE or -ENOTSOCK where it is another.
int linux_check_socket_file(const struct linux_address *address, struct linux_file file);
/// Gives the file at the address to a user, if it is still `file`; -ESTALE or -ENOTSOCK where it is another.
int linux_give_socket_file(const struct linux_address *address, struct linux_file file, uint32_t user, uint32_t group);
/// Removes the file at the address if it is still `file`; -ESTALE where it is another.
int linux_remove_socket_file(const struct linux_address *address, struct linux_file file);

// ---- terminals (linux.c) ----

/// Lines and columns of the terminal behind a descriptor; -ENOTTY where there is none.
int linux_terminal_size(int32_t descriptor, uint16_t *lines, uint16_t *columns);

// ---- errors ----

/// Writes strerror's text for `error` (positive), NUL-terminated, into `text`.
void linux_error_text(int32_t error, char *text, size_t capacity);

enum linux_message_flags {
    LINUX_MSG_DONTWAIT = 0x40,
    LINUX_MSG_WAITALL = 0x100,
    LINUX_MSG_NOSIGNAL = 0x4000,
    LINUX_MSG_MORE = 0x8000,  // what is sent may wait for what follows, to go in one segment
};

#endif
