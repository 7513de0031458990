#define _GNU_SOURCE
#include "CMariaDB.h"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// Parameters of a question at most.
enum { parameters_max = 16 };

struct column {
    unsigned long length;
    my_bool is_null;
    my_bool is_cut;
    char text[CMARIADB_VALUE_BYTES];
};

struct cmariadb {
    MYSQL handle;
    MYSQL_STMT *statement;
    unsigned parameters;
    unsigned columns;
    struct column values[CMARIADB_COLUMNS_MAX];
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void begin_library(void) { mysql_library_init(0, NULL, NULL); }

static void explain(char *reason, const char *words) {
    snprintf(reason, CMARIADB_REASON_BYTES, "%s", words && *words ? words : "no reason given");
}

static bool set_options(MYSQL *handle, const cmariadb_source *source) {
    const my_bool yes = 1;
    const unsigned no_files = 0;
    const unsigned protocol = source->socket ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    bool is_set = mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &source->timeout_seconds) == 0
                  && mysql_options(handle, MYSQL_OPT_READ_TIMEOUT, &source->timeout_seconds) == 0
                  && mysql_options(handle, MYSQL_OPT_WRITE_TIMEOUT, &source->timeout_seconds) == 0
                  && mysql_options(handle, MYSQL_OPT_PROTOCOL, &protocol) == 0
                  // A server could ask for any file of ours otherwise.
                  && mysql_options(handle, MYSQL_OPT_LOCAL_INFILE, &no_files) == 0
                  && mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4") == 0
                  && mysql_options(handle, MYSQL_REPORT_DATA_TRUNCATION, &yes) == 0;
    if (is_set && source->tls_ca) {
        is_set = mysql_ssl_set(handle, NULL, NULL, source->tls_ca, NULL, NULL) == 0
                 && mysql_options(handle, MYSQL_OPT_SSL_ENFORCE, &yes) == 0
                 && mysql_options(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes) == 0;
    }
    return is_set;
}

/// Has the statement write into the connection's own memory. False where its columns are too many.
static bool bind_columns(cmariadb *connection) {
    MYSQL_BIND binds[CMARIADB_COLUMNS_MAX];
    memset(binds, 0, sizeof binds);
    connection->columns = mysql_stmt_field_count(connection->statement);
    if (connection->columns == 0 || connection->columns > CMARIADB_COLUMNS_MAX) return false;
    for (unsigned index = 0; index < connection->columns; index++) {
        struct column *value = &connection->values[index];
        binds[index] = (MYSQL_BIND){
            .buffer_type = MYSQL_TYPE_STRING,
            .buffer = value->text,
            .buffer_length = sizeof value->text,
            .length = &value->length,
            .is_null = &value->is_null,
            .error = &value->is_cut,
        };
    }
    return mysql_stmt_bind_result(connection->statement, binds) == 0;
}

/// NULL, or what is wrong.
static const char *prepare(cmariadb *connection, const char *question) {
    connection->statement = mysql_stmt_init(&connection->handle);
    if (!connection->statement) return mysql_error(&connection->handle);
    if (mysql_stmt_prepare(connection->statement, question, strlen(question)) != 0)
        return mysql_stmt_error(connection->statement);
    connection->parameters = (unsigned)mysql_stmt_param_count(connection->statement);
    // It would say the same of everybody.
    if (connection->parameters == 0) return "the query has no place for the key";
    if (connection->parameters > parameters_max) return "the query has too many parameters";
    if (!bind_columns(connection)) return "the query has no columns, or too many";
    return NULL;
}

cmariadb *cmariadb_open(const cmariadb_source *source, const char *question, char reason[CMARIADB_REASON_BYTES]) {
    pthread_once(&library_once, begin_library);
    mysql_thread_init();
    cmariadb *connection = calloc(1, sizeof *connection);
    if (!connection) {
        mysql_thread_end();
        explain(reason, "out of memory");
        return NULL;
    }
    MYSQL *handle = mysql_init(&connection->handle);
    const char *wrong = NULL;
    if (!handle || !set_options(handle, source)) {
        wrong = "the client library refuses its options";
    } else if (!mysql_real_connect(
                   handle, source->socket ? NULL : source->host, source->user, source->password, source->database,
                   source->port, source->socket, 0)) {
        wrong = mysql_error(handle);
    } else {
        wrong = prepare(connection, question);
    }
    if (!wrong) return connection;
    explain(reason, wrong);
    cmariadb_close(connection);
    return NULL;
}

static enum cmariadb_outcome failure(cmariadb *connection, char *reason) {
    unsigned code = mysql_stmt_errno(connection->statement);
    explain(reason, mysql_stmt_error(connection->statement));
    // After an error of the client's own, a timeout for one, nobody knows what comes next on the connection.
    bool is_own = (code >= CR_MIN_ERROR && code <= CR_MAX_ERROR) || (code >= CER_MIN_ERROR && code <= CER_MAX_ERROR);
    bool is_ending = code == ER_SERVER_SHUTDOWN || code == ER_CONNECTION_KILLED;
    return is_own || is_ending ? cmariadb_outcome_lost : cmariadb_outcome_failed;
}

static enum cmariadb_outcome take_row(cmariadb *connection, cmariadb_column column, void *context, char *reason) {
    int result = mysql_stmt_fetch(connection->statement);
    if (result == MYSQL_NO_DATA) return cmariadb_outcome_none;
    if (result != 0 && result != MYSQL_DATA_TRUNCATED) return failure(connection, reason);
    for (unsigned index = 0; index < connection->columns; index++) {
        struct column *value = &connection->values[index];
        if (!value->is_null && value->length > sizeof value->text) {
            explain(reason, "a column's text is too long");
            return cmariadb_outcome_failed;
        }
    }
    for (unsigned index = 0; index < connection->columns; index++) {
        struct column *value = &connection->values[index];
        if (value->is_null) {
            column(context, NULL, 0);
        } else {
            column(context, (const uint8_t *)value->text, value->length);
        }
    }
    return cmariadb_outcome_row;
}

enum cmariadb_outcome cmariadb_ask(
    cmariadb *connection, const uint8_t *key, size_t length, cmariadb_column column, void *context,
    char reason[CMARIADB_REASON_BYTES]) {
    MYSQL_BIND binds[parameters_max];
    unsigned long key_length = length;
    memset(binds, 0, sizeof binds);
    for (unsigned index = 0; index < connection->parameters; index++) {
        binds[index] = (MYSQL_BIND){
            .buffer_type = MYSQL_TYPE_STRING,
            .buffer = (void *)(uintptr_t)key,
            .buffer_length = length,
            .length = &key_length,
        };
    }
    bool is_asked = (connection->parameters == 0 || mysql_stmt_bind_param(connection->statement, binds) == 0)
                    && mysql_stmt_execute(connection->statement) == 0;
    if (!is_asked) return failure(connection, reason);
    enum cmariadb_outcome outcome = take_row(connection, column, context, reason);
    // Reads and drops further rows.
    if (mysql_stmt_free_result(connection->statement) != 0 && outcome != cmariadb_outcome_lost) {
        outcome = failure(connection, reason);
    }
    return outcome;
}

void cmariadb_close(cmariadb *connection) {
    if (connection->statement) mysql_stmt_close(connection->statement);
    mysql_close(&connection->handle);
    free(connection);
    mysql_thread_end();
}
