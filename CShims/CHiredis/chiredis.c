#define _GNU_SOURCE
#include "CHiredis.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

struct chiredis {
    redisReader *reader;
    enum chiredis_kind kind;
    size_t length;
    /// Fed since the last whole reply.
    size_t unread;
    uint8_t text[CHIREDIS_TEXT_BYTES];
};

/// The markup of a reply in bytes at most: kind, length, two ends of lines.
enum { markup_max = 64 };

// What is made of a reply is kept in one place. An object that is refused (NULL) ends the reading.

static void *take(const redisReadTask *task, enum chiredis_kind kind) {
    chiredis *reader = task->privdata;
    if (task->parent) return NULL;
    reader->kind = kind;
    return reader;
}

static void *take_text(const redisReadTask *task, char *text, size_t length) {
    chiredis *reader = task->privdata;
    if (length > sizeof reader->text) return NULL;
    memcpy(reader->text, text, length);
    reader->length = length;
    switch (task->type) {
    case REDIS_REPLY_STRING: return take(task, chiredis_kind_text);
    case REDIS_REPLY_STATUS: return take(task, chiredis_kind_status);
    case REDIS_REPLY_ERROR: return take(task, chiredis_kind_error);
    default: return NULL;
    }
}

#if HIREDIS_MAJOR >= 1
static void *take_array(const redisReadTask *task, size_t elements) {
#else
static void *take_array(const redisReadTask *task, int elements) {
#endif
    (void)task;
    (void)elements;
    return NULL;
}

static void *take_integer(const redisReadTask *task, long long value) {
    (void)value;
    return take(task, chiredis_kind_integer);
}

static void *take_nil(const redisReadTask *task) { return take(task, chiredis_kind_nil); }

static void forget(void *object) { (void)object; }

static redisReplyObjectFunctions functions = {
    .createString = take_text,
    .createArray = take_array,
    .createInteger = take_integer,
    .createNil = take_nil,
    .freeObject = forget,
};

chiredis *chiredis_open(void) {
    chiredis *reader = calloc(1, sizeof *reader);
    if (!reader) return NULL;
    reader->reader = redisReaderCreateWithFunctions(&functions);
    if (!reader->reader) {
        free(reader);
        return NULL;
    }
    reader->reader->privdata = reader;
    return reader;
}

void chiredis_close(chiredis *reader) {
    redisReaderFree(reader->reader);
    free(reader);
}

bool chiredis_feed(chiredis *reader, const uint8_t *bytes, size_t length) {
    reader->unread += length;
    return redisReaderFeed(reader->reader, (const char *)bytes, length) == REDIS_OK;
}

enum chiredis_kind chiredis_next(chiredis *reader) {
    void *object = NULL;
    reader->kind = chiredis_kind_broken;
    reader->length = 0;
    if (redisReaderGetReply(reader->reader, &object) != REDIS_OK) return chiredis_kind_broken;
    if (object) {
        reader->unread = reader->reader->len - reader->reader->pos;
        return reader->kind;
    }
    // A reply that only ever grows is none.
    return reader->unread > CHIREDIS_TEXT_BYTES + markup_max ? chiredis_kind_broken : chiredis_kind_incomplete;
}

const uint8_t *chiredis_text_of(const chiredis *reader, size_t *length) {
    *length = reader->length;
    return reader->text;
}
