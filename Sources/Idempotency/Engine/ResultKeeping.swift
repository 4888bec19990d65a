/// How a handler's value becomes what a record keeps, and back.
@available(Idempotency 0.1, *)
enum ResultKeeping {
    /// What is kept of a value: itself, or a tombstone where it is too large or cannot be encoded.
    static func keep<Value: Codable>(
        _ value: Value,
        with codec: @autoclosure () -> any IdempotencyCodec,
        limit: Int
    ) -> StoredValue {
        let stored: StoredValue
        if Value.self == [UInt8].self {
            stored = .bytes(value as! [UInt8])
        } else {
            guard let bytes = try? codec().encode(value) else { return .omitted(.notEncodable) }
            stored = .encoded(bytes)
        }
        return stored.byteCount > limit ? .omitted(.tooLarge) : stored
    }

    static func restore<Value: Codable>(
        _ type: Value.Type,
        from stored: StoredValue,
        with codec: @autoclosure () -> any IdempotencyCodec
    ) throws(IdempotencyError) -> Value {
        switch stored {
        case .bytes(let bytes) where Value.self == [UInt8].self:
            return bytes as! Value
        case .encoded(let bytes) where Value.self != [UInt8].self:
            do {
                return try codec().decode(Value.self, from: bytes)
            } catch {
                throw .undecodable("as \(Value.self)", cause: error)
            }
        case .omitted(let omission):
            throw .notKept(omission)
        case .void, .bytes, .encoded:
            throw .undecodable("as \(Value.self): another kind of result was kept")
        }
    }

    static func restoreVoid(from stored: StoredValue) throws(IdempotencyError) {
        switch stored {
        case .void: return
        case .omitted(let omission): throw .notKept(omission)
        case .bytes, .encoded: throw .undecodable("as Void: a result was kept")
        }
    }
}
