// One question to a server of MariaDB or MySQL, asked again and again. Blocks; one thread has a connection.
#ifndef CMARIADB_H
#define CMARIADB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Bytes of a reason at most, its NUL included.
#define CMARIADB_REASON_BYTES 256
/// Bytes of a column's text at most.
#define CMARIADB_VALUE_BYTES 4096
/// Columns of an answer at most.
#define CMARIADB_COLUMNS_MAX 8

typedef struct cmariadb cmariadb;

enum __attribute__((enum_extensibility(closed))) cmariadb_outcome {
    cmariadb_outcome_row,
    cmariadb_outcome_none,
    /// It cannot say. The connection may be asked again.
    cmariadb_outcome_failed,
    /// It cannot say, and the connection is to be closed.
    cmariadb_outcome_lost,
};

/// Where the server is. Text ends with a NUL; NULL where there is none.
typedef struct cmariadb_source {
    /// Not looked at where there is a socket.
    const char *host;
    uint16_t port;
    const char *socket;
    const char *user;
    const char *password;
    const char *database;
    /// A file of certificates: the server must have one of theirs, in its host's name.
    const char *tls_ca;
    /// For connecting, and for each wait for the server.
    unsigned timeout_seconds;
} cmariadb_source;

/// Gets a column's text, or NULL bytes for SQL's NULL; valid until it returns.
typedef void (*cmariadb_column)(void *context, const uint8_t *bytes, size_t length);

/// Connects and has the question understood. NULL where that fails, with the reason.
cmariadb *cmariadb_open(const cmariadb_source *source, const char *question, char reason[CMARIADB_REASON_BYTES]);

/// Asks with `key` as the value of each parameter.
///
/// - column: gets the columns of the first row, one by one.
enum cmariadb_outcome cmariadb_ask(
    cmariadb *connection, const uint8_t *key, size_t length, cmariadb_column column, void *context,
    char reason[CMARIADB_REASON_BYTES]);

/// On the thread that opened it.
void cmariadb_close(cmariadb *connection);

#endif
