#define _GNU_SOURCE
#include "CCurl.h"

#include <curl/curl.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct ccurl_client {
    CURLM *multi;
    struct ccurl_client_options options;
    /// Sockets of kept connections that no transfer uses, in no order.
    int32_t *idle;
    size_t idle_count;
    size_t idle_room;
};

struct ccurl_transfer {
    CURL *curl;
    struct curl_slist *headers;
    struct curl_slist *resolved;
    struct ccurl_question question;
    char error[CURL_ERROR_SIZE];
};

static CURLcode library_status;

// Requests and answers hold passwords, and libcurl keeps copies of both: what it gives back is overwritten first.
static void free_overwritten(void *memory) {
    if (memory) explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

static void *grow_overwritten(void *memory, size_t size) {
    size_t held = memory ? malloc_usable_size(memory) : 0;
    if (memory && size <= held) return memory;
    void *larger = malloc(size);
    if (!larger) return NULL;
    if (memory) memcpy(larger, memory, held);
    free_overwritten(memory);
    return larger;
}

static void begin_library(void) {
    library_status = curl_global_init_mem(
        CURL_GLOBAL_DEFAULT, malloc, free_overwritten, grow_overwritten, strdup, calloc);
}

// MARK: Idle connections

static void forget_idle(struct ccurl_client *client, int32_t descriptor) {
    for (size_t i = 0; i < client->idle_count; i++) {
        if (client->idle[i] != descriptor) continue;
        client->idle[i] = client->idle[--client->idle_count];
        return;
    }
}

static void note_idle(struct ccurl_client *client, int32_t descriptor) {
    forget_idle(client, descriptor);
    if (client->idle_count == client->idle_room) {
        size_t room = client->idle_room ? 2 * client->idle_room : 16;
        int32_t *longer = realloc(client->idle, room * sizeof *longer);
        if (!longer) {
            shutdown(descriptor, SHUT_RDWR);
            return;
        }
        client->idle = longer;
        client->idle_room = room;
    }
    client->idle[client->idle_count++] = descriptor;
}

/// A connection on which the server has said something that nobody asked for is used no more: libcurl would take that
/// for the answer to the next request, which is about another client.
static void end_restless(const struct ccurl_client *client) {
    for (size_t i = 0; i < client->idle_count; i++) {
        char bytes[1024];
        ssize_t length = recv(client->idle[i], bytes, sizeof bytes, MSG_DONTWAIT);
        if (length < 0) continue;
        shutdown(client->idle[i], SHUT_RDWR);
        for (int rest = 64; rest > 0 && length > 0; rest--) {
            length = recv(client->idle[i], bytes, sizeof bytes, MSG_DONTWAIT);
        }
    }
}

// MARK: What libcurl calls

static int close_socket(void *context, curl_socket_t descriptor) {
    forget_idle(context, descriptor);
    return close(descriptor);
}

static int watch(CURL *curl, curl_socket_t descriptor, int what, void *context, void *socket) {
    (void)curl;
    (void)socket;
    struct ccurl_client *client = context;
    if (what == CURL_POLL_REMOVE) note_idle(client, descriptor);
    else forget_idle(client, descriptor);
    bool readable = what == CURL_POLL_IN || what == CURL_POLL_INOUT;
    bool writable = what == CURL_POLL_OUT || what == CURL_POLL_INOUT;
    client->options.watch(client->options.context, descriptor, readable, writable);
    return 0;
}

static int set_timer(CURLM *multi, long milliseconds, void *context) {
    (void)multi;
    const struct ccurl_client *client = context;
    client->options.set_timer(client->options.context, milliseconds);
    return 0;
}

int ccurl_client_open(ccurl_client **opened, const struct ccurl_client_options *options) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, begin_library);
    if (library_status != CURLE_OK) return -ENOMEM;
    struct ccurl_client *client = calloc(1, sizeof *client);
    if (!client) return -ENOMEM;
    client->options = *options;
    client->multi = curl_multi_init();
    if (!client->multi) {
        free(client);
        return -ENOMEM;
    }
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)options->connections_kept_max);
    *opened = client;
    return 0;
}

void ccurl_client_close(ccurl_client *client) {
    curl_multi_cleanup(client->multi);
    free(client->idle);
    free(client);
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context) {
    const struct ccurl_question *question = context;
    return question->header(question->context, (const uint8_t *)bytes, size * count) ? size * count : 0;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context) {
    const struct ccurl_question *question = context;
    // Nothing taken of nothing is no refusal.
    if (size * count == 0) return 0;
    return question->body(question->context, (const uint8_t *)bytes, size * count) ? size * count : 0;
}

/// A header may hold a password.
static void free_wiped(struct curl_slist *list) {
    for (struct curl_slist *entry = list; entry; entry = entry->next) explicit_bzero(entry->data, strlen(entry->data));
    curl_slist_free_all(list);
}

static void free_transfer(struct ccurl_transfer *transfer) {
    if (transfer->curl) curl_easy_cleanup(transfer->curl);
    free_wiped(transfer->headers);
    curl_slist_free_all(transfer->resolved);
    free(transfer);
}

static bool append(struct curl_slist **list, const char *text) {
    struct curl_slist *longer = curl_slist_append(*list, text);
    if (longer) *list = longer;
    return longer != NULL;
}

