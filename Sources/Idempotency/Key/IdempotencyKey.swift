/// Names one thing that must happen once: a scope, and a value that is unique in it.
///
/// Two keys are equal if their bytes of UTF-8 are, on every store: `"é"` in its two Unicode forms, `"Key"` and `"key"`
/// are different keys. A description never shows the value.
@available(Idempotency 0.1, *)
public struct IdempotencyKey: Sendable {
    private final class Storage: Sendable {
        let scope: IdempotencyScope
        let value: String
        let hash: Int

        init(scope: IdempotencyScope, value: String) {
            var hasher = Hasher()
            hasher.combine(scope)
            UTF8Text.hash(value, into: &hasher)
            self.scope = scope
            self.value = value
            self.hash = hasher.finalize()
        }
    }

    private let storage: Storage

    /// Where the key counts.
    public var scope: IdempotencyScope { storage.scope }

    /// The value; 1 to 255 bytes of UTF-8 without control characters. Treat it like a password when logging.
    public var value: String { storage.value }

    /// Makes a key of a value that a caller sent, or that is unique by itself.
    ///
    /// - Parameters:
    ///   - scope: Where the key counts.
    ///   - value: The value; 1 to 255 bytes of UTF-8 without control characters.
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/invalidKey``.
    public init(scope: IdempotencyScope, value: String) throws(IdempotencyError) {
        try KeyText.validate(value, "The key's value")
        self.init(scope: scope, validated: value)
    }

    /// Makes a key in a scope that is an operation alone.
    ///
    /// - Parameters:
    ///   - operation: What is done.
    ///   - value: The value; 1 to 255 bytes of UTF-8 without control characters.
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/invalidKey``.
    public init(operation: String, value: String) throws(IdempotencyError) {
        self.init(scope: try IdempotencyScope(operation), validated: try KeyText.validated(value))
    }

    init(scope: IdempotencyScope, validated value: String) {
        storage = Storage(scope: scope, value: value)
    }
}

@available(Idempotency 0.1, *)
extension IdempotencyKey: Hashable {
    /// Two keys are equal if the bytes of their scopes and of their values are.
    public static func == (left: IdempotencyKey, right: IdempotencyKey) -> Bool {
        if left.storage === right.storage { return true }
        return left.storage.hash == right.storage.hash && left.scope == right.scope
            && UTF8Text.areEqual(left.value, right.value)
    }

    /// Feeds the hash that was computed, with this process's random seed, when the key was made.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(storage.hash)
    }

    /// The hash computed when the key was made: stores and flights pick a shard by it without hashing again.
    package var storedHash: Int { storage.hash }
}

@available(Idempotency 0.1, *)
extension IdempotencyKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The operation and the length of the value; never the value.
    public var description: String {
        "IdempotencyKey(\(scope.operation), \(value.utf8.count) bytes)"
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without the value.
    public var customMirror: Mirror { Mirror(self, children: ["scope": scope], displayStyle: .struct) }
}
