internal import Idempotency

/// The transaction that a handler's effects go into, and its record after them.
///
/// It begins with the handler's first statement, and is committed when the handler returns. What the handler throws undoes
/// it. A handler must not commit or roll back by itself; such a statement is refused. It may be run more than once: where
/// the database undoes a transaction to let another one pass, the handler runs again in a new one.
///
/// ```swift
/// try await transaction.execute("UPDATE accounts SET balance = balance - \(amount) WHERE id = \(account)")
/// let rows = try await transaction.query("SELECT id, balance FROM accounts", as: Int.self, Int.self)
/// ```
@available(Idempotency 0.1, *)
public final class SQLTransaction {
    private enum State {
        case notBegun
        case open(any SQLSession)
        case over
    }

    private let store: any TransactionalIdempotencyStore
    private let limit: Duration
    private let turn: any RunTurn
    private var state = State.notBegun
    private var hasTurn = false
    /// Whether a statement is under way: an actor's tasks may meet here, and a connection takes one at a time.
    private var isBusy = false
    /// Whether its handler is in a step: on a database with one writer, the one would wait for the other.
    private var isInStep = false
    /// Whether the database undid it to let another one pass.
    private(set) var mayBeRepeated = false

    /// - Parameters:
    ///   - limit: How long it may stay open.
    ///   - turn: The turn to write of the run that it belongs to.
    init(_ store: any TransactionalIdempotencyStore, limit: Duration, turn: any RunTurn) {
        self.store = store
        self.limit = limit
        self.turn = turn
    }

    /// Runs a statement that answers with no rows.
    ///
    /// - Parameter statement: One statement; what is interpolated is bound as a parameter.
    /// - Returns: How many rows it inserted, updated or deleted.
    /// - Throws: ``SQLError``; ``/Idempotency/IdempotencyError`` with
    ///   ``/Idempotency/IdempotencyError/Code/storeUnavailable`` if no transaction can be begun.
    @discardableResult
    public func execute(_ statement: SQLStatement) async throws -> Int {
        try await run(statement).changes
    }

    /// Runs a statement that answers with rows.
    ///
    /// - Parameter statement: One statement; what is interpolated is bound as a parameter.
    /// - Throws: As ``execute(_:)``.
    public func query(_ statement: SQLStatement) async throws -> [SQLRow] {
        try await run(statement).rows
    }

    /// Runs a statement that answers with rows, and reads all of their columns.
    ///
    /// - Parameters:
    ///   - statement: One statement; what is interpolated is bound as a parameter.
    ///   - types: What the columns are read as, in order.
    /// - Throws: As ``execute(_:)``, and if a column holds another kind of value.
    public func query<each Value: SQLConvertible>(
        _ statement: SQLStatement,
        as types: repeat (each Value).Type
    ) async throws -> [(repeat each Value)] {
        let rows = try await run(statement).rows
        var decoded: [(repeat each Value)] = []
        for row in rows { decoded.append(try row.decode(as: repeat each types)) }
        return decoded
    }

    private func run(_ statement: SQLStatement) async throws -> SQLResult {
        if isBusy { throw Self.isBusy }
        isBusy = true
        defer { isBusy = false }
        do {
            return try await begun().run(statement)
        } catch let error as SQLError {
            if error.mayBeRepeated { mayBeRepeated = true }
            throw error
        }
    }

    private func begun() async throws -> any SQLSession {
        switch state {
        case .open(let session): return session
        case .over: throw Self.isOver
        case .notBegun: break
        }
        if isInStep { throw Self.isInStep }
        do {
            if store.excludesOtherWrites { await takeTurn() }
            let session = try await store.beginTransaction(for: limit)
            // The handler may have returned meanwhile, without waiting for its statement.
            guard case .notBegun = state else {
                await session.rollback()
                throw Self.isOver
            }
            state = .open(session)
            return session
        } catch {
            endTurn()
            throw error
        }
    }

    private static var isOver: SQLError {
        SQLError(code: "", message: "The transaction is over: its handler has returned.")
    }

    private static var isBusy: SQLError {
        SQLError(
            code: "",
            message: "A statement of this transaction is under way in another task. Await each before the next one."
        )
    }

    private static var isInStep: IdempotencyError {
        IdempotencyError(
            code: .invalidConfiguration,
            message:
                "A step was under way, and another one or the handler's own transaction was begun within it: they could wait for "
                + "each other forever. Use the step's transaction in the step, and take steps one after the other."
        )
    }

    // MARK: For its interceptor

    /// Whether a statement was run.
    var hasBegun: Bool { if case .notBegun = state { isBusy } else { true } }

    /// Runs a step, in which this transaction is not begun, nor another step.
    func step<Value>(_ body: nonisolated(nonsending) () async throws -> Value) async throws -> Value {
        if isInStep { throw Self.isInStep }
        isInStep = true
        defer { isInStep = false }
        return try await body()
    }

    /// The connection, with the turn taken; `nil`: the transaction was not begun. Nothing else of it can be used afterwards.
    func endIfBegun() async throws -> (any SQLSession)? {
        if hasBegun { return try await end() }
        state = .over
        return nil
    }

    /// The connection, begun now if it is not, with the turn taken. Nothing else of the transaction can be used afterwards.
    func end() async throws -> any SQLSession {
        if isBusy {
            await rollBack()
            throw Self.isBusy
        }
        let session = try await begun()
        state = .over
        await takeTurn()
        return session
    }

    /// Undoes everything, if there is anything.
    func rollBack() async {
        if case .open(let session) = state { await session.rollback() }
        state = .over
        endTurn()
    }

    private func takeTurn() async {
        guard !hasTurn else { return }
        await turn.takeTurn()
        hasTurn = true
    }

    private func endTurn() {
        if hasTurn { turn.endTurn() }
        hasTurn = false
    }
}
