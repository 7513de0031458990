#define _GNU_SOURCE
#include "CPQ.h"

#include <errno.h>
#include <libpq-fe.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct cpq {
    PGconn *handle;
    char *question;
    int64_t deadline_ns;
};

/// In place of files that the library would look for in the home folder. It cannot be there.
static const char nowhere[] = "/dev/null/none";

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/// The first line of what the library says, which has several.
static void explain(char *reason, const char *words) {
    size_t length = words ? strcspn(words, "\n") : 0;
    if (length == 0) {
        snprintf(reason, CPQ_REASON_BYTES, "no reason given");
    } else {
        snprintf(reason, CPQ_REASON_BYTES, "%.*s", length > INT_MAX ? INT_MAX : (int)length, words);
    }
}

static void say_nothing(void *context, const PGresult *notice) {
    (void)context;
    (void)notice;
}

/// Waits for the server, whom the library's own calls would wait for without an end. False where it is too late.
static bool wait_for(cpq *connection, short events) {
    while (true) {
        int64_t left = connection->deadline_ns - now_ns();
        if (left <= 0) return false;
        int64_t milliseconds = left / 1000000 + 1;
        struct pollfd watched = {.fd = PQsocket(connection->handle), .events = events};
        int result = poll(&watched, 1, milliseconds > INT_MAX ? INT_MAX : (int)milliseconds);
        if (result > 0) return true;
        if (result < 0 && errno != EINTR) return false;
    }
}

static bool connect_in_time(cpq *connection, char *reason) {
    if (PQstatus(connection->handle) == CONNECTION_BAD) {
        explain(reason, PQerrorMessage(connection->handle));
        return false;
    }
    PostgresPollingStatusType step = PGRES_POLLING_WRITING;
    while (step != PGRES_POLLING_OK) {
        if (step == PGRES_POLLING_FAILED) {
            explain(reason, PQerrorMessage(connection->handle));
            return false;
        }
        if (!wait_for(connection, step == PGRES_POLLING_READING ? POLLIN : POLLOUT)) {
            explain(reason, "not connected in time");
            return false;
        }
        step = PQconnectPoll(connection->handle);
    }
    return true;
}

/// The next result; NULL at the end of them, and where it is too late or the connection is lost: `is_lost` then.
static PGresult *next_result(cpq *connection, bool *is_lost, char *reason) {
    while (PQisBusy(connection->handle)) {
        if (!wait_for(connection, POLLIN)) {
            *is_lost = true;
            explain(reason, "no answer in time");
            return NULL;
        }
        if (!PQconsumeInput(connection->handle)) {
            *is_lost = true;
            explain(reason, PQerrorMessage(connection->handle));
            return NULL;
        }
    }
    return PQgetResult(connection->handle);
}

/// The server ends what takes longer, which otherwise would go on there without anybody who waits for it.
static bool limit_statements(cpq *connection, int64_t patience_ns, char *reason) {
    char command[64];
    bool is_lost = false, is_done = false;
    int64_t milliseconds = patience_ns / 1000000;
    snprintf(
        command, sizeof command, "SET statement_timeout = %d",
        milliseconds < 1 ? 1 : milliseconds > INT_MAX ? INT_MAX : (int)milliseconds);
    if (!PQsendQuery(connection->handle, command)) {
        explain(reason, PQerrorMessage(connection->handle));
        return false;
    }
    PGresult *result;
    while ((result = next_result(connection, &is_lost, reason))) {
        is_done = PQresultStatus(result) == PGRES_COMMAND_OK;
        if (!is_done) explain(reason, PQresultErrorMessage(result));
        PQclear(result);
    }
    return is_done && !is_lost;
}

/// Begins to connect to where a connection string leads.
static PGconn *start_by_words(const cpq_source *source) {
    const char *const names[] = {"dbname", "password", "client_encoding", "fallback_application_name", NULL};
    const char *const values[] = {source->words, source->password, "UTF8", "mailrace", NULL};
    return PQconnectStartParams(names, values, 1);
}

