// A small HTTP server by libmicrohttpd: one thread of its own, a bounded number of connections, GET and HEAD only, one
// request a connection. For pages that people and scrapers read; nothing is taken from them but a path.
#ifndef CMICROHTTPD_H
#define CMICROHTTPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cmicrohttpd_server cmicrohttpd_server;

/// What a client asks for; valid until the answer has been given. All of it comes from outside.
struct cmicrohttpd_request {
    const char *path;
    /// NULL where there is none.
    const char *host;
    /// The value of the argument `limit`; NULL where there is none.
    const char *limit;
};

/// An answer that is being put together.
typedef struct cmicrohttpd_answer cmicrohttpd_answer;

/// Gives the answer its status, its type and its body, which is copied. Once.
void cmicrohttpd_answer_set(
    cmicrohttpd_answer *answer, uint32_t status, const char *content_type, const uint8_t *body, size_t length);

/// Called on the server's thread for each request; gives the answer by `cmicrohttpd_answer_set`, else it is a 500.
typedef void (*cmicrohttpd_handler)(
    void *context, const struct cmicrohttpd_request *request, cmicrohttpd_answer *answer);

struct cmicrohttpd_options {
    uint32_t connections_max;
    /// Bytes of a request's line and fields, and of what is needed to answer it.
    size_t connection_bytes_max;
    cmicrohttpd_handler handler;
    void *context;
};

/// Serves at a listening socket, which stays the caller's. NULL where the system does not allow it. Signals that the
/// calling thread blocks are blocked in the server's thread.
cmicrohttpd_server *cmicrohttpd_start(int32_t listener, struct cmicrohttpd_options options);
/// Ends connections that have been there for `request_ms` without a whole request, and those that have not taken their
/// answer within `answer_ms`; their number.
size_t cmicrohttpd_expire(cmicrohttpd_server *server, uint64_t request_ms, uint64_t answer_ms);
/// Connections there are.
size_t cmicrohttpd_connections(cmicrohttpd_server *server);
/// Stops listening, ends all connections and the thread. No handler runs any more when it returns.
void cmicrohttpd_stop(cmicrohttpd_server *server);

#endif
