#define _GNU_SOURCE
#include "CCurl.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct collection {
    struct ccurl_answer *answer;
    size_t bytes_max;
};

static size_t collect(char *bytes, size_t size, size_t count, void *context) {
    struct collection *collection = context;
    struct ccurl_answer *answer = collection->answer;
    size_t length = size * count;
    if (length > collection->bytes_max - answer->length) return 0;
    uint8_t *body = realloc(answer->body, answer->length + length + 1);
    if (body == NULL) return 0;
    memcpy(body + answer->length, bytes, length);
    answer->body = body;
    answer->length += length;
    return length;
}

static void set_socket(CURL *curl, const char *path) {
    if (path == NULL) return;
    if (path[0] == '@') {
        curl_easy_setopt(curl, CURLOPT_ABSTRACT_UNIX_SOCKET, path + 1);
    } else {
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, path);
    }
}

void ccurl_get(const struct ccurl_request *request, struct ccurl_answer *answer) {
    *answer = (struct ccurl_answer){.status = 0};
    struct collection collection = {.answer = answer, .bytes_max = request->body_bytes_max};
    char detail[CURL_ERROR_SIZE] = "";
    CURL *curl = curl_easy_init();
    if (curl == NULL) {
        snprintf(answer->error, sizeof answer->error, "libcurl cannot be used");
        return;
    }
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &collection);
    set_socket(curl, request->unix_socket);
    CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK) {
        long status = 0;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        answer->status = (int32_t)status;
    } else {
        // Of a socket that cannot be connected libcurl names the URL, which says nothing of a Unix socket.
        long reason = 0;
        if (code == CURLE_COULDNT_CONNECT) curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &reason);
        if (reason != 0) snprintf(detail, sizeof detail, "%s", strerror((int)reason));
        snprintf(answer->error, sizeof answer->error, "%s", detail[0] != '\0' ? detail : curl_easy_strerror(code));
    }
    curl_easy_cleanup(curl);
}

void ccurl_release(struct ccurl_answer *answer) {
    free(answer->body);
    *answer = (struct ccurl_answer){.status = 0};
}
