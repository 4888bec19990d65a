#if PostgreSQL
internal import CPostgreSQL
internal import Idempotency

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// A connection to a server. To be used by one thread at a time, which it blocks; its owner sees to that. Every call ends by
/// its deadline: nothing here waits for a server that does not answer.
///
/// It stays in libpq's pipeline mode: what is sent together is one transaction, unless it says otherwise.
@available(Idempotency 0.1, *)
final class PostgreSQLConnection {
    /// A statement with its parameters.
    struct Command: Sendable {
        let sql: String
        var parameters: [PostgreSQLParameter] = []
        /// Whether the answer is to come in binary form.
        var isBinary = true
        /// Whether the statement is kept on the server, so that it is parsed and planned once a connection.
        var isKept = true
    }

    /// What a statement was answered with.
    typealias Answer = Result<PostgreSQLRows, PostgreSQLFailure>

    private let handle: OpaquePointer
    /// Whether statements are kept on the server. Not behind a pooler that gives each transaction another connection.
    var preparesStatements = false
    private var names: [String: String] = [:]
    private var lastNumber = 0

    /// Connects.
    ///
    /// - Parameter deadline: When it is given up.
    init(_ target: PostgreSQLTarget, by deadline: CallDeadline) throws(PostgreSQLFailure) {
        guard let handle = target.start() else { throw PostgreSQLFailure(message: "out of memory", isLost: true) }
        self.handle = handle
        // libpq's own writes notices to the standard error.
        _ = PQsetNoticeReceiver(handle, { _, _ in }, nil)
        // While connecting there is no result whose code could be read: it stands in the text.
        PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
        try connect(by: deadline)
    }

    deinit { PQfinish(handle) }

    private func connect(by deadline: CallDeadline) throws(PostgreSQLFailure) {
        var state = PGRES_POLLING_WRITING
        if PQstatus(handle) == CONNECTION_BAD { throw connectionFailure() }
        while true {
            switch state {
            case PGRES_POLLING_OK:
                guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else {
                    throw connectionFailure()
                }
                return
            case PGRES_POLLING_FAILED: throw connectionFailure()
            case PGRES_POLLING_READING: try wait(forRead: true, forWrite: false, by: deadline)
            default: try wait(forRead: false, forWrite: true, by: deadline)
            }
            state = PQconnectPoll(handle)
            if deadline.isOver, state != PGRES_POLLING_OK { throw Self.late }
        }
    }

    // MARK: What the server says of itself

    /// The number of the process that serves the connection, as whoever answered the connecting has it: a pooler has its own.
    var processNumber: Int32 { PQbackendPID(handle) }

    /// A number such as 150018.
    var serverVersion: Int { Int(PQserverVersion(handle)) }

    func serverParameter(_ name: String) -> String? { PQparameterStatus(handle, name).map { String(cString: $0) } }

    var socket: Int32 { PQsocket(handle) }

    enum TransactionState { case none, open, failed, unknown }

    /// Where the session's transaction stands.
    var transactionState: TransactionState {
        switch PQtransactionStatus(handle) {
        case PQTRANS_IDLE: .none
        case PQTRANS_INTRANS: .open
        case PQTRANS_INERROR: .failed
        default: .unknown
        }
    }

    /// Whether the connection is still there, as far as can be told without asking the server.
    var isAlive: Bool {
        if PQstatus(handle) != CONNECTION_OK { return false }
        // An idle connection has nothing to say, except that it ends, or a notice.
        var descriptor = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        if poll(&descriptor, 1, 0) > 0, PQconsumeInput(handle) == 0 { return false }
        // What libpq has read is looked at when the next result is asked for: an end announced is an end.
        return PQstatus(handle) == CONNECTION_OK && !isEnded
    }

