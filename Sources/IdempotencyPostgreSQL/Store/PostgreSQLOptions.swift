#if PostgreSQL
internal import Idempotency

/// How a store talks to its server.
@available(Idempotency 0.1, *)
public struct PostgreSQLOptions: Sendable {
    /// What to do with a server that acknowledges commits before they are safe: `synchronous_commit`, `fsync` or
    /// `full_page_writes` is off.
    public enum UnsafeServer: Sendable {
        /// Nothing is done on it: opening the store fails, and says what to set.
        case refuse
        /// It is used, and ``PostgreSQLIdempotencyStore/warnings`` say what may be lost.
        case accept
    }

    /// The isolation of handlers' transactions (PostgreSQL's documentation, section 13.2).
    public enum Isolation: String, Sendable {
        /// A statement sees what was committed before it.
        case readCommitted = "READ COMMITTED"
        /// All statements see what was committed before the first one. The lease is not renewed meanwhile.
        case repeatableRead = "REPEATABLE READ"
        /// As if one transaction ran after the other. The lease is not renewed meanwhile.
        case serializable = "SERIALIZABLE"
    }

    /// How many connections the store's own calls share; 1 to 64. Two keep a server of few processors busy: calls that wait
    /// travel together.
    public var connections = 2

    /// How many connections handlers' transactions have, at most, beside those; 1 to 1000. Opened as they are needed.
    public var transactionConnections = 8

    /// The isolation of handlers' transactions. Above ``Isolation/readCommitted`` more of them are undone, and run again.
    public var isolation = Isolation.readCommitted

    /// How long it may take to connect, and how long a handler's transaction waits for a free connection.
    public var connectTimeout: Duration = .seconds(5)

    /// How long a statement of the store's may take; at most 30 seconds. A call ends after a few of it at the latest.
    public var statementTimeout: Duration = .seconds(5)

    /// How long a call waits for a key whose row another transaction has locked. Calls of other keys do not wait meanwhile.
    public var lockTimeout: Duration = .seconds(1)

    /// Whether statements are kept on the server, sessions have settings, and changes are announced by `NOTIFY`; `nil`: unless
    /// a pooler stands between.
    ///
    /// A pooler may give each transaction another connection, such as PgBouncer in its mode `transaction`. Then every
    /// transaction brings its settings along, and whoever waits for another process polls. Set it to `true` only for a pooler
    /// that keeps a connection for a session.
    public var preparesStatements: Bool?

    /// What to do with a server that acknowledges commits before they are safe.
    public var unsafeServer = UnsafeServer.refuse

    /// The defaults.
    public init() {}

    func validate() throws(IdempotencyError) {
        func require(_ condition: Bool, _ message: String) throws(IdempotencyError) {
            if !condition { throw IdempotencyError(code: .invalidConfiguration, message: message) }
        }
        try require((1...64).contains(connections), "The store needs 1 to 64 connections; it was given \(connections).")
        try require(
            (1...1000).contains(transactionConnections),
            "Handlers' transactions need 1 to 1000 connections; they were given \(transactionConnections)."
        )
        try require(connectTimeout > .zero, "The connect timeout has to be longer than zero.")
        try require(
            statementTimeout >= .milliseconds(10) && statementTimeout <= .seconds(30),
            "The statement timeout has to be 10 milliseconds to 30 seconds."
        )
        try require(
            lockTimeout >= .milliseconds(1) && lockTimeout < statementTimeout,
            "The lock timeout has to be at least a millisecond, and shorter than the statement timeout."
        )
    }
}
#endif
