// Checked by Scripts/check-compile-errors, and part of no target: the same calls as in NonCodableResult.swift, with
// Codable results and with none. Nothing here may be refused or warned about.

import Idempotency

struct Receipt: Codable, Sendable, Equatable {}

enum Verdict: Codable, Sendable { case paid, declined }

/// Codable and not Sendable: enough where the handler runs in the caller's task.
final class Document: Codable {}

struct Request: Codable, Sendable {
    var number: Int
}

struct RawRequest: Sendable {
    var bytes: [UInt8]
}

struct CardDeclined: FinalFailure {
    static let failureName = "card-declined"
}

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
func charge(_ execution: IdempotentExecution) async throws -> Receipt { Receipt() }

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
func send(_ execution: IdempotentExecution) async throws {}

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
func key(of request: Request) throws -> IdempotencyKey {
    try IdempotencyKey(operation: "charge", value: "\(request.number)")
}

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
func idempotent(_ interceptor: IdempotencyInterceptor, _ key: IdempotencyKey) async throws {
    _ = try await interceptor.idempotent(key: key) { _ in Receipt() }
    let receipt = try await interceptor.idempotent(key: key) { _ in Receipt() }
    let named: Receipt = try await interceptor.idempotent(key: key) { _ -> Receipt in Receipt() }
    let passed: Receipt = try await interceptor.idempotent(key: key, handler: charge)
    let document: Document = try await interceptor.idempotent(key: key) { _ in Document() }
    let list: [Receipt] = try await interceptor.idempotent(key: key) { _ in [Receipt()] }
    let maybe: Receipt? = try await interceptor.idempotent(key: key) { _ in Receipt?.none }
    let bytes: [UInt8] = try await interceptor.idempotent(key: key) { _ in [1, 2] }
    let whole = try await interceptor.idempotent(
        key: key,
        fingerprint: Fingerprint(of: 1),
        failures: CardDeclined.self
    ) { execution in
        try await execution.checkLease()
        return try await charge(execution)
    }
    // A generic call inside, whose result is the handler's.
    let stepped = try await interceptor.idempotent(key: key) { execution in
        let first = try await execution.step("one") { 1 }
        return try await execution.step("two") { first + 1 }
    }
    let sum: Int = stepped + 1
    let nested = try await interceptor.idempotent(key: key) { _ in
        try await interceptor.idempotent(key: key) { _ in Receipt() }
    }
    let inner: Receipt = nested
    _ = (sum, inner)
    try await interceptor.idempotent(key: key) { _ in }
    try await interceptor.idempotent(key: key, handler: send)
    try await interceptor.idempotent(key: key) { execution in try await send(execution) }
    try await interceptor.idempotent(key: key) { execution in
        try await execution.checkLease()
        _ = try await charge(execution)
    }
    _ = (receipt, named, passed, document, list, maybe, bytes, whole)
}

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
func outcome(_ interceptor: IdempotencyInterceptor, _ key: IdempotencyKey) async throws {
    _ = try await interceptor.outcome(key: key) { _ in Receipt() }
    let passed: IdempotentOutcome<Receipt> = try await interceptor.outcome(key: key, handler: charge)
    let sent: IdempotentOutcome<Void> = try await interceptor.outcome(key: key, handler: send)
    switch try await interceptor.outcome(key: key, handler: { _ in Verdict.paid }) {
    case .ran(let verdict), .replayed(let verdict): _ = verdict == .paid
    case .inProgress, .unknown: break
    }
    _ = (passed, sent)
}

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
func ownTask(_ interceptor: IdempotencyInterceptor, _ key: IdempotencyKey) async throws {
    let verdict: Verdict = try await interceptor.idempotent(key: key, task: .own) { _ in Verdict.paid }
    let passed: Receipt = try await interceptor.idempotent(key: key, task: .own, handler: { try await charge($0) })
    try await interceptor.idempotent(key: key, task: .own) { execution in try await send(execution) }
    let outcome: IdempotentOutcome<Verdict> = try await interceptor.outcome(key: key, task: .own) { _ in .paid }
    let sent: IdempotentOutcome<Void> = try await interceptor.outcome(key: key, task: .own) { _ in }
    _ = (verdict, passed, outcome, sent)
}

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
func wrapping(_ interceptor: IdempotencyInterceptor, _ rawKey: IdempotencyKey) async throws {
    let whole = interceptor.idempotent(key: key) { (request: Request, _) in Receipt() }
    let part = interceptor.idempotent(
        key: key,
        fingerprint: { (request: Request) in try Fingerprint(of: request.number) }
    ) { request, _ in Receipt() }
    let raw = interceptor.idempotent(
        key: { (_: RawRequest) in rawKey },
        fingerprint: { Fingerprint(bytes: $0.bytes) }
    ) { request, _ in Receipt() }
    let silent = interceptor.idempotent(key: key) { (request: Request, execution) in try await send(execution) }
    let receipts: [Receipt] = [
        try await whole(Request(number: 1)), try await part(Request(number: 1)), try await raw(RawRequest(bytes: [])),
    ]
    try await silent(Request(number: 1))
    _ = receipts
}

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
func wrappingInOwnTask(_ interceptor: IdempotencyInterceptor, _ rawKey: IdempotencyKey) async throws {
    let whole = interceptor.idempotent(key: { try key(of: $0) }, task: .own) { (request: Request, _) in Verdict.paid }
    let part = interceptor.idempotent(
        key: { try key(of: $0) },
        fingerprint: { (request: Request) in try Fingerprint(of: request.number) },
        task: .own
    ) { request, _ in Verdict.paid }
    let raw = interceptor.idempotent(
        key: { (_: RawRequest) in rawKey },
        fingerprint: { Fingerprint(bytes: $0.bytes) },
        task: .own
    ) { request, _ in Verdict.paid }
    let silent = interceptor.idempotent(key: { try key(of: $0) }, task: .own) { (request: Request, execution) in
        try await send(execution)
    }
    let verdicts: [Verdict] = [
        try await whole(Request(number: 1)), try await part(Request(number: 1)), try await raw(RawRequest(bytes: [])),
    ]
    try await silent(Request(number: 1))
    _ = verdicts
}

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
func step(_ execution: IdempotentExecution) async throws {
    let receipt: Receipt = try await execution.step("reserve") { Receipt() }
    let passed: Receipt = try await execution.step("charge") { try await charge(execution) }
    let document: Document = try await execution.step("write") { Document() }
    try await execution.step("send") { try await send(execution) }
    try await execution.step("nothing") {}
    _ = (receipt, passed, document)
}
