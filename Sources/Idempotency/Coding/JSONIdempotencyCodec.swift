#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Keeps results as JSON, the default: a field that a release adds as optional reads what the release before wrote.
///
/// Numbers that JSON has no word for (infinities, not-a-number) are kept as texts. One encoder and one decoder serve all
/// calls.
@available(Idempotency 0.1, *)
public struct JSONIdempotencyCodec: IdempotencyCodec {
    private static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity",
            negativeInfinity: "-Infinity",
            nan: "NaN"
        )
        return encoder
    }()

    private static let decoder: JSONDecoder = {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "Infinity",
            negativeInfinity: "-Infinity",
            nan: "NaN"
        )
        return decoder
    }()

    /// Makes the codec.
    public init() {}

    /// Encodes a value as JSON.
    public func encode<Value: Encodable>(_ value: Value) throws -> [UInt8] {
        [UInt8](try Self.encoder.encode(value))
    }

    /// Decodes a value from JSON.
    public func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        try Self.decoder.decode(type, from: Data(bytes))
    }
}
