/// Names one thing that must happen once: a scope, and a value that is unique in it.
///
/// Two keys are equal if their bytes of UTF-8 are, on every store: `"é"` in its two Unicode forms, `"Key"` and `"key"`
/// are different keys. A description never shows the value.
@available(Idempotency 0.1, *)
public struct IdempotencyKey: Sendable {
    private struct Header {
        let scope: IdempotencyScope
        let hash: Int
        let digest: UInt64
        let count: Int
    }

    /// Scope, hashes and the value's bytes in one allocation: stores hold millions of keys, and look at all of them to find one.
    ///
    /// `ManagedBuffer` is not `Sendable` because it can be written to. This one is written to by the initializer below,
    /// before anybody else has it, and never again.
    nonisolated(unsafe) private let storage: ManagedBuffer<Header, UInt8>

    /// Where the key counts.
    public var scope: IdempotencyScope { storage.header.scope }

    /// The value; 1 to 255 bytes of UTF-8 without control characters. Treat it like a password when logging.
    public var value: String { withValue { String(decoding: $0, as: UTF8.self) } }

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
        var value = value
        storage = value.withUTF8 { bytes in
            var hasher = Hasher()
            hasher.combine(scope)
            hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
            var digest = scope.digest
            digest.combine(bytes)
            let header = Header(
                scope: scope,
                hash: hasher.finalize(),
                digest: max(1, digest.value),
                count: bytes.count
            )
            let storage = ManagedBuffer<Header, UInt8>.create(minimumCapacity: bytes.count) { _ in header }
            storage.withUnsafeMutablePointerToElements { elements in
                if let start = bytes.baseAddress { elements.initialize(from: start, count: bytes.count) }
            }
            return storage
        }
    }

    private func withValue<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        storage.withUnsafeMutablePointers { body(UnsafeBufferPointer(start: $1, count: $0.pointee.count)) }
    }

    /// The bytes of ``value``, for stores: it is made anew each time that it is asked for.
    package func withValueBytes(_ body: (UnsafeBufferPointer<UInt8>) -> Void) { withValue(body) }
}

@available(Idempotency 0.1, *)
extension IdempotencyKey: Hashable {
    /// Two keys are equal if the bytes of their scopes and of their values are.
    public static func == (left: IdempotencyKey, right: IdempotencyKey) -> Bool {
        if left.storage === right.storage { return true }
        return left.storedHash == right.storedHash && left.scope == right.scope
            && left.withValue { left in right.withValue { right in left.elementsEqual(right) } }
    }

    /// Feeds the hash that was computed, with this process's random seed, when the key was made.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(storedHash)
    }

    /// The hash computed when the key was made: stores and flights pick a shard by it without hashing again.
    package var storedHash: Int { storage.withUnsafeMutablePointerToHeader { $0.pointee.hash } }

    /// FNV-1a of the scope's text, a NUL and the value; never zero. The same in every process: records carry it, so that one
    /// that a store hands out under another key is noticed.
    package var digest: UInt64 { storage.withUnsafeMutablePointerToHeader { $0.pointee.digest } }
}

@available(Idempotency 0.1, *)
extension IdempotencyKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The operation and the length of the value; never the value.
    public var description: String {
        "IdempotencyKey(\(scope.operation), \(storage.header.count) bytes)"
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without the value.
    public var customMirror: Mirror { Mirror(self, children: ["scope": scope], displayStyle: .struct) }
}
