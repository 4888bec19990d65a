import Idempotency

/// Everything that must not be shown holds this marker: to search for one text in all that is put out finds any leak.
enum Secret {
    static let marker = "hush-4711"

    /// A key whose value, tenant and principal are secret. The operation is not.
    static func key(_ name: String = "k", operation: String = "charge") -> IdempotencyKey {
        let scope = try! IdempotencyScope(operation, tenant: "t-\(marker)", principal: "p-\(marker)")
        return try! IdempotencyKey(scope: scope, value: "\(name)-\(marker)")
    }

    static func payload(_ name: String) -> Fingerprint { Fingerprint(bytes: Array("\(name)-\(marker)".utf8)) }
}

/// What a handler or a driver throws: with a secret in everything that could be printed of it.
struct TalkativeError: Error, CustomStringConvertible, CustomDebugStringConvertible {
    let statement = "INSERT … \(Secret.marker)"
    var description: String { statement }
    var debugDescription: String { statement }
}

/// A final answer, kept with its secret.
struct Declined: FinalFailure {
    static let failureName = "declined"
    var reason = Secret.marker
}
