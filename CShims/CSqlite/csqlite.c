#define _GNU_SOURCE
#include "CSqlite.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct csqlite {
    sqlite3 *database;
    sqlite3_stmt *statement;
    char *path;
    dev_t device;
    ino_t inode;
    int64_t deadline_ns;
};

/// Steps of the library's machine between two looks at the clock: some tens of microseconds.
enum { steps_between_looks = 1000 };

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int is_too_late(void *context) {
    const csqlite *connection = context;
    return now_ns() >= connection->deadline_ns;
}

static void explain(char *reason, const char *words) {
    snprintf(reason, CSQLITE_REASON_BYTES, "%s", words ? words : "no reason given");
}

/// A question asks: it changes nothing, and a schema that somebody else wrote calls no functions of ours.
static int prepare(csqlite *connection, const char *question) {
    int result = sqlite3_db_config(connection->database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (result == SQLITE_OK) result = sqlite3_exec(connection->database, "PRAGMA query_only = ON", NULL, NULL, NULL);
    if (result != SQLITE_OK) return result;
    return sqlite3_prepare_v3(
        connection->database, question, -1, SQLITE_PREPARE_PERSISTENT, &connection->statement, NULL);
}

csqlite *csqlite_open(const char *path, const char *question, char reason[CSQLITE_REASON_BYTES]) {
    csqlite *connection = calloc(1, sizeof *connection);
    if (!connection || !(connection->path = strdup(path))) {
        free(connection);
        explain(reason, "out of memory");
        return NULL;
    }
    struct stat status;
    // The library would wait for somebody who writes to a pipe.
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        explain(reason, "not a regular file");
        csqlite_close(connection);
        return NULL;
    }
    int result = sqlite3_open_v2(path, &connection->database, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (result == SQLITE_OK && stat(path, &status) != 0) result = SQLITE_CANTOPEN;
    if (result == SQLITE_OK) {
        connection->device = status.st_dev;
        connection->inode = status.st_ino;
        sqlite3_busy_timeout(connection->database, 1000);
        result = prepare(connection, question);
    }
    if (result == SQLITE_OK && connection->statement && sqlite3_bind_parameter_count(connection->statement) == 0) {
        // It would say the same of everybody.
        explain(reason, "the query has no place for the key");
        csqlite_close(connection);
        return NULL;
    }
    if (result == SQLITE_OK && connection->statement) {
        sqlite3_progress_handler(connection->database, steps_between_looks, is_too_late, connection);
        return connection;
    }
    explain(reason, result == SQLITE_OK ? "the query is empty" : sqlite3_errmsg(connection->database));
    csqlite_close(connection);
    return NULL;
}

/// Another file may have been put in its place.
static bool is_same_file(const csqlite *connection) {
    struct stat status;
    return stat(connection->path, &status) == 0 && status.st_dev == connection->device
           && status.st_ino == connection->inode;
}

static enum csqlite_outcome failure(csqlite *connection, int result, char *reason) {
    explain(reason, sqlite3_errmsg(connection->database));
    switch (result & 0xFF) {
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_NOTADB: return csqlite_outcome_lost;
    default: return csqlite_outcome_failed;
    }
}

static void show(sqlite3_stmt *statement, int index, csqlite_column column, void *context) {
    if (sqlite3_column_type(statement, index) == SQLITE_NULL) {
        column(context, NULL, 0);
        return;
    }
    const uint8_t *text = sqlite3_column_text(statement, index);
    int length = sqlite3_column_bytes(statement, index);
    column(context, text ? text : (const uint8_t *)"", text ? (size_t)length : 0);
}

enum csqlite_outcome csqlite_ask(
    csqlite *connection, const uint8_t *key, size_t length, int64_t patience_ns, int columns_max,
    csqlite_column column, void *context, char reason[CSQLITE_REASON_BYTES]) {
    if (!is_same_file(connection)) {
        explain(reason, "the file has been replaced");
        return csqlite_outcome_lost;
    }
    int64_t patience_ms = patience_ns / 1000000;
    connection->deadline_ns = now_ns() + patience_ns;
    sqlite3_busy_timeout(connection->database, patience_ms > INT_MAX ? INT_MAX : (int)patience_ms);
    int result = SQLITE_OK;
    for (int index = sqlite3_bind_parameter_count(connection->statement); index > 0 && result == SQLITE_OK; index--)
        result = sqlite3_bind_text64(
            connection->statement, index, (const char *)key, length, SQLITE_STATIC, SQLITE_UTF8);
    if (result == SQLITE_OK) result = sqlite3_step(connection->statement);
    enum csqlite_outcome outcome = csqlite_outcome_none;
    if (result == SQLITE_ROW) {
        outcome = csqlite_outcome_row;
        int columns = sqlite3_column_count(connection->statement);
        for (int index = 0; index < columns && index < columns_max; index++)
            show(connection->statement, index, column, context);
    } else if (result != SQLITE_DONE) {
        outcome = failure(connection, result, reason);
    }
    sqlite3_reset(connection->statement);
    sqlite3_clear_bindings(connection->statement);
    return outcome;
}

void csqlite_close(csqlite *connection) {
    sqlite3_finalize(connection->statement);
    sqlite3_close(connection->database);
    free(connection->path);
    free(connection);
}
