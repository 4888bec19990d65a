internal import Idempotency

/// How a handler's response becomes what a record keeps, and back.
@available(Idempotency 0.1, *)
enum HTTPResult: ResultKind {
    enum Value {
        /// The handler ran in this call. Without `kept`, its response is not kept.
        case fresh(kept: [UInt8]?)
        case replayed(HTTPAnswer)
    }

    static func keep(_ value: Value, by engine: Engine, limit: Int) -> StoredValue {
        if case .fresh(let kept?) = value { .bytes(kept) } else { .omitted(.tooLarge) }
    }

    static func restore(_ stored: StoredValue, by engine: Engine) throws -> Value {
        switch stored {
        case .bytes(let bytes):
            return .replayed(try HTTPAnswer(encoded: bytes))
        case .omitted, .void:
            // Nothing at all is what a person keeps who has found out that it is done, and not with what response.
            throw IdempotencyError(
                code: .resultNotKept,
                message:
                    "The request was carried out, and its response is not kept: a stream, too long, or settled without one."
            )
        case .encoded:
            throw IdempotencyError(
                code: .undecodableResult,
                message:
                    "What is kept under the key is no HTTP response. Nothing ran; give handlers outside of HTTP another scope."
            )
        }
    }
}