    /// Whether the server has closed its side.
    private var isEnded: Bool {
        var byte: UInt8 = 0
        let count = recv(socket, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        return count == 0
    }

    // MARK: Asking

    /// Sends statements together, and waits for their answers. They are one transaction, unless they begin or commit one
    /// themselves; it is committed when this returns without a failure among the answers.
    ///
    /// - Returns: An answer a statement. After one that failed the others were not run; then their failure is the same.
    /// - Throws: ``PostgreSQLFailure`` with `isLost` if the connection is lost, or the answers do not come in time.
    func exchange(_ commands: [Command], by deadline: CallDeadline) throws(PostgreSQLFailure) -> [Answer] {
        /// Whose result is the next one to come.
        enum Turn {
            case preparation(sql: String, name: String)
            case command
        }
        var turns: [Turn] = []
        for command in commands {
            if let name = names[command.sql] {
                try send(command, preparedAs: name)
            } else if preparesStatements, command.isKept {
                lastNumber += 1
                let name = "s\(lastNumber)"
                let types = command.parameters.map(\.type)
                try check(PQsendPrepare(handle, name, command.sql, Int32(types.count), types))
                turns.append(.preparation(sql: command.sql, name: name))
                try send(command, preparedAs: name)
            } else {
                try send(command, preparedAs: nil)
            }
            turns.append(.command)
        }
        try check(PQpipelineSync(handle))

        var answers: [Answer] = []
        var failure: PostgreSQLFailure?
        var next = 0
        while true {
            let result: OpaquePointer?
            do {
                result = try nextResult(by: deadline)
            } catch {
                // Why it ended the session is what the server said before.
                throw failure.map { PostgreSQLFailure(code: $0.code, message: $0.message, isLost: true) } ?? error
            }
            guard let result else { continue }
            let status = PQresultStatus(result)
            if status == PGRES_PIPELINE_SYNC {
                PQclear(result)
                break
            }
            switch status {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
                let rows = PostgreSQLRows(result)
                if next < turns.count, case .preparation(let sql, let name) = turns[next] {
                    names[sql] = name
                } else {
                    answers.append(.success(rows))
                }
            case PGRES_PIPELINE_ABORTED:
                PQclear(result)
                if next < turns.count, case .preparation = turns[next] { break }
                answers.append(.failure(failure ?? PostgreSQLFailure(message: "not run")))
            default:
                let isLost = PQstatus(handle) == CONNECTION_BAD
                let said = PostgreSQLFailure(result, isLost: isLost)
                PQclear(result)
                if isLost { throw said }
                failure = failure ?? said
                if next < turns.count, case .preparation = turns[next] { break }
                answers.append(.failure(said))
            }
            next += 1
        }
        // Also a commit that failed when all statements had been answered, of which the answers know nothing.
        if let failure, answers.count != commands.count || answers.allSatisfy(\.isSuccess) {
            return commands.map { _ in .failure(failure) }
        }
        return answers
    }

    /// One statement.
    func ask(_ command: Command, by deadline: CallDeadline) throws(PostgreSQLFailure) -> PostgreSQLRows {
        try exchange([command], by: deadline)[0].get()
    }

    private func send(_ command: Command, preparedAs name: String?) throws(PostgreSQLFailure) {
        let parameters = command.parameters
        let count = Int32(parameters.count)
        let types = parameters.map(\.type)
        let lengths = parameters.map { Int32($0.bytes?.count ?? 0) }
        let formats = parameters.map { $0.isBinary ? Int32(1) : 0 }
        let resultFormat: Int32 = command.isBinary ? 1 : 0
        // Text ends with a zero; the pointers into this are good for as long as it is not changed.
        var storage: [UInt8] = []
        var offsets: [Int?] = []
        storage.reserveCapacity(parameters.reduce(0) { $0 + ($1.bytes?.count ?? 0) + 1 })
        for parameter in parameters {
            offsets.append(parameter.bytes == nil ? nil : storage.count)
            if let bytes = parameter.bytes { storage += bytes }
            storage.append(0)
        }
        let sent = storage.withUnsafeBufferPointer { storage in
            storage.withMemoryRebound(to: CChar.self) { storage in
                let values = offsets.map { offset in offset.flatMap { storage.baseAddress?.advanced(by: $0) } }
                if let name {
                    return PQsendQueryPrepared(handle, name, count, values, lengths, formats, resultFormat)
                }
                return PQsendQueryParams(handle, command.sql, count, types, values, lengths, formats, resultFormat)
            }
        }
        try check(sent)
    }

    /// The next result; `nil` stands between the results of two statements.
    private func nextResult(by deadline: CallDeadline) throws(PostgreSQLFailure) -> OpaquePointer? {
        var isLate = false
        while true {
            let flushed = PQflush(handle)
            // What the server said before it went is worth reading; the result says that the connection is lost.
            if PQisBusy(handle) == 0 {
                if let result = PQgetResult(handle) { return result }
                if PQstatus(handle) == CONNECTION_BAD { throw connectionFailure() }
                return nil
            }
            if flushed < 0 || PQstatus(handle) == CONNECTION_BAD { throw connectionFailure() }
            // Something may come all the time, but never its end. What is there already is worth a look: this process may have
            // been held up.
            if isLate { throw Self.late }
            isLate = deadline.isOver
            try wait(forRead: true, forWrite: flushed == 1, by: deadline)
            if PQconsumeInput(handle) == 0 { throw connectionFailure() }
        }
    }

    // MARK: Notifications

    /// The payloads that came since the last time.
    func takeNotifications() throws(PostgreSQLFailure) -> [String] {
        if PQconsumeInput(handle) == 0 { throw connectionFailure() }
        // In pipeline mode too: looks at what came.
        _ = PQisBusy(handle)
        var payloads: [String] = []
        while let notification = PQnotifies(handle) {
            payloads.append(String(cString: notification.pointee.extra))
            PQfreemem(notification)
        }
        if PQstatus(handle) == CONNECTION_BAD { throw connectionFailure() }
        return payloads
    }

    // MARK: Waiting and failing

    private func wait(forRead: Bool, forWrite: Bool, by deadline: CallDeadline) throws(PostgreSQLFailure) {
        while true {
            let events = (forRead ? POLLIN : 0) | (forWrite ? POLLOUT : 0)
            var descriptor = pollfd(fd: socket, events: Int16(events), revents: 0)
            let left = deadline.millisecondsLeft
            let count = poll(&descriptor, 1, left)
            if count > 0 { return }
            if count < 0, errno == EINTR { continue }
            if count < 0 || deadline.millisecondsLeft == 0 { throw Self.late }
        }
    }

    private static var late: PostgreSQLFailure {
        PostgreSQLFailure(message: "the server did not answer in time", isLost: true)
    }

    private func check(_ succeeded: Int32) throws(PostgreSQLFailure) {
        if succeeded != 1 { throw connectionFailure() }
    }

    /// libpq's last word on the connection.
    private func connectionFailure() -> PostgreSQLFailure {
        let text = PQerrorMessage(handle).map { String(cString: $0) } ?? ""
        return PostgreSQLFailure(lostWith: text.isEmpty ? "the connection is lost" : text)
    }
}

extension Result {
    fileprivate var isSuccess: Bool { if case .success = self { true } else { false } }
}
#endif