static PGconn *start(const cpq_source *source, int64_t patience_ns) {
    if (source->words) return start_by_words(source);
    char port[8], milliseconds[24];
    snprintf(port, sizeof port, "%u", (unsigned)source->port);
    snprintf(milliseconds, sizeof milliseconds, "%lld", (long long)(patience_ns / 1000000));
    const struct {
        const char *name, *value;
    } parameters[] = {
        {"host", source->host},
        {"port", port},
        {"user", source->user},
        {"password", source->password},
        {"dbname", source->database},
        {"client_encoding", "UTF8"},
        {"application_name", "mailrace"},
        {"gssencmode", "disable"},
        {"passfile", nowhere},
        {"sslmode", source->tls_ca ? "verify-full" : "prefer"},
        {"sslrootcert", source->tls_ca ? source->tls_ca : nowhere},
        {"sslcert", nowhere},
        {"tcp_user_timeout", milliseconds},
    };
    enum { count = sizeof parameters / sizeof *parameters };
    const char *names[count + 1] = {NULL}, *values[count + 1] = {NULL};
    for (int index = 0; index < count; index++) {
        names[index] = parameters[index].name;
        values[index] = parameters[index].value;
    }
    return PQconnectStartParams(names, values, 0);
}

/// The library's words about one that it does not understand have parts of it in them, of the password for one.
static bool understands(const char *words) {
    // As the library has it, a name of a database.
    if (!strchr(words, '=') && !strstr(words, "://")) return true;
    char *reason = NULL;
    PQconninfoOption *options = PQconninfoParse(words, &reason);
    PQfreemem(reason);
    PQconninfoFree(options);
    return options != NULL;
}

cpq *cpq_open(const cpq_source *source, const char *question, int64_t patience_ns, char reason[CPQ_REASON_BYTES]) {
    cpq *connection = calloc(1, sizeof *connection);
    if (!connection || !(connection->question = strdup(question))) {
        free(connection);
        explain(reason, "out of memory");
        return NULL;
    }
    if (source->words && !understands(source->words)) {
        explain(reason, "the connection string cannot be understood");
        cpq_close(connection);
        return NULL;
    }
    connection->deadline_ns = now_ns() + patience_ns;
    connection->handle = start(source, patience_ns);
    if (!connection->handle) {
        explain(reason, "out of memory");
    } else {
        PQsetNoticeReceiver(connection->handle, say_nothing, NULL);
        if (connect_in_time(connection, reason) && limit_statements(connection, patience_ns, reason))
            return connection;
    }
    cpq_close(connection);
    return NULL;
}

static enum cpq_outcome take_row(PGresult *result, int columns_max, cpq_column column, void *context) {
    if (PQntuples(result) == 0) return cpq_outcome_none;
    int columns = PQnfields(result);
    for (int index = 0; index < columns && index < columns_max; index++) {
        if (PQgetisnull(result, 0, index)) {
            column(context, NULL, 0);
        } else {
            column(context, (const uint8_t *)PQgetvalue(result, 0, index), (size_t)PQgetlength(result, 0, index));
        }
    }
    return cpq_outcome_row;
}

static enum cpq_outcome failure(cpq *connection, const PGresult *result, char *reason) {
    explain(reason, PQresultErrorMessage(result));
    if (PQstatus(connection->handle) == CONNECTION_BAD) return cpq_outcome_lost;
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    // The server is about to go (57P: an operator's doing), or has gone over to reading something else (COPY).
    bool is_going = state && strncmp(state, "57P", 3) == 0;
    return is_going || PQresultStatus(result) != PGRES_FATAL_ERROR ? cpq_outcome_lost : cpq_outcome_failed;
}

enum cpq_outcome cpq_ask(
    cpq *connection, const char *key, int64_t patience_ns, int columns_max, cpq_column column, void *context,
    char reason[CPQ_REASON_BYTES]) {
    connection->deadline_ns = now_ns() + patience_ns;
    // The nameless statement: it goes through poolers, and no plan is kept that a changed table would make useless.
    const char *const values[] = {key};
    bool is_sent = PQsendQueryParams(connection->handle, connection->question, 1, NULL, values, NULL, NULL, 0)
                   && PQsetSingleRowMode(connection->handle);
    if (!is_sent) {
        explain(reason, PQerrorMessage(connection->handle));
        return cpq_outcome_lost;
    }
    enum cpq_outcome outcome = cpq_outcome_none;
    bool is_lost = false;
    PGresult *result;
    while ((result = next_result(connection, &is_lost, reason))) {
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_SINGLE_TUPLE) {
            if (outcome == cpq_outcome_none) outcome = take_row(result, columns_max, column, context);
        } else if (status != PGRES_TUPLES_OK) {
            outcome = failure(connection, result, reason);
        }
        PQclear(result);
        // What is asked for here by COPY never ends.
        if (outcome == cpq_outcome_lost) return cpq_outcome_lost;
    }
    return is_lost ? cpq_outcome_lost : outcome;
}

void cpq_close(cpq *connection) {
    if (connection->handle) PQfinish(connection->handle);
    free(connection->question);
    free(connection);
}
