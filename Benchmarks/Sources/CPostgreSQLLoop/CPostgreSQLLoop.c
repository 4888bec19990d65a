// Without the library there is nothing to compare with.
#if __has_include(<libpq-fe.h>) || __has_include(<postgresql/libpq-fe.h>)

#include "CPostgreSQLLoop.h"

#if __has_include(<libpq-fe.h>)
#include <libpq-fe.h>
#else
#include <postgresql/libpq-fe.h>
#endif
#include <stdio.h>
#include <string.h>
#include <time.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static int failed(PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK;
}

double postgresql_loop_executions(const char *connection, int first, int executions) {
    PGconn *db = PQconnectdb(connection);
    if (PQstatus(db) != CONNECTION_OK
        || failed(PQprepare(db, "insert", "INSERT INTO raw VALUES ('charge', $1, 1, 1, $2) ON CONFLICT DO NOTHING", 0, NULL))
        || failed(PQprepare(db, "update", "UPDATE raw SET version = 2, expires_at = 2, record = $2 "
                                          "WHERE scope = 'charge' AND key = $1 AND version = 1", 0, NULL))) {
        PQfinish(db);
        return -1;
    }
    char record[190], key[40];
    memset(record, 7, sizeof record);
    const char *values[2] = {key, record};
    const int formats[2] = {0, 1};
    int failures = 0;
    double start = now();
    for (int i = 0; i < executions && !failures; i++) {
        unsigned scattered = (unsigned)(first + i) * 2654435761u;
        snprintf(key, sizeof key, "%08x-0000-4000-8000-%012x", scattered, (unsigned)(first + i));
        int lengths[2] = {0, 90};
        failures |= failed(PQexecPrepared(db, "insert", 2, values, lengths, formats, 0));
        lengths[1] = 190;
        failures |= failed(PQexecPrepared(db, "update", 2, values, lengths, formats, 0));
    }
    double seconds = now() - start;
    PQfinish(db);
    return failures ? -1 : executions / seconds;
}

#endif
