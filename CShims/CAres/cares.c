#define _GNU_SOURCE
#include "CAres.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

struct cares_channel {
    ares_channel ares;
    struct cares_options options;
};

struct pending {
    const struct cares_options *options;
    void *name;
};

static int library_status;

static void begin_library(void) { library_status = ares_library_init(ARES_LIB_INIT_ALL); }

static int error_of(int status) {
    switch (status) {
    case ARES_SUCCESS: return 0;
    case ARES_ENOMEM: return -ENOMEM;
    case ARES_EFILE: return -EIO;
    default: return -EINVAL;
    }
}

static void watch(void *data, ares_socket_t descriptor, int readable, int writable) {
    const struct cares_channel *channel = data;
    channel->options.watch(channel->options.context, descriptor, readable != 0, writable != 0);
}

static int set_servers(ares_channel ares, const struct cares_options *options) {
    if (options->server_count == 0) return ARES_SUCCESS;
    struct ares_addr_port_node *nodes = calloc(options->server_count, sizeof *nodes);
    if (!nodes) return ARES_ENOMEM;
    for (size_t i = 0; i < options->server_count; i++) {
        const struct cares_server *server = &options->servers[i];
        nodes[i].next = i + 1 < options->server_count ? &nodes[i + 1] : NULL;
        nodes[i].family = server->octet_count == 4 ? AF_INET : AF_INET6;
        memcpy(&nodes[i].addr, server->octets, server->octet_count);
        nodes[i].udp_port = nodes[i].tcp_port = server->port;
    }
    int status = ares_set_servers_ports(ares, nodes);
    free(nodes);
    return status;
}

int cares_open(cares_channel **opened, const struct cares_options *options) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, begin_library);
    if (library_status != ARES_SUCCESS) return error_of(library_status);
    struct cares_channel *channel = calloc(1, sizeof *channel);
    if (!channel) return -ENOMEM;
    channel->options = *options;
    struct ares_options chosen = {
        .flags = ARES_FLAG_NOALIASES,
        .timeout = options->timeout_ms,
        .tries = options->tries,
        .lookups = (char *)"fb",  // /etc/hosts, then the servers; whatever nsswitch.conf says
        .sock_state_cb = watch,
        .sock_state_cb_data = channel,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
    if (!options->search) mask |= ARES_OPT_DOMAINS;  // none of them: ares_getaddrinfo does not look at the flag for it
    int status = ares_init_options(&channel->ares, &chosen, mask);
    if (status == ARES_SUCCESS) {
        status = set_servers(channel->ares, options);
        if (status != ARES_SUCCESS) ares_destroy(channel->ares);
    }
    channel->options.servers = NULL;
    if (status == ARES_SUCCESS) *opened = channel;
    else free(channel);
    return error_of(status);
}

void cares_close(cares_channel *channel) {
    ares_destroy(channel->ares);
    free(channel);
}

static enum cares_outcome outcome_of(int status) {
    switch (status) {
    case ARES_SUCCESS: return cares_outcome_found;
    case ARES_ENOTFOUND: case ARES_ENONAME: return cares_outcome_not_found;
    case ARES_ENODATA: return cares_outcome_no_address;
    case ARES_ETIMEOUT: return cares_outcome_timed_out;
    case ARES_EBADNAME: return cares_outcome_bad_name;
    case ARES_ECANCELLED: case ARES_EDESTRUCTION: return cares_outcome_cancelled;
    default: return cares_outcome_failed;
    }
}

/// c-ares 1.18 forgets why it went on to the next server, and says of the last one too that it could not be reached.
static const char *text_of(int status) {
    return status == ARES_ECONNREFUSED ? "each could not be reached, failed or refused" : ares_strerror(status);
}

static void tell_address(const struct pending *pending, const struct ares_addrinfo_node *node) {
    if (node->ai_family == AF_INET && node->ai_addrlen >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, node->ai_addr, sizeof ipv4);
        pending->options->address(pending->name, (const uint8_t *)&ipv4.sin_addr, 4);
    } else if (node->ai_family == AF_INET6 && node->ai_addrlen >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 ipv6;
        memcpy(&ipv6, node->ai_addr, sizeof ipv6);
        pending->options->address(pending->name, (const uint8_t *)&ipv6.sin6_addr, 16);
    }
}

/// RFC 2181, section 8: a TTL with the highest bit set is zero.
static uint32_t least(uint32_t ttl, int record) {
    uint32_t seconds = record < 0 ? 0 : (uint32_t)record;
    return seconds < ttl ? seconds : ttl;
}

