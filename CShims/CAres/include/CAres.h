// Names to addresses by c-ares, for an event loop that watches c-ares' sockets itself.
//
// Nothing here waits, but for the reading of /etc/hosts. A channel belongs to one thread. Its functions must not be
// called out of its callbacks.
#ifndef CARES_H
#define CARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CARES_CLOSED_ENUM __attribute__((enum_extensibility(closed)))

typedef struct cares_channel cares_channel;

struct cares_server {
    uint8_t octets[16];  // in network order
    uint32_t octet_count;  // 4 or 16
    uint16_t port;  // UDP and TCP
};

/// How a name's resolution ended.
enum CARES_CLOSED_ENUM cares_outcome {
    cares_outcome_found,
    /// The name does not exist (NXDOMAIN).
    cares_outcome_not_found,
    /// The name exists, without an address (NODATA).
    cares_outcome_no_address,
    cares_outcome_timed_out,
    /// It cannot be the name of a host.
    cares_outcome_bad_name,
    /// cares_cancel was called.
    cares_outcome_cancelled,
    /// Anything else; `text` of the callback says what.
    cares_outcome_failed,
};

struct cares_options {
    const struct cares_server *servers;
    size_t server_count;  // 0: those of /etc/resolv.conf
    int32_t timeout_ms;  // of the first try; it doubles with each round through the servers
    int32_t tries;  // each server's
    bool search;  // complete short names by the domains of /etc/resolv.conf
    void *context;  // the first argument of `watch`
    /// A socket is to be watched for what is true, from now on; neither: it is about to be closed.
    void (*watch)(void *context, int32_t descriptor, bool readable, bool writable);
    /// One address (4 or 16 octets) of the name that `name` stands for; of an address, one name, without a NUL.
    void (*address)(void *name, const uint8_t *octets, uint32_t octet_count);
    /// The end of a name's resolution, after its addresses, once. `ttl_seconds` is the least of all records used; `text`
    /// describes the outcome.
    void (*ended)(void *name, enum cares_outcome outcome, uint32_t ttl_seconds, const char *text);
};

/// Opens a channel: 0 or a negative errno (-EIO: /etc/resolv.conf cannot be read).
int cares_open(cares_channel **channel, const struct cares_options *options);
/// Closes a channel with no name in flight.
void cares_close(cares_channel *channel);
/// Begins to resolve `host`, by /etc/hosts first. `name` is handed to `address` and `ended`, which may be called before
/// this returns: what is not asked of a server ends at once. An address in words stands for itself.
void cares_resolve(cares_channel *channel, const char *host, void *name);
/// Begins to look for the names of an address (4 or 16 octets) by its PTR records. There is no TTL: `ended` is told 0.
void cares_reverse(cares_channel *channel, const uint8_t *octets, uint32_t octet_count, void *name);
/// Ends all names in flight.
void cares_cancel(cares_channel *channel);
/// Goes on where these descriptors are ready (-1: none), and looks what has timed out.
void cares_process(cares_channel *channel, int32_t readable, int32_t writable);
/// Nanoseconds until cares_process is to be called even though nothing is ready; negative where nothing is in flight.
int64_t cares_patience_ns(const cares_channel *channel);

#endif
