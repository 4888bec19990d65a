// Checked by Scripts/check-compile-errors, and part of no target: every line that ends in "refused" must be refused with
// the advice to make the result Codable. Without that, the overloads for Void would swallow the result in silence.

import Idempotency

struct Receipt {}

enum Verdict: Sendable { case paid, declined }

final class Document {}

struct Request: Codable, Sendable {
    var number: Int
}

struct RawRequest: Sendable {
    var bytes: [UInt8]
}

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
func charge(_ execution: IdempotentExecution) async throws -> Receipt { Receipt() }

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
func key(of request: Request) throws -> IdempotencyKey {
    try IdempotencyKey(operation: "charge", value: "\(request.number)")
}

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
func idempotent(_ interceptor: IdempotencyInterceptor, _ key: IdempotencyKey) async throws {
    try await interceptor.idempotent(key: key) { _ in Receipt() }  // refused
    _ = try await interceptor.idempotent(key: key) { _ in Receipt() }  // refused
    let receipt = try await interceptor.idempotent(key: key) { _ in Receipt() }  // refused
    let named: Receipt = try await interceptor.idempotent(key: key) { _ in Receipt() }  // refused
    let typed = try await interceptor.idempotent(key: key) { _ -> Receipt in Receipt() }  // refused
    let passed = try await interceptor.idempotent(key: key, handler: charge)  // refused
    let document = try await interceptor.idempotent(key: key) { _ in Document() }  // refused
    let pair = try await interceptor.idempotent(key: key) { _ in (1, "a") }  // refused
    let list = try await interceptor.idempotent(key: key) { _ in [Receipt()] }  // refused
    let maybe = try await interceptor.idempotent(key: key) { _ in Receipt?.none }  // refused
    let mixed = try await interceptor.idempotent(key: key) { _ in 1 as any Codable }  // refused
    let later = try await interceptor.idempotent(key: key) { _ in { 1 } }  // refused
    let whole = try await interceptor.idempotent(key: key, fingerprint: Fingerprint(of: 1)) { execution in  // refused
        try await execution.checkLease()
        return try await charge(execution)
    }
    _ = (receipt, named, typed, passed, document, pair, list, maybe, mixed, later, whole)
}

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
func outcome(_ interceptor: IdempotencyInterceptor, _ key: IdempotencyKey) async throws {
    try await interceptor.outcome(key: key) { _ in Receipt() }  // refused
    _ = try await interceptor.outcome(key: key) { _ in Receipt() }  // refused
    let passed = try await interceptor.outcome(key: key, handler: charge)  // refused
    switch try await interceptor.outcome(key: key, handler: { _ in Verdict.paid }) {  // refused
    case .ran, .replayed, .inProgress, .unknown: break
    }
    _ = passed
}

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
func ownTask(_ interceptor: IdempotencyInterceptor, _ key: IdempotencyKey) async throws {
    try await interceptor.idempotent(key: key, task: .own) { _ in Verdict.paid }  // refused
    let verdict = try await interceptor.idempotent(key: key, task: .own) { _ in Verdict.paid }  // refused
    let passed = try await interceptor.idempotent(key: key, task: .own, handler: { try await charge($0) })  // refused
    try await interceptor.outcome(key: key, task: .own) { _ in Verdict.paid }  // refused
    let outcome = try await interceptor.outcome(key: key, task: .own) { _ in Verdict.paid }  // refused
    _ = (verdict, passed, outcome)
}

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
func wrapping(_ interceptor: IdempotencyInterceptor, _ rawKey: IdempotencyKey) async throws {
    let whole = interceptor.idempotent(key: key) { (request: Request, _) in Receipt() }  // refused
    let part = interceptor.idempotent(  // refused
        key: key,
        fingerprint: { (request: Request) in try Fingerprint(of: request.number) }
    ) { request, _ in Receipt() }
    let raw = interceptor.idempotent(  // refused
        key: { (_: RawRequest) in rawKey },
        fingerprint: { Fingerprint(bytes: $0.bytes) }
    ) { request, _ in Receipt() }
    let statements = interceptor.idempotent(key: key) { (request: Request, execution) in  // refused
        try await execution.checkLease()
        return Receipt()
    }
    _ = (whole, part, raw, statements)
}

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
func wrappingInOwnTask(_ interceptor: IdempotencyInterceptor, _ rawKey: IdempotencyKey) async throws {
    let whole = interceptor.idempotent(key: { try key(of: $0) }, task: .own) { (_: Request, _) in  // refused
        Verdict.paid
    }
    let part = interceptor.idempotent(  // refused
        key: { try key(of: $0) },
        fingerprint: { (request: Request) in try Fingerprint(of: request.number) },
        task: .own
    ) { request, _ in Verdict.paid }
    let raw = interceptor.idempotent(  // refused
        key: { (_: RawRequest) in rawKey },
        fingerprint: { Fingerprint(bytes: $0.bytes) },
        task: .own
    ) { request, _ in Verdict.paid }
    _ = (whole, part, raw)
}

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
func step(_ execution: IdempotentExecution) async throws {
    try await execution.step("reserve") { Receipt() }  // refused
    _ = try await execution.step("reserve") { Receipt() }  // refused
    let receipt = try await execution.step("reserve") { Receipt() }  // refused
    let passed = try await execution.step("reserve") { try await charge(execution) }  // refused
    let document: Document = try await execution.step("reserve") { Document() }  // refused
    _ = (receipt, passed, document)
}
