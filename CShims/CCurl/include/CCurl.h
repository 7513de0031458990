// One HTTP request by libcurl, waited for. Plain HTTP alone; no proxy, no redirection, nothing from the environment.
#ifndef CCURL_H
#define CCURL_H

#include <stddef.h>
#include <stdint.h>

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

#endif
