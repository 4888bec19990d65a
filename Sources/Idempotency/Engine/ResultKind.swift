/// What kind of value a handler returns: how it becomes what a record keeps, and back.
@available(Idempotency 0.1, *)
package protocol ResultKind<Value>: SendableMetatype {
    associatedtype Value

    static func keep(_ value: Value, by engine: Engine, limit: Int) -> StoredValue
    static func restore(_ stored: StoredValue, by engine: Engine) throws -> Value
}

/// A value that the codec encodes.
@available(Idempotency 0.1, *)
package enum CodableResult<Value: Codable>: ResultKind {
    package static func keep(_ value: Value, by engine: Engine, limit: Int) -> StoredValue {
        ResultKeeping.keep(value, with: engine.codec, limit: limit)
    }

    package static func restore(_ stored: StoredValue, by engine: Engine) throws -> Value {
        try ResultKeeping.restore(Value.self, from: stored, with: engine.codec)
    }
}

/// Nothing: that the handler ran is all there is to keep.
@available(Idempotency 0.1, *)
package enum VoidResult: ResultKind {
    package static func keep(_ value: Void, by engine: Engine, limit: Int) -> StoredValue { .void }

    package static func restore(_ stored: StoredValue, by engine: Engine) throws {
        try ResultKeeping.restoreVoid(from: stored)
    }
}

/// A value as a record keeps it: its caller encodes and decodes by itself.
@available(Idempotency 0.1, *)
package enum KeptResult: ResultKind {
    package static func keep(_ value: StoredValue, by engine: Engine, limit: Int) -> StoredValue { value }

    package static func restore(_ stored: StoredValue, by engine: Engine) -> StoredValue { stored }
}
