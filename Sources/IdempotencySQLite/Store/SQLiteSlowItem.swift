#if SQLite
internal import Dispatch
internal import Idempotency

/// Something that needs the writer's thread for itself.
@available(Idempotency 0.1, *)
enum SQLiteSlowItem: Sendable {
    /// An operator's work, or a service's own.
    case errand(Errand)
    /// A transaction of a handler that runs elsewhere.
    case session(SQLitePendingSession)
    /// A handler that runs on the thread, and shares its transaction with nothing.
    case handler(SQLiteJob)

    struct Errand: Sendable {
        let run: @Sendable () -> Void
        let refuse: @Sendable (any Error) -> Void

        init(_ run: @escaping @Sendable () -> Void, refuse: @escaping @Sendable (any Error) -> Void) {
            self.run = run
            self.refuse = refuse
        }
    }

    /// Answers whoever asked for it with an error.
    func refuse(_ error: any Error) {
        switch self {
        case .errand(let errand): errand.refuse(error)
        case .session(let session): session.begun.fire(.failure(error))
        case .handler(let job): job.answer(.failure(error))
        }
    }
}

/// What waits for the thread, a queue a kind; the kinds take turns, so that many of one do not keep the others out.
@available(Idempotency 0.1, *)
struct SQLiteSlowQueue {
    private var errands: [SQLiteSlowItem] = []
    private var sessions: [SQLitePendingSession] = []
    private var handlers: [SQLiteSlowItem] = []
    private var turn = 0

    var count: Int { errands.count + sessions.count + handlers.count }

    mutating func append(_ item: SQLiteSlowItem) {
        switch item {
        case .errand: errands.append(item)
        case .session(let session): sessions.append(session)
        case .handler: handlers.append(item)
        }
    }

    /// A session that could not begin yet is the first to try again.
    mutating func putBack(_ item: SQLiteSlowItem) {
        if case .session(let session) = item { sessions.insert(session, at: 0) } else { append(item) }
    }

    mutating func next() -> SQLiteSlowItem? {
        for _ in 0..<3 {
            turn = (turn + 1) % 3
            switch turn {
            case 0 where !sessions.isEmpty: return .session(sessions.removeFirst())
            case 1 where !errands.isEmpty: return errands.removeFirst()
            case 2 where !handlers.isEmpty: return handlers.removeFirst()
            default: continue
            }
        }
        return nil
    }

    /// The sessions that waited until their deadline, or whose handlers have gone.
    mutating func removeLate(_ now: DispatchTime) -> [SQLiteSlowItem] {
        // In the order of their arrival, which is not that of their deadlines: a handler may allow itself less time.
        guard sessions.contains(where: { $0.deadline <= now }) else { return [] }
        let late = sessions.filter { $0.deadline <= now }
        sessions.removeAll { $0.deadline <= now }
        return late.map { .session($0) }
    }

    mutating func removeAll() -> [SQLiteSlowItem] {
        defer { (errands, sessions, handlers) = ([], [], []) }
        return errands + sessions.map { .session($0) } + handlers
    }
}
#endif
