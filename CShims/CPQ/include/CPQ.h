// One question to a server of PostgreSQL, asked again and again. Blocks; one thread at a time has a connection.
#ifndef CPQ_H
#define CPQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Bytes of a reason at most, its NUL included.
#define CPQ_REASON_BYTES 256

typedef struct cpq cpq;

enum __attribute__((enum_extensibility(closed))) cpq_outcome {
    cpq_outcome_row,
    cpq_outcome_none,
    /// It cannot say. The connection may be asked again.
    cpq_outcome_failed,
    /// It cannot say, and the connection is to be closed.
    cpq_outcome_lost,
};

/// Where the server is. Text ends with a NUL; NULL where there is none.
typedef struct cpq_source {
    /// A connection string of libpq's. Nothing else is looked at then but the password.
    const char *words;
    /// A name or an address, or the folder of a Unix socket.
    const char *host;
    uint16_t port;
    const char *user;
    const char *password;
    const char *database;
    /// A file of certificates: the server must have one of theirs, in its host's name.
    const char *tls_ca;
} cpq_source;

/// Gets a column's text, or NULL bytes for SQL's NULL; valid until it returns.
typedef void (*cpq_column)(void *context, const uint8_t *bytes, size_t length);

/// Whether `words` are a connection string. The library's own words about one that is none have parts of it in them, of
/// the password for one.
bool cpq_understands(const char *words);

/// Connects within `patience_ns`, which then is what the server gives to each question. NULL where that fails, with the
/// reason.
///
/// - question: kept; its parameter is `$1`.
cpq *cpq_open(const cpq_source *source, const char *question, int64_t patience_ns, char reason[CPQ_REASON_BYTES]);

/// Asks with `key`, which ends with a NUL, as the value of the parameter, for at most `patience_ns`.
///
/// - column: gets the first `columns_max` columns of the first row, one by one.
enum cpq_outcome cpq_ask(
    cpq *connection, const char *key, int64_t patience_ns, int columns_max, cpq_column column, void *context,
    char reason[CPQ_REASON_BYTES]);

void cpq_close(cpq *connection);

#endif
