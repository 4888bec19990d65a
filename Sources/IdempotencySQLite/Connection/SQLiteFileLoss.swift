#if SQLite
/// A way in which an open database loses its file. Other processes read nothing that is written to it from then on.
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
