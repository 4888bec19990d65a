#include <sqlite3.h>

// A macro with a cast, which Swift does not import.
static inline sqlite3_destructor_type idempotency_sqlite_transient(void) { return SQLITE_TRANSIENT; }

// The function takes a variable number of arguments, which Swift does not import.
static inline int idempotency_sqlite_keep_log(sqlite3 *connection) {
    return sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}
