/// How a handler's value becomes what a record keeps, and back: one way for `Codable` values, one for `Void`.
@available(Idempotency 0.1, *)
protocol ValueKeeping {
    associatedtype Value

    static func store(_ value: Value, with codec: any IdempotencyCodec) throws -> StoredValue

    static func restore(_ stored: StoredValue, with codec: any IdempotencyCodec) throws(IdempotencyError) -> Value
}

@available(Idempotency 0.1, *)
extension ValueKeeping {
    /// What is kept of a value: itself, or a tombstone where it is too large or cannot be encoded.
    static func keep(_ value: Value, with codec: any IdempotencyCodec, limit: Int) -> StoredValue {
        guard let stored = try? store(value, with: codec) else { return .omitted(.notEncodable) }
        return stored.byteCount > limit ? .omitted(.tooLarge) : stored
    }
}

@available(Idempotency 0.1, *)
enum CodableKeeping<Value: Codable>: ValueKeeping {
    static func store(_ value: Value, with codec: any IdempotencyCodec) throws -> StoredValue {
        if Value.self == [UInt8].self { return .bytes(value as! [UInt8]) }
        return .encoded(try codec.encode(value))
    }

    static func restore(_ stored: StoredValue, with codec: any IdempotencyCodec) throws(IdempotencyError) -> Value {
        switch stored {
        case .bytes(let bytes) where Value.self == [UInt8].self:
            return bytes as! Value
        case .encoded(let bytes) where Value.self != [UInt8].self:
            do {
                return try codec.decode(Value.self, from: bytes)
            } catch {
                throw .undecodable("as \(Value.self)", cause: error)
            }
        case .omitted(let omission):
            throw .notKept(omission)
        case .void, .bytes, .encoded:
            throw .undecodable("as \(Value.self): another kind of result was kept")
        }
    }
}

@available(Idempotency 0.1, *)
enum VoidKeeping: ValueKeeping {
    static func store(_ value: Void, with codec: any IdempotencyCodec) -> StoredValue { .void }

    static func restore(_ stored: StoredValue, with codec: any IdempotencyCodec) throws(IdempotencyError) {
        switch stored {
        case .void: return
        case .omitted(let omission): throw .notKept(omission)
        case .bytes, .encoded: throw .undecodable("as Void: a result was kept")
        }
    }
}

@available(Idempotency 0.1, *)
extension IdempotencyError {
    static func undecodable(_ what: String, cause: (any Error)? = nil) -> IdempotencyError {
        IdempotencyError(
            .undecodableResult,
            "The kept result cannot be read \(what). Nothing was run again: make the type read what earlier releases "
                + "wrote, or use a new operation name for the new type.",
            cause: cause)
    }

    static func notKept(_ omission: StoredValue.Omission) -> IdempotencyError {
        switch omission {
        case .tooLarge:
            IdempotencyError(
                .resultNotKept,
                "The handler ran before, but its result was larger than the policy's limit and was not kept. It is never "
                    + "run again for that; look the effect up, or raise `maximumResultSize`.")
        case .notEncodable:
            IdempotencyError(
                .resultNotKept,
                "The handler ran before, but its result could not be encoded and was not kept. It is never run again for "
                    + "that; look the effect up, and mend the type's encoding.")
        }
    }
}
