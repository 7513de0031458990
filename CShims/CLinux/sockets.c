#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

_Static_assert((int)LINUX_MSG_DONTWAIT == MSG_DONTWAIT && (int)LINUX_MSG_WAITALL == MSG_WAITALL
                   && (int)LINUX_MSG_NOSIGNAL == MSG_NOSIGNAL && (int)LINUX_MSG_MORE == MSG_MORE,
               "message flags");

static int checked(long result) { return result < 0 ? -errno : (int)result; }

int linux_close(int32_t descriptor) { return checked(close(descriptor)); }

int linux_hold_standard_streams(void) {
    int descriptor;
    // The lowest free number is taken: the loop ends with the first that is none of the three.
    do descriptor = open("/dev/null", O_RDWR);
    while (descriptor >= 0 && descriptor <= STDERR_FILENO);
    return descriptor < 0 ? -errno : checked(close(descriptor));
}

int linux_eventfd(void) { return checked(eventfd(0, EFD_CLOEXEC)); }

int linux_eventfd_signal(int32_t descriptor) {
    uint64_t one = 1;
    return checked(write(descriptor, &one, sizeof one));
}

int linux_timer(void) { return checked(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)); }

int linux_timer_set(int32_t timer, uint64_t moment_ns) {
    struct itimerspec when = {.it_value = {(time_t)(moment_ns / 1000000000u), (long)(moment_ns % 1000000000u)}};
    return checked(timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL));
}

int linux_descriptor_limits(uint64_t *soft, uint64_t *hard) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return 0;
}

int linux_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    limit.rlim_cur = limit.rlim_max;
    return checked(setrlimit(RLIMIT_NOFILE, &limit));
}

uint64_t linux_memlock_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
    return limit.rlim_cur;
}

static int enable(int descriptor, int level, int option) {
    int one = 1;
    return setsockopt(descriptor, level, option, &one, sizeof one);
}

static int closed_with_error(int descriptor) {
    int error = errno;
    close(descriptor);
    return -error;
}

static int apply_ipv6_only(int descriptor, const struct linux_address *address, int only) {
    if (linux_address_family(address) != AF_INET6) return 0;
    return setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
}

int linux_listen(const struct linux_address *address, struct linux_listen_options options) {
    int descriptor = socket(linux_address_family(address), SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    if (enable(descriptor, SOL_SOCKET, SO_REUSEADDR) < 0 || enable(descriptor, IPPROTO_TCP, TCP_NODELAY) < 0
        || (options.reuse_port && enable(descriptor, SOL_SOCKET, SO_REUSEPORT) < 0))
        return closed_with_error(descriptor);
    if (apply_ipv6_only(descriptor, address, options.ipv6_only) < 0) return closed_with_error(descriptor);
    if (bind(descriptor, (const struct sockaddr *)address->bytes, address->length) < 0 || listen(descriptor, options.backlog) < 0)
        return closed_with_error(descriptor);
    return descriptor;
}

int linux_check_free(const struct linux_address *address, bool ipv6_only) {
    int descriptor = socket(linux_address_family(address), SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    // As linux_listen does: connections of the past that are in TIME_WAIT do not count.
    if (enable(descriptor, SOL_SOCKET, SO_REUSEADDR) < 0 || apply_ipv6_only(descriptor, address, ipv6_only) < 0
        || bind(descriptor, (const struct sockaddr *)address->bytes, address->length) < 0)
        return closed_with_error(descriptor);
    close(descriptor);
    return 0;
}

int linux_stream_socket(int32_t family) {
    int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    if (family != AF_UNIX && enable(descriptor, IPPROTO_TCP, TCP_NODELAY) < 0) return closed_with_error(descriptor);
    return descriptor;
}

int linux_bind_source(int32_t descriptor, const struct linux_address *address) {
    // The port is chosen when the peer is known: one address then has room for connections to many peers.
    if (enable(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT) < 0) return -errno;
    return checked(bind(descriptor, (const struct sockaddr *)address->bytes, address->length));
}

bool linux_is_listening(int32_t descriptor) {
    int listening = 0, type = 0;
    socklen_t length = sizeof listening, type_length = sizeof type;
    return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening
        && getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &type_length) == 0 && type == SOCK_STREAM;
}

int linux_accept_now(int32_t listener) {
    int flags = fcntl(listener, F_GETFL);
    if (flags < 0 || fcntl(listener, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    int descriptor;
    // A connection that was given up in the queue is not the last one there.
    do descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    while (descriptor < 0 && (errno == EINTR || errno == ECONNABORTED));
    return checked(descriptor);
}

int linux_peer_user(int32_t descriptor, uint32_t *user) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return -errno;
    *user = peer.uid;
    return 0;
}

int linux_shutdown_write(int32_t descriptor) { return checked(shutdown(descriptor, SHUT_WR)); }

int linux_reset_on_close(int32_t descriptor) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    return checked(setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof now));
}

int linux_readable_bytes(int32_t descriptor) {
    int bytes = 0;
    return ioctl(descriptor, FIONREAD, &bytes) < 0 ? -errno : bytes;
}

bool linux_has_input(int32_t descriptor) {
    char byte;
    return recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

bool linux_has_ended(int32_t descriptor) {
    char byte;
    return recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

int linux_socket_pair(int32_t ends[2]) { return checked(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)); }