/// libcurl's own headers are not wanted: only what the caller states, and Host where it does not.
static bool take_headers(struct ccurl_transfer *transfer, const struct ccurl_question *question) {
    bool taken = append(&transfer->headers, "Accept:");
    for (size_t i = 0; taken && i < question->header_count; i++) {
        taken = append(&transfer->headers, question->headers[i]);
    }
    return taken && (!question->resolved || append(&transfer->resolved, question->resolved));
}

static CURLcode set_destination(CURL *curl, const struct ccurl_question *question) {
    CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, question->url);
    if (code != CURLE_OK || !question->unix_socket) return code;
    bool is_abstract = question->unix_socket[0] == '@';
    return curl_easy_setopt(
        curl, is_abstract ? CURLOPT_ABSTRACT_UNIX_SOCKET : CURLOPT_UNIX_SOCKET_PATH,
        question->unix_socket + (is_abstract ? 1 : 0));
}

static CURLcode set_up(struct ccurl_client *client, struct ccurl_transfer *transfer) {
    CURL *curl = transfer->curl;
    const struct ccurl_question *question = &transfer->question;
    CURLcode code = set_destination(curl, question);
    if (code == CURLE_OK && question->authorities_file) {
        code = curl_easy_setopt(curl, CURLOPT_CAINFO, question->authorities_file);
        // Else the system's directory of authorities vouches as well.
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
    curl_easy_setopt(curl, CURLOPT_CA_CACHE_TIMEOUT, (long)client->options.authorities_seconds_max);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_HTTP09_ALLOWED, question->takes_any_answer ? 1L : 0L);
    // A key in the path may be "..".
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)question->connect_timeout_ms);
    curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, (long)client->options.idle_seconds_max);
    curl_easy_setopt(curl, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(curl, CURLOPT_CLOSESOCKETDATA, client);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(curl, CURLOPT_RESOLVE, transfer->resolved);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, question->skips_verification ? 0L : 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, question->skips_verification ? 0L : 2L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->error);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer->question);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer->question);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, transfer);
    return code;
}

int ccurl_begin(ccurl_client *client, const struct ccurl_question *question, ccurl_transfer **begun) {
    struct ccurl_transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer) return -ENOMEM;
    transfer->question = *question;
    transfer->curl = curl_easy_init();
    int result = 0;
    if (!transfer->curl || !take_headers(transfer, question)) result = -ENOMEM;
    if (result == 0 && set_up(client, transfer) != CURLE_OK) result = -EINVAL;
    if (result == 0) end_restless(client);
    if (result == 0 && curl_multi_add_handle(client->multi, transfer->curl) != CURLM_OK) result = -EINVAL;
    transfer->question.headers = NULL;
    if (result == 0) *begun = transfer;
    else free_transfer(transfer);
    return result;
}

void ccurl_drop(ccurl_client *client, ccurl_transfer *transfer) {
    curl_multi_remove_handle(client->multi, transfer->curl);
    free_transfer(transfer);
}

static enum ccurl_outcome outcome_of(CURLcode code) {
    switch (code) {
    case CURLE_OK: return ccurl_outcome_complete;
    case CURLE_COULDNT_CONNECT: case CURLE_COULDNT_RESOLVE_HOST: return ccurl_outcome_unreachable;
    case CURLE_OPERATION_TIMEDOUT: return ccurl_outcome_timed_out;
    case CURLE_SSL_CONNECT_ERROR: case CURLE_PEER_FAILED_VERIFICATION: case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER: case CURLE_SSL_CERTPROBLEM: case CURLE_SSL_ISSUER_ERROR: return ccurl_outcome_insecure;
    case CURLE_GOT_NOTHING: case CURLE_RECV_ERROR: case CURLE_SEND_ERROR: case CURLE_PARTIAL_FILE:
    case CURLE_WEIRD_SERVER_REPLY: case CURLE_UNSUPPORTED_PROTOCOL: return ccurl_outcome_broken;
    case CURLE_WRITE_ERROR: return ccurl_outcome_declined;
    default: return ccurl_outcome_failed;
    }
}

static void tell_end(struct ccurl_client *client, struct ccurl_transfer *transfer, CURLcode code) {
    curl_multi_remove_handle(client->multi, transfer->curl);
    char text[CURL_ERROR_SIZE];
    long reason = 0;
    // libcurl names the URL, which says nothing of a Unix socket.
    if (code == CURLE_COULDNT_CONNECT) curl_easy_getinfo(transfer->curl, CURLINFO_OS_ERRNO, &reason);
    const char *detail = transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(code);
    snprintf(text, sizeof text, "%s", reason != 0 ? strerror((int)reason) : detail);
    const struct ccurl_question question = transfer->question;
    free_transfer(transfer);
    question.ended(question.context, outcome_of(code), text);
}

void ccurl_process(ccurl_client *client, int32_t descriptor, bool readable, bool writable) {
    int running = 0;
    int events = (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(client->multi, descriptor < 0 ? CURL_SOCKET_TIMEOUT : descriptor, events, &running);
    int left = 0;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &left))) {
        if (message->msg != CURLMSG_DONE) continue;
        CURLcode code = message->data.result;
        struct ccurl_transfer *transfer = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        tell_end(client, transfer, code);
    }
}
