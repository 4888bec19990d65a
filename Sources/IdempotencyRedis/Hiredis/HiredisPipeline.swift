#if Redis
internal import Dispatch
internal import Idempotency
import Synchronization

#if canImport(Darwin)
internal import Darwin
#elseif canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// One connection that many callers share: what waits is sent together, and replies are read as they come.
///
/// A thread reads. While nothing is under way a caller sends by itself, without waking anybody; otherwise what it asks goes
/// with what others ask, when the next reply has come, or as soon as many wait. At each moment one holds the connection: a
/// caller that sends, or the thread.
@available(Idempotency 0.1, *)
final class HiredisPipeline: Sendable {
    private enum Holder { case nobody, caller, thread }

    private struct State {
        /// Not sent yet.
        var waiting: [HiredisCall] = []
        /// Sent, in this order; those before the index are answered.
        var underWay: [HiredisCall] = []
        var answered = 0
        var holder = Holder.nobody
        /// Whether the thread waits for a caller to let go.
        var isThreadWaiting = false
        /// Whether there is a thread, which is connected or about to be.
        var isRunning = false
        var isConnected = false
        /// Whether the connection has brought a reply: one that is cut before that is no better than none.
        var hasReplied = false
        /// Until when no connection is tried, and why.
        var pause: (end: CallDeadline, error: any Error)?
        var backoff = ReconnectBackoff()
        var isClosed = false
        var whenEnded: [OneShot<Void>] = []

        var open: Int { underWay.count - answered }

        /// Takes what waits, as sent.
        mutating func takeWaiting() -> [HiredisCall] {
            let batch = waiting
            waiting.removeAll(keepingCapacity: true)
            if answered == underWay.count {
                underWay.removeAll(keepingCapacity: true)
                answered = 0
            } else if answered >= underWay.count / 2 {
                // What is answered is let go of, and each call moved once at most.
                underWay.removeFirst(answered)
                answered = 0
            }
            underWay += batch
            return batch
        }
    }

    /// How many calls may wait or be under way.
    static let capacity = 100_000
    /// How many have to wait before they are sent although replies are still to come.
    private static let crowd = 16

