// The grammar of Redis' replies (RESP), by hiredis. It knows no connection: it gets bytes and gives replies.
#ifndef CHIREDIS_H
#define CHIREDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Bytes of a reply's text at most; more is no reply.
#define CHIREDIS_TEXT_BYTES (64 << 10)

typedef struct chiredis chiredis;

enum __attribute__((enum_extensibility(closed))) chiredis_kind {
    /// There is no whole reply.
    chiredis_kind_incomplete,
    chiredis_kind_nil,
    chiredis_kind_text,
    chiredis_kind_status,
    chiredis_kind_error,
    chiredis_kind_integer,
    /// It is no reply, or one of a kind that is not expected here. Nothing more can be read.
    chiredis_kind_broken,
};

/// NULL where there is no memory.
chiredis *chiredis_open(void);
void chiredis_close(chiredis *reader);

/// Adds bytes that have come. False where they cannot be taken.
bool chiredis_feed(chiredis *reader, const uint8_t *bytes, size_t length);

/// The next reply of those that have come.
enum chiredis_kind chiredis_next(chiredis *reader);

/// The text of the reply that came last, for as long as none is asked for; not ended by a NUL.
const uint8_t *chiredis_text_of(const chiredis *reader, size_t *length);

#endif
