// Without the library there is nothing to compare with.
#if __has_include(<sqlite3.h>)

#include "CSQLiteLoop.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static int run(sqlite3 *db, const char *sql) { return sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK; }

static sqlite3 *open_database(const char *path, const char *synchronous) {
    sqlite3 *db = NULL;
    char pragma[64];
    snprintf(pragma, sizeof pragma, "PRAGMA synchronous = %s", synchronous);
    if (sqlite3_open(path, &db) != SQLITE_OK || run(db, "PRAGMA journal_mode = WAL") || run(db, pragma)
        || run(db, "CREATE TABLE IF NOT EXISTS raw (scope TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, "
                   "expires_at INTEGER NOT NULL, record BLOB NOT NULL, PRIMARY KEY (scope, key)) WITHOUT ROWID")) {
        sqlite3_close(db);
        return NULL;
    }
    return db;
}

static void key_of(int number, char *key) {
    // As long as a UUID, and as scattered.
    unsigned scattered = (unsigned)number * 2654435761u;
    snprintf(key, 37, "%08x-0000-4000-8000-%012x", scattered, (unsigned)number);
}

double sqlite_loop_executions(const char *path, const char *synchronous, int executions, int writes_a_commit) {
    sqlite3 *db = open_database(path, synchronous);
    sqlite3_stmt *insert = NULL, *update = NULL;
    if (!db
        || sqlite3_prepare_v2(db, "INSERT INTO raw VALUES ('charge', ?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING", -1, &insert, NULL)
        || sqlite3_prepare_v2(db, "UPDATE raw SET version = ?2, expires_at = ?3, record = ?4 "
                                  "WHERE scope = 'charge' AND key = ?1 AND version = ?5", -1, &update, NULL))
        return -1;
    char record[200];
    memset(record, 7, sizeof record);
    double start = now();
    int failed = 0, open = 0;
    // So many keys are claimed one after the other, and then finished: what so many tasks do at once.
    int group = writes_a_commit;
    sqlite3_int64 version = 0;
    for (int first = 0; first < executions && !failed; first += group) {
        for (int phase = 0; phase < 2; phase++) {
            for (int i = first; i < first + group && i < executions; i++) {
                if (!open) failed |= run(db, "BEGIN IMMEDIATE"), open = 1;
                char key[37];
                key_of(i, key);
                sqlite3_stmt *statement = phase ? update : insert;
                version++;
                sqlite3_bind_text(statement, 1, key, 36, SQLITE_STATIC);
                sqlite3_bind_int64(statement, 2, version);
                sqlite3_bind_int64(statement, 3, version + 1000000);
                sqlite3_bind_blob(statement, 4, record, phase ? 190 : 90, SQLITE_STATIC);
                if (phase) sqlite3_bind_int64(statement, 5, version - (i - first + 1 < group ? group : group));
                failed |= sqlite3_step(statement) != SQLITE_DONE || sqlite3_changes(db) != 1;
                sqlite3_reset(statement);
                if (writes_a_commit == 1) failed |= run(db, "COMMIT"), open = 0;
            }
            if (open) failed |= run(db, "COMMIT"), open = 0;
        }
    }
    double seconds = now() - start;
    sqlite3_finalize(insert);
    sqlite3_finalize(update);
    sqlite3_close(db);
    return failed ? -1 : executions / seconds;
}

double sqlite_loop_reads(const char *path, int rows, int reads) {
    sqlite3 *db = open_database(path, "FULL");
    sqlite3_stmt *select = NULL;
    if (!db || sqlite3_prepare_v2(db, "SELECT version, expires_at, record FROM raw WHERE scope = 'charge' AND key = ?1", -1,
                                  &select, NULL))
        return -1;
    double start = now();
    int failed = 0;
    for (int i = 0; i < reads && !failed; i++) {
        char key[37];
        key_of((int)((i * 7919LL) % rows), key);
        sqlite3_bind_text(select, 1, key, 36, SQLITE_STATIC);
        failed = sqlite3_step(select) != SQLITE_ROW || sqlite3_column_bytes(select, 2) == 0;
        sqlite3_reset(select);
    }
    double seconds = now() - start;
    sqlite3_finalize(select);
    sqlite3_close(db);
    return failed ? -1 : reads / seconds;
}

#endif
