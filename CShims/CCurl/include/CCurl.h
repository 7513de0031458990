// HTTP requests by libcurl: one that is waited for, or many at once on an event loop. No proxy, no redirection, nothing
// from the environment.
#ifndef CCURL_H
#define CCURL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CCURL_CLOSED_ENUM __attribute__((enum_extensibility(closed)))

// MARK: One request, over plain HTTP

struct ccurl_request {
    const char *url;
    /// The path of a Unix socket to connect to, or `@` and an abstract name; NULL: what the URL says.
    const char *unix_socket;
    uint32_t timeout_ms;
    /// A longer answer is a failure.
    size_t body_bytes_max;
};

struct ccurl_answer {
    /// The status of HTTP; 0 where there was no answer.
    int32_t status;
    /// To be given back by `ccurl_release`.
    uint8_t *body;
    size_t length;
    /// Why there was no answer.
    char error[256];
};

/// Asks with GET. Blocks until there is an answer or the time is over. One thread at a time.
void ccurl_get(const struct ccurl_request *request, struct ccurl_answer *answer);
void ccurl_release(struct ccurl_answer *answer);

// MARK: Many requests, for an event loop that watches libcurl's sockets itself
//
// Nothing here waits. A client belongs to one thread. Its functions must not be called out of its callbacks.

typedef struct ccurl_client ccurl_client;
typedef struct ccurl_transfer ccurl_transfer;

struct ccurl_client_options {
    void *context;  // the first argument of the callbacks
    /// A socket is to be watched for what is true, from now on; neither: it may be closed next.
    void (*watch)(void *context, int32_t descriptor, bool readable, bool writable);
    /// In so many milliseconds ccurl_process is to be called even though nothing is ready; 0: as soon as libcurl has
    /// returned; negative: never.
    void (*set_timer)(void *context, int64_t milliseconds);
    uint32_t connections_kept_max;  // idle ones that wait for the next request
    uint32_t idle_seconds_max;  // how old an idle one may be
    uint32_t authorities_seconds_max;  // for how long what a file of authorities said is gone on with
};

/// How a request ended.
enum CCURL_CLOSED_ENUM ccurl_outcome {
    /// There is an answer.
    ccurl_outcome_complete,
    /// No connection.
    ccurl_outcome_unreachable,
    ccurl_outcome_timed_out,
    /// No TLS, or none that can be trusted.
    ccurl_outcome_insecure,
    /// The connection ended in the middle, or what came is no HTTP.
    ccurl_outcome_broken,
    /// `header` or `body` has said no.
    ccurl_outcome_declined,
    /// Anything else.
    ccurl_outcome_failed,
};

/// What is asked, with GET. Copied, but for `context`.
struct ccurl_question {
    const char *url;  // http or https
    const char *unix_socket;  // as in ccurl_request
    /// `name:port:address,address`: what the host name of the URL stands for; NULL where it is an address.
    const char *resolved;
    /// `Name: value`, or `Name;` for an empty value. No CR, no LF.
    const char *const *headers;
    size_t header_count;
    /// PEM; NULL: those of the system.
    const char *authorities_file;
    bool skips_verification;
    uint32_t connect_timeout_ms;
    /// An answer without a status line is taken for a body (HTTP/0.9).
    bool takes_any_answer;
    void *context;  // the first argument of the callbacks
    /// A line of the answer's header with its line end, the status line and the empty line too. False: enough.
    bool (*header)(void *context, const uint8_t *bytes, size_t length);
    /// A piece of the body. False: enough.
    bool (*body)(void *context, const uint8_t *bytes, size_t length);
    /// The end, called by ccurl_process once, unless ccurl_drop comes before. The transfer is gone then.
    void (*ended)(void *context, enum ccurl_outcome outcome, const char *text);
};

/// 0 or a negative errno.
int ccurl_client_open(ccurl_client **client, const struct ccurl_client_options *options);
/// Closes a client without transfers, and its connections.
void ccurl_client_close(ccurl_client *client);
/// Begins: 0 or a negative errno. Callbacks follow from ccurl_process.
int ccurl_begin(ccurl_client *client, const struct ccurl_question *question, ccurl_transfer **transfer);
/// Ends a transfer that has not ended, and its connection.
void ccurl_drop(ccurl_client *client, ccurl_transfer *transfer);
/// Goes on where `descriptor` is ready (-1: none), and looks what has timed out.
void ccurl_process(ccurl_client *client, int32_t descriptor, bool readable, bool writable);

#endif
