// One question to a file of SQLite, asked again and again. Blocks; one thread at a time has a connection.
#ifndef CSQLITE_H
#define CSQLITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Bytes of a reason at most, its NUL included.
#define CSQLITE_REASON_BYTES 256

typedef struct csqlite csqlite;

enum __attribute__((enum_extensibility(closed))) csqlite_outcome {
    csqlite_outcome_row,
    csqlite_outcome_none,
    /// It cannot say. The connection may be asked again.
    csqlite_outcome_failed,
    /// It cannot say, and the connection is to be closed.
    csqlite_outcome_lost,
};

/// Gets a column's text, or NULL bytes for SQL's NULL; valid until it returns.
typedef void (*csqlite_column)(void *context, const uint8_t *bytes, size_t length);

/// Opens the file for reading and has the question understood. NULL where that fails, with the reason.
csqlite *csqlite_open(const char *path, const char *question, char reason[CSQLITE_REASON_BYTES]);

/// Asks with `key` as the value of each parameter, for at most `patience_ns`.
///
/// - column: gets the first `columns_max` columns of the first row, one by one.
enum csqlite_outcome csqlite_ask(
    csqlite *connection, const uint8_t *key, size_t length, int64_t patience_ns, int columns_max,
    csqlite_column column, void *context, char reason[CSQLITE_REASON_BYTES]);

void csqlite_close(csqlite *connection);

#endif
