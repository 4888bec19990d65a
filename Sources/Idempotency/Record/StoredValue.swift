/// What a record keeps of a result, a step's result or a final failure.
@available(Idempotency 0.1, *)
public enum StoredValue: Equatable, Sendable {
    /// `Void`: there is nothing to keep.
    case void
    /// A result of type `[UInt8]`, as it is.
    case bytes([UInt8])
    /// What the codec wrote.
    case encoded([UInt8])
    /// A tombstone: there was a value, and it is not kept. It never runs again for that.
    case omitted(Omission)

    /// Why a value is not kept.
    public enum Omission: UInt8, Sendable {
        /// It was larger than the policy's limit.
        case tooLarge = 1
        /// The codec could not encode it.
        case notEncodable = 2
        /// The store was away for so long that more results waited to be recorded than fit into memory.
        case storeWasAway = 3
    }

    /// How many bytes are kept.
    public var byteCount: Int {
        switch self {
        case .void, .omitted: 0
        case .bytes(let bytes), .encoded(let bytes): bytes.count
        }
    }
}

@available(Idempotency 0.1, *)
extension StoredValue: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The kind and the size; never the content.
    public var description: String {
        switch self {
        case .void: "void"
        case .bytes(let bytes): "bytes(\(bytes.count))"
        case .encoded(let bytes): "encoded(\(bytes.count))"
        case .omitted(let omission): "omitted(\(omission))"
        }
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without the content.
    public var customMirror: Mirror { Mirror(self, children: ["kind": description], displayStyle: .enum) }
}
