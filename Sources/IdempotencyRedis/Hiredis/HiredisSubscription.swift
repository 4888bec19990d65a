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

/// A connection that listens to a channel, with the thread that hears.
@available(Idempotency 0.1, *)
final class HiredisSubscription: StoreSubscription {
    private let isCancelled = Atomic(false)
    private let wakePipe = WakePipe()
    private let queue = DispatchQueue(label: "idempotency.redis.subscription", qos: .userInitiated)
    private let onMessage: @Sendable ([UInt8]?) -> Void

    init(onMessage: @escaping @Sendable ([UInt8]?) -> Void) { self.onMessage = onMessage }

    /// Connects, and begins to listen.
    func begin(_ address: RedisAddress, _ options: HiredisOptions, _ channel: String) async throws {
        let begun = OneShot<Result<Void, any Error>>()
        queue.async {
            do {
                let connection = try HiredisConnection(address, options)
                let command = RedisCommand("SUBSCRIBE", channel)
                let reply = try connection.exchange([command], by: CallDeadline(in: options.replyTimeout))
                if case .error(let text) = reply[0] { throw RedisFailure(reply: text) }
                begun.fire(.success(()))
                // Until then nobody counts on it.
                for message in reply.dropFirst() { self.hear(message) }
                try? self.listen(connection)
            } catch {
                begun.fire(.failure(error))
                return
            }
            if !self.isCancelled.load(ordering: .relaxed) { self.onMessage(nil) }
        }
        try await begun.value().get()
    }

    func cancel() {
        isCancelled.store(true, ordering: .relaxed)
        wakePipe.wake()
    }

    // MARK: On the thread

    private func listen(_ connection: HiredisConnection) throws {
        while !isCancelled.load(ordering: .relaxed) {
            var descriptors = [
                pollfd(fd: connection.socket, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wakePipe.output, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&descriptors, 2, -1)
            if descriptors[0].revents == 0 { continue }
            try connection.read()
            while let message = try connection.nextReply() { hear(message) }
        }
    }

    /// A message is an array: its kind, the channel, the payload.
    private func hear(_ message: RedisReply) {
        guard case .array(let parts) = message, parts.count == 3, parts[0].text == "message",
            case .bytes(let payload) = parts[2]
        else { return }
        if !isCancelled.load(ordering: .relaxed) { onMessage(payload) }
    }
}
#endif
