/// What the caller asked for, as a SHA-256: the same key with another fingerprint is refused, never replayed.
///
/// Compared in constant time, so that how long a refusal takes shows nothing about the request that is kept.
@available(Idempotency 0.1, *)
public struct Fingerprint: Sendable {
    /// How a fingerprint was made. Those made in two ways never match.
    public enum Algorithm: UInt8, Sendable {
        /// SHA-256 of the bytes as they are.
        case sha256 = 1
        /// SHA-256 of named fields, sorted, each with its length.
        case sha256OfFields = 2
        /// SHA-256 of the JSON encoding with sorted members.
        case sha256OfJSON = 3
    }

    /// How it was made.
    public let algorithm: Algorithm

    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// The digest; 32 bytes.
    public var digest: [UInt8] {
        [words.0, words.1, words.2, words.3].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) }
        }
    }

    /// Takes a digest as it was stored.
    ///
    /// - Parameters:
    ///   - algorithm: How it was made.
    ///   - digest: 32 bytes.
    /// - Returns: `nil` if the digest has another length.
    public init?(algorithm: Algorithm, digest: some Collection<UInt8>) {
        guard digest.count == 32 else { return nil }
        var words: [UInt64] = [0, 0, 0, 0]
        for (index, byte) in digest.enumerated() { words[index / 8] = words[index / 8] << 8 | UInt64(byte) }
        self.algorithm = algorithm
        self.words = (words[0], words[1], words[2], words[3])
    }

    /// The fingerprint of bytes that were hashed as they came.
    package init(_ hash: SHA256) {
        self.init(algorithm: .sha256, hash: hash)
    }

    private init(algorithm: Algorithm, hash: SHA256) {
        var hash = hash
        let halves = hash.finalizeWords()
        func word(_ index: Int) -> UInt64 { UInt64(halves[2 * index]) << 32 | UInt64(halves[2 * index + 1]) }
        self.algorithm = algorithm
        words = (word(0), word(1), word(2), word(3))
    }

    /// The fingerprint of bytes, for example of a request's body.
    ///
    /// - Parameter bytes: Any number of bytes.
    public init(bytes: some Collection<UInt8>) {
        var hash = SHA256()
        hash.update(bytes)
        self.init(algorithm: .sha256, hash: hash)
    }

    /// The fingerprint of named fields, whatever their order: choose those that make two requests the same.
    ///
    /// Each name and each value counts with its length, and an absent value differs from an empty one.
    ///
    /// - Parameter fields: Names and values.
    public init(fields: KeyValuePairs<String, (any LosslessStringConvertible)?>) {
        let sorted = fields.map { (name: Array($0.key.utf8), value: $0.value.map { Array($0.description.utf8) }) }
            .sorted { left, right in
                if left.name != right.name { return left.name.lexicographicallyPrecedes(right.name) }
                guard let leftValue = left.value, let rightValue = right.value else {
                    return left.value == nil && right.value != nil
                }
                return leftValue.lexicographicallyPrecedes(rightValue)
            }
        var hash = SHA256()
        for field in sorted {
            hash.updateWithLengthPrefix(field.name)
            hash.update([field.value == nil ? 0 : 1])
            hash.updateWithLengthPrefix(field.value ?? [])
        }
        self.init(algorithm: .sha256OfFields, hash: hash)
    }

    /// The fingerprint of any encodable value: SHA-256 of its JSON with members in sorted order.
    ///
    /// The same in every process and on every machine, with two exceptions that lie in how Swift encodes: a `Set`, and a
    /// `Dictionary` whose keys are neither `String` nor `Int`, encode in an order that differs from process to process.
    /// Where a request has one, encode it sorted, or use ``init(fields:)``.
    ///
    /// - Parameter value: What the caller asked for.
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/fingerprintNotComputable`` if it cannot be encoded.
    public init(of value: some Encodable) throws(IdempotencyError) {
        let bytes: [UInt8]
        do {
            bytes = try SortedJSON.encode(value)
        } catch {
            throw IdempotencyError(
                .fingerprintNotComputable,
                "The request cannot be encoded as JSON, so that it has no fingerprint; "
                    + "pass one made of its fields, or none.",
                cause: error
            )
        }
        self.init(algorithm: .sha256OfJSON, digest: Fingerprint(bytes: bytes).digest)!
    }
}

@available(Idempotency 0.1, *)
extension Fingerprint: Equatable {
    /// Whether both were made in the same way of the same content; takes the same time wherever they differ.
    public static func == (left: Fingerprint, right: Fingerprint) -> Bool {
        let difference =
            (left.words.0 ^ right.words.0) | (left.words.1 ^ right.words.1)
            | (left.words.2 ^ right.words.2) | (left.words.3 ^ right.words.3)
            | UInt64(left.algorithm.rawValue ^ right.algorithm.rawValue)
        return difference == 0
    }
}

@available(Idempotency 0.1, *)
extension Fingerprint: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The algorithm alone: a digest of few possible requests would give the request away.
    public var description: String { "Fingerprint(\(algorithm))" }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without the digest.
    public var customMirror: Mirror { Mirror(self, children: ["algorithm": algorithm], displayStyle: .struct) }
}
