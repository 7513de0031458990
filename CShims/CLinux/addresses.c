#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

_Static_assert((int)LINUX_FAMILY_IPV4 == AF_INET && (int)LINUX_FAMILY_IPV6 == AF_INET6 && (int)LINUX_FAMILY_UNIX == AF_UNIX,
               "families");
_Static_assert(sizeof(struct sockaddr_un) <= sizeof(((struct linux_address *)0)->bytes), "address size");
_Static_assert((int)LINUX_UNIX_NAME_BYTES == sizeof(((struct sockaddr_un *)0)->sun_path), "name size");

void linux_address_make(struct linux_address *address, int32_t family, const uint8_t *octets, uint16_t port, uint32_t scope) {
    memset(address, 0, sizeof *address);
    if (family == AF_INET) {
        struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&ipv4.sin_addr, octets, 4);
        memcpy(address->bytes, &ipv4, sizeof ipv4);
        address->length = sizeof ipv4;
    } else {
        struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = scope};
        memcpy(&ipv6.sin6_addr, octets, 16);
        memcpy(address->bytes, &ipv6, sizeof ipv6);
        address->length = sizeof ipv6;
    }
}

int32_t linux_address_family(const struct linux_address *address) {
    sa_family_t family;
    memcpy(&family, address->bytes, sizeof family);
    return address->length < sizeof family ? AF_UNSPEC : family;
}

uint16_t linux_address_parts(const struct linux_address *address, uint8_t *octets, uint32_t *scope) {
    *scope = 0;
    if (linux_address_family(address) == AF_INET) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, address->bytes, sizeof ipv4);
        memcpy(octets, &ipv4.sin_addr, 4);
        return ntohs(ipv4.sin_port);
    }
    if (linux_address_family(address) == AF_INET6) {
        struct sockaddr_in6 ipv6;
        memcpy(&ipv6, address->bytes, sizeof ipv6);
        memcpy(octets, &ipv6.sin6_addr, 16);
        *scope = ipv6.sin6_scope_id;
        return ntohs(ipv6.sin6_port);
    }
    return 0;
}

void linux_address_make_unix(struct linux_address *address, const uint8_t *name, size_t length) {
    memset(address, 0, sizeof *address);
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    memcpy(local.sun_path, name, length);
    memcpy(address->bytes, &local, sizeof local);
    // A path counts its NUL; an abstract name is as long as it is said to be.
    size_t terminator = length > 0 && name[0] != 0;
    address->length = (uint32_t)(offsetof(struct sockaddr_un, sun_path) + length + terminator);
}

size_t linux_address_unix_name(const struct linux_address *address, uint8_t *name) {
    size_t head = offsetof(struct sockaddr_un, sun_path);
    size_t length = address->length > head ? address->length - head : 0;
    if (length > LINUX_UNIX_NAME_BYTES) length = LINUX_UNIX_NAME_BYTES;
    memcpy(name, address->bytes + head, length);
    return length == 0 || name[0] == 0 ? length : strnlen((const char *)name, length);
}

static int address_of(int (*get)(int, struct sockaddr *, socklen_t *), int descriptor, struct linux_address *address) {
    socklen_t length = sizeof address->bytes;
    if (get(descriptor, (struct sockaddr *)address->bytes, &length) < 0) return -errno;
    address->length = length;
    return 0;
}

int linux_local_address(int32_t descriptor, struct linux_address *address) { return address_of(getsockname, descriptor, address); }
int linux_peer_address(int32_t descriptor, struct linux_address *address) { return address_of(getpeername, descriptor, address); }
