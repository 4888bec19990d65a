#if SQLite
/// What became of the file of an open database: whatever is written to it now, no other process will read.
@available(Idempotency 0.1, *)
enum SQLiteFileLoss: Error {
    /// Another file, or none, has its name.
    case replaced
    /// Its write-ahead log was removed or replaced (`-wal`), which holds the last commits.
    case withoutLog
    /// A copy has its name that lacks what was acknowledged last.
    case older
}
#endif