static void resolved(void *argument, int status, int timeouts, struct ares_addrinfo *result) {
    (void)timeouts;
    struct pending *pending = argument;
    uint32_t ttl = UINT32_MAX;
    if (status == ARES_SUCCESS && result) {
        for (const struct ares_addrinfo_cname *cname = result->cnames; cname; cname = cname->next) ttl = least(ttl, cname->ttl);
        for (const struct ares_addrinfo_node *node = result->nodes; node; node = node->ai_next) {
            ttl = least(ttl, node->ai_ttl);
            tell_address(pending, node);
        }
    }
    if (result) ares_freeaddrinfo(result);
    pending->options->ended(pending->name, outcome_of(status), ttl, text_of(status));
    free(pending);
}

/// What would be asked of a server even so: c-ares 1.18 looks for an IPv4 address of both families.
static bool resolve_literally(const struct cares_options *options, const char *host, void *name) {
    uint8_t octets[16];
    bool is_ipv4 = inet_pton(AF_INET, host, octets) == 1;
    if (!is_ipv4 && inet_pton(AF_INET6, host, octets) != 1) return false;
    options->address(name, octets, is_ipv4 ? 4 : 16);
    options->ended(name, cares_outcome_found, 0, text_of(ARES_SUCCESS));
    return true;
}

void cares_resolve(cares_channel *channel, const char *host, void *name) {
    if (resolve_literally(&channel->options, host, name)) return;
    struct pending *pending = malloc(sizeof *pending);
    if (!pending) {
        channel->options.ended(name, cares_outcome_failed, 0, text_of(ARES_ENOMEM));
        return;
    }
    *pending = (struct pending){.options = &channel->options, .name = name};
    // Unsorted: to sort means to open a socket to each address and see which the kernel would take.
    struct ares_addrinfo_hints hints = {.ai_flags = ARES_AI_NOSORT, .ai_family = AF_UNSPEC};
    ares_getaddrinfo(channel->ares, host, NULL, &hints, resolved, pending);
}

static void tell_name(const struct pending *pending, const char *name) {
    pending->options->address(pending->name, (const uint8_t *)name, (uint32_t)strlen(name));
}

static void named(void *argument, int status, int timeouts, unsigned char *answer, int length) {
    (void)timeouts;
    struct pending *pending = argument;
    struct hostent *host = NULL;
    if (status == ARES_SUCCESS) status = ares_parse_ptr_reply(answer, length, NULL, 0, AF_UNSPEC, &host);
    if (status == ARES_SUCCESS && host && host->h_name) {
        tell_name(pending, host->h_name);
        for (char **alias = host->h_aliases; alias && *alias; alias++) {
            if (strcmp(*alias, host->h_name) != 0) tell_name(pending, *alias);
        }
    }
    if (host) ares_free_hostent(host);
    pending->options->ended(pending->name, outcome_of(status), 0, text_of(status));
    free(pending);
}

/// 32 digits with a dot each, and `ip6.arpa`.
enum { reverse_name_size = 80 };

static void write_reverse_name(char text[reverse_name_size], const uint8_t *octets, uint32_t octet_count) {
    static const char digits[] = "0123456789abcdef";
    if (octet_count == 4) {
        snprintf(text, reverse_name_size, "%u.%u.%u.%u.in-addr.arpa", octets[3], octets[2], octets[1], octets[0]);
        return;
    }
    for (uint32_t i = 16; i > 0; i--) {
        *text++ = digits[octets[i - 1] & 15];
        *text++ = '.';
        *text++ = digits[octets[i - 1] >> 4];
        *text++ = '.';
    }
    memcpy(text, "ip6.arpa", sizeof "ip6.arpa");
}

void cares_reverse(cares_channel *channel, const uint8_t *octets, uint32_t octet_count, void *name) {
    struct pending *pending = malloc(sizeof *pending);
    if (!pending) {
        channel->options.ended(name, cares_outcome_failed, 0, text_of(ARES_ENOMEM));
        return;
    }
    *pending = (struct pending){.options = &channel->options, .name = name};
    char text[reverse_name_size];
    write_reverse_name(text, octets, octet_count);
    // ares_gethostbyaddr says of each failure that there is no such name.
    ares_query(channel->ares, text, 1 /* IN */, 12 /* PTR */, named, pending);
}

void cares_cancel(cares_channel *channel) { ares_cancel(channel->ares); }

void cares_process(cares_channel *channel, int32_t readable, int32_t writable) {
    ares_process_fd(channel->ares, readable < 0 ? ARES_SOCKET_BAD : readable, writable < 0 ? ARES_SOCKET_BAD : writable);
}

int64_t cares_patience_ns(const cares_channel *channel) {
    struct timeval left;
    if (!ares_timeout(channel->ares, NULL, &left)) return -1;
    return (int64_t)left.tv_sec * 1000000000 + (int64_t)left.tv_usec * 1000;
}
