/// Turns results and final failures into the bytes that a record keeps, and back.
///
/// Results of type `[UInt8]` and `Void` never pass through a codec: their bytes are kept as they are. Whatever a codec
/// writes it must read for as long as records live, so that a change of format needs a codec that reads both.
@available(Idempotency 0.1, *)
public protocol IdempotencyCodec: Sendable {
    /// Encodes a value.
    ///
    /// - Parameter value: A result or a final failure.
    /// - Returns: The bytes to keep.
    func encode<Value: Encodable>(_ value: Value) throws -> [UInt8]

    /// Decodes a value.
    ///
    /// - Parameters:
    ///   - type: The type to decode.
    ///   - bytes: What ``encode(_:)`` returned.
    func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value
}