    private let address: RedisAddress
    private let options: HiredisOptions
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "idempotency.redis", qos: .userInitiated)
    private let wakePipe = WakePipe()
    private let callerIsDone = DispatchSemaphore(value: 0)
    // Only ever used by whoever holds it, which the state says; that is why it may be shared.
    nonisolated(unsafe) private var connection: HiredisConnection?
    /// Whether the connection's server has refused a write because it is no primary. Used by the thread alone.
    nonisolated(unsafe) private var isReadOnly = false

    init(_ address: RedisAddress, _ options: HiredisOptions) {
        self.address = address
        self.options = options
    }

    /// Sends commands.
    nonisolated(nonsending) func send(_ commands: [RedisCommand]) async throws -> [RedisReply] {
        if commands.isEmpty { return [] }
        var message: [UInt8] = []
        for command in commands { command.encode(into: &message) }
        let deadline = CallDeadline(in: options.replyTimeout)
        return try await withUnsafeThrowingContinuation { caller in
            add(HiredisCall(message, count: commands.count, by: deadline, caller))
        }
    }

    /// Begins to end what is under way, and to disconnect.
    func end() {
        state.withLock { $0.isClosed = true }
        wakePipe.wake()
    }

    /// Ends what is under way, and disconnects.
    func close() async {
        let ended = OneShot<Void>()
        let isRunning = state.withLock { state in
            if state.isRunning { state.whenEnded.append(ended) }
            return state.isRunning
        }
        end()
        if isRunning { await ended.value() }
    }

    private enum Step { case nothing, send, start }

    private func add(_ call: HiredisCall) {
        var step = Step.nothing
        let refusal = state.withLock { state -> (any Error)? in
            if state.isClosed { return RedisErrors.closed }
            guard state.waiting.count + state.open < Self.capacity else { return Self.tooManyCalls }
            if !state.isRunning {
                if let pause = state.pause, !pause.end.isOver { return pause.error }
                state.isRunning = true
                step = .start
            }
            state.waiting.append(call)
            if Self.isWorthSending(state) {
                state.holder = .caller
                step = .send
            }
            return nil
        }
        if let refusal { return call.answer(.failure(refusal)) }
        switch step {
        case .nothing: break
        case .send: sendAsCaller()
        case .start: queue.async { self.run() }
        }
    }

    private static var tooManyCalls: RedisFailure {
        RedisFailure("\(capacity) calls wait for the server already", mayHaveRun: false)
    }

    /// Whether a caller is to send what waits: nothing is under way that would come back soon, or many wait.
    private static func isWorthSending(_ state: State) -> Bool {
        state.isConnected && state.holder == .nobody && !state.waiting.isEmpty
            && (state.open == 0 || state.waiting.count >= crowd)
    }

    private func sendAsCaller() {
        while true {
            let batch = state.withLock { $0.takeWaiting() }
            var isAllSent = true
            do {
                isAllSent = try send(batch)
            } catch {
                // The thread learns of it, and tells the callers.
                connection?.shutDown()
            }
            let (isDone, isThreadWaiting) = state.withLock { state in
                state.holder = .nobody
                if state.isThreadWaiting {
                    state.isThreadWaiting = false
                    state.holder = .thread
                    return (true, true)
                }
                if isAllSent, Self.isWorthSending(state) {
                    state.holder = .caller
                    return (false, false)
                }
                return (true, false)
            }
            if isThreadWaiting { callerIsDone.signal() } else if !isAllSent { wakePipe.wake() }
            if isDone { return }
        }
    }

    /// - Returns: Whether all is sent; the rest goes when there is room for it.
    private func send(_ batch: [HiredisCall]) throws(RedisFailure) -> Bool {
        guard let connection else { return true }
        for call in batch { try connection.append(call.message) }
        return try connection.write()
    }

    // MARK: On the thread

    /// Connects, and serves the connection until it ends.
    private func run() {
        do {
            isReadOnly = false
            connection = try HiredisConnection(address, options)
            state.withLock { state in
                state.isConnected = true
                state.hasReplied = false
            }
            try serve()
        } catch {
            disconnect(error)
        }
    }

    private func serve() throws {
        var isReadable = false
        // Of a call that is answered in part.
        var replies: [RedisReply] = []
        while true {
            hold()
            var answers: [(HiredisCall, [RedisReply])] = []
            var isAllSent = true
            let turn = Result<Void, any Error> {
                if isReadable { try read(&replies, &answers) }
                repeat { isAllSent = try send(state.withLock { $0.takeWaiting() }) } while !letGo(isAllSent)
            }
            if case .failure = turn { _ = letGo(false) }
            let (isClosed, deadline) = state.withLock { state in
                return (state.isClosed, state.open > 0 ? state.underWay[state.answered].deadline : nil)
            }
            // Only now: who is answered asks again, and the server is at work on what was sent already.
            for (call, replies) in answers { call.answer(.success(replies)) }
            try turn.get()
            // It became a replica, and may not cut its clients. The address may mean another server by now.
            if isReadOnly { throw RedisFailure("the server has become a replica", mayHaveRun: true) }
            if isClosed { throw RedisFailure("the client is closed", mayHaveRun: true) }
            if let deadline, deadline.isOver {
                throw RedisFailure("the server did not reply in time", mayHaveRun: true)
            }
            isReadable = try wait(isAllSent: isAllSent, by: deadline ?? CallDeadline(in: options.replyTimeout))
        }
    }

    /// Lets callers send, unless they have left something to this thread that it is to send now.
    private func letGo(_ isAllSent: Bool) -> Bool {
        state.withLock { state in
            state.holder = .nobody
            if isAllSent, Self.isWorthSending(state) {
                state.holder = .thread
                return false
            }
            return true
        }
    }

    /// Waits until the connection can be used, and holds it.
    private func hold() {
        let waits = state.withLock { state in
            state.isThreadWaiting = state.holder == .caller
            if !state.isThreadWaiting { state.holder = .thread }
            return state.isThreadWaiting
        }
        if waits { callerIsDone.wait() }
    }

    private func read(_ replies: inout [RedisReply], _ answers: inout [(HiredisCall, [RedisReply])]) throws {
        guard let connection else { return }
        let result = Result { try connection.read() }
        // What has come before the end is worth reading.
        var come: [RedisReply] = []
        while let reply = try connection.nextReply() { come.append(reply) }
        try state.withLock { state in
            if !come.isEmpty, !state.hasReplied {
                state.hasReplied = true
                state.pause = nil
                state.backoff.reset()
            }
            isReadOnly = isReadOnly || come.contains(where: RedisFailure.isReadOnly)
            for reply in come {
                guard state.open > 0 else { throw RedisFailure("the server replied to nothing", mayHaveRun: true) }
                replies.append(reply)
                let call = state.underWay[state.answered]
                if call.count > replies.count { continue }
                answers.append((call, replies))
                replies.removeAll(keepingCapacity: true)
                state.answered += 1
            }
        }
        try result.get()
    }

    /// - Returns: Whether something has come.
    private func wait(isAllSent: Bool, by deadline: CallDeadline) throws -> Bool {
        guard let connection else { return false }
        var descriptors = [
            pollfd(fd: connection.socket, events: Int16(isAllSent ? POLLIN : POLLIN | POLLOUT), revents: 0),
            pollfd(fd: wakePipe.output, events: Int16(POLLIN), revents: 0),
        ]
        // A caller may send meanwhile: it waits no longer than that for its own time to be looked at.
        _ = poll(&descriptors, 2, max(1, deadline.millisecondsLeft))
        if descriptors[1].revents != 0 { wakePipe.drain() }
        return descriptors[0].revents & Int16(POLLIN | POLLHUP | POLLERR) != 0
    }

    /// There is no connection any more. What was sent may have run; the rest has not.
    private func disconnect(_ error: any Error) {
        let notSent = (error as? RedisFailure)?.beforeSending ?? error
        hold()
        // Let go of at the end: it may take a while, and others wait for their answer.
        let last = connection
        defer { withExtendedLifetime(last) {} }
        connection = nil
        let (underWay, waiting, whenEnded) = state.withLock { state in
            defer {
                (state.underWay, state.answered, state.waiting, state.whenEnded) = ([], 0, [], [])
                (state.isRunning, state.isConnected, state.holder) = (false, false, .nobody)
                state.hasReplied = false
            }
            if !state.hasReplied, !state.isClosed {
                state.pause = (CallDeadline(in: state.backoff.fail(.random(in: .min ... .max))), notSent)
            }
            return (state.underWay[state.answered...], state.waiting, state.whenEnded)
        }
        for call in underWay { call.answer(.failure(error)) }
        for call in waiting { call.answer(.failure(notSent)) }
        for ended in whenEnded { ended.fire(()) }
    }
}
#endif
