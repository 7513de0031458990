#define _GNU_SOURCE
#include "CMicroHTTPD.h"

#include <fcntl.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum phase { listening, answering, answered };

struct place {
    int descriptor;  // -1: free
    enum phase phase;
    uint64_t begun_ms;  // the phase
};

struct cmicrohttpd_server {
    struct MHD_Daemon *daemon;
    struct cmicrohttpd_options options;
    /// Guards the places. A descriptor stands there only while libmicrohttpd has not closed it.
    pthread_mutex_t mutex;
    size_t count;
    struct place places[];
};

struct cmicrohttpd_answer {
    struct MHD_Response *response;
    uint32_t status;
};

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// ---- connections ----

static void note_connection(
    void *context, struct MHD_Connection *connection, void **socket_context, enum MHD_ConnectionNotificationCode code) {
    cmicrohttpd_server *server = context;
    pthread_mutex_lock(&server->mutex);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        for (size_t index = 0; info != NULL && index < server->options.connections_max; index++) {
            struct place *place = &server->places[index];
            if (place->descriptor >= 0) continue;
            *place = (struct place){.descriptor = info->connect_fd, .phase = listening, .begun_ms = now_ms()};
            *socket_context = place;
            server->count++;
            break;
        }
    } else if (*socket_context != NULL) {
        ((struct place *)*socket_context)->descriptor = -1;
        *socket_context = NULL;
        server->count--;
    }
    pthread_mutex_unlock(&server->mutex);
}

static void enter(cmicrohttpd_server *server, struct MHD_Connection *connection, enum phase phase) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct place *place = info == NULL ? NULL : info->socket_context;
    if (place == NULL) return;
    pthread_mutex_lock(&server->mutex);
    place->phase = phase;
    place->begun_ms = now_ms();
    pthread_mutex_unlock(&server->mutex);
}

size_t cmicrohttpd_expire(cmicrohttpd_server *server, uint64_t request_ms, uint64_t answer_ms) {
    size_t expired = 0;
    pthread_mutex_lock(&server->mutex);
    uint64_t now = now_ms();
    for (size_t index = 0; index < server->options.connections_max; index++) {
        struct place *place = &server->places[index];
        uint64_t age_ms = place->phase == listening ? request_ms : answer_ms;
        if (place->descriptor < 0 || place->phase == answering || now - place->begun_ms < age_ms) continue;
        // libmicrohttpd sees the end of the connection and closes it.
        shutdown(place->descriptor, SHUT_RDWR);
        expired++;
    }
    pthread_mutex_unlock(&server->mutex);
    return expired;
}

size_t cmicrohttpd_connections(cmicrohttpd_server *server) {
    pthread_mutex_lock(&server->mutex);
    size_t count = server->count;
    pthread_mutex_unlock(&server->mutex);
    return count;
}

// ---- answers ----

static void add_fields(struct MHD_Response *response, const char *content_type) {
    static const char *const fields[][2] = {
        {MHD_HTTP_HEADER_CONNECTION, "close"},
        {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Content-Security-Policy",
         "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    };
    for (size_t index = 0; index < sizeof fields / sizeof *fields; index++) {
        MHD_add_response_header(response, fields[index][0], fields[index][1]);
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
}

void cmicrohttpd_answer_set(
    cmicrohttpd_answer *answer, uint32_t status, const char *content_type, const uint8_t *body, size_t length) {
    if (answer->response != NULL) return;
    answer->response = MHD_create_response_from_buffer(length, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
    answer->status = status;
    if (answer->response != NULL) add_fields(answer->response, content_type);
}

static void set_text(cmicrohttpd_answer *answer, uint32_t status, const char *text) {
    cmicrohttpd_answer_set(answer, status, "text/plain; charset=utf-8", (const uint8_t *)text, strlen(text));
}

static enum MHD_Result answer_request(
    void *context, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
    const char *upload, size_t *upload_length, void **request_context) {
    (void)version, (void)upload;
    static int mark;
    cmicrohttpd_server *server = context;
    // A body is not read: who sends one is answered when it has been skipped, or cut off for taking too long.
    if (*request_context == NULL) {
        *request_context = &mark;
        return MHD_YES;
    }
    if (*upload_length > 0) {
        *upload_length = 0;
        return MHD_YES;
    }
    enter(server, connection, answering);
    cmicrohttpd_answer answer = {0};
    bool is_known = strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    if (is_known) {
        struct cmicrohttpd_request request = {
            .path = url,
            .host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST),
            .limit = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "limit"),
        };
        server->options.handler(server->options.context, &request, &answer);
        if (answer.response == NULL) set_text(&answer, MHD_HTTP_INTERNAL_SERVER_ERROR, "no answer\n");
    } else {
        set_text(&answer, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD alone are understood here\n");
        if (answer.response != NULL) MHD_add_response_header(answer.response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    enter(server, connection, answered);
    if (answer.response == NULL) return MHD_NO;
    enum MHD_Result result = MHD_queue_response(connection, answer.status, answer.response);
    MHD_destroy_response(answer.response);
    return result;
}

// ---- life ----

cmicrohttpd_server *cmicrohttpd_start(int32_t listener, struct cmicrohttpd_options options) {
    cmicrohttpd_server *server = calloc(1, sizeof *server + options.connections_max * sizeof *server->places);
    if (server == NULL) return NULL;
    server->options = options;
    pthread_mutex_init(&server->mutex, NULL);
    for (size_t index = 0; index < options.connections_max; index++) server->places[index].descriptor = -1;
    // It accepts until there is nobody left.
    fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK);
    // The inner timeout is for silence; the age of a connection is limited by cmicrohttpd_expire.
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, answer_request, server, MHD_OPTION_LISTEN_SOCKET,
        (MHD_socket)listener, MHD_OPTION_CONNECTION_LIMIT, (unsigned int)options.connections_max,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options.connection_bytes_max, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned int)10, MHD_OPTION_NOTIFY_CONNECTION, note_connection, server, MHD_OPTION_END);
    if (server->daemon != NULL) return server;
    pthread_mutex_destroy(&server->mutex);
    free(server);
    return NULL;
}

void cmicrohttpd_stop(cmicrohttpd_server *server) {
    // After this the socket is not libmicrohttpd's to close.
    MHD_quiesce_daemon(server->daemon);
    MHD_stop_daemon(server->daemon);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}
