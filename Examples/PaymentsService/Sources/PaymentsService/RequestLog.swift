import Foundation
import HTTPTypes
import Hummingbird
import Idempotency
import IdempotencyHTTP
import Synchronization

/// The newest requests of a side, for the page's tables.
final class RequestLog: Sendable {
    struct Entry: Encodable, Sendable {
        /// What the page calls the request, in the field `X-Request-ID`.
        let id: String?
        /// In milliseconds since 1970.
        let time: Int
        /// The beginning of a digest of the key, to tell keys apart: they are not for everybody's eyes.
        let key: String?
        /// `nil`: under way.
        var status: Int?
        /// Whether it was answered with a kept response.
        var isReplayed = false
    }

    private static let limit = 50

    private struct Log {
        var entries: [Entry] = []
        /// How many entries there were before those that are left.
        var dropped = 0
    }

    private let log = Mutex(Log())

    /// The newest first.
    var entries: [Entry] { log.withLock { $0.entries.reversed() } }

    /// - Returns: The entry's number.
    func begin(_ entry: Entry) -> Int {
        log.withLock { log in
            log.entries.append(entry)
            if log.entries.count > Self.limit {
                log.entries.removeFirst()
                log.dropped += 1
            }
            return log.dropped + log.entries.count - 1
        }
    }

    func end(_ number: Int, status: Int, isReplayed: Bool) {
        log.withLock { log in
            let index = number - log.dropped
            guard index >= 0 else { return }
            log.entries[index].status = status
            log.entries[index].isReplayed = isReplayed
        }
    }
}

/// Writes down what was asked and answered. It is not part of the protection.
struct RequestLogMiddleware: RouterMiddleware {
    let log: RequestLog

    @concurrent func handle(
        _ request: Request,
        context: PaymentContext,
        next: @concurrent (Request, PaymentContext) async throws -> Response
    ) async throws -> Response {
        let key = request.headers[HTTPField.Name("Idempotency-Key")!]
        let number = log.begin(
            RequestLog.Entry(
                id: request.headers[HTTPField.Name("X-Request-ID")!].map { String($0.prefix(50)) },
                time: Int(Date().timeIntervalSince1970 * 1_000),
                key: key.map { Fingerprint(bytes: $0.utf8).digest.prefix(4).map { String($0, radix: 16) }.joined() }
            )
        )
        do {
            let response = try await next(request, context)
            let isReplayed = response.headers[HTTPField.Name(HTTPIdempotency.replayedField.name)!] != nil
            log.end(number, status: response.status.code, isReplayed: isReplayed)
            return response
        } catch {
            log.end(number, status: (error as? any HTTPResponseError)?.status.code ?? 500, isReplayed: false)
            throw error
        }
    }
}
