/// A person's word on a key whose outcome nobody knew: under which id it was given, and by whom. The record keeps the last.
@available(Idempotency 0.1, *)
public struct Settlement: Sendable {
    private final class Storage: Sendable {
        let id: String
        let settledBy: String

        init(id: String, settledBy: String) {
            self.id = id
            self.settledBy = settledBy
        }
    }

    // One word in every record, and nothing more in those that were never settled.
    private let storage: Storage

    /// Names the decision, so that to repeat it is safe: the number of a ticket, or a random id made before the first try.
    public var id: String { storage.id }

    /// Who decided.
    public var settledBy: String { storage.settledBy }

    /// Names a decision.
    ///
    /// - Parameters:
    ///   - id: Names it; another one for every decision. 1 to 255 bytes of UTF-8 without control characters.
    ///   - settledBy: Who decides; 1 to 255 bytes of UTF-8 without control characters.
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/invalidSettlement``.
    public init(id: String, settledBy: String) throws(IdempotencyError) {
        try KeyText.validate(id, "The settlement's id", .invalidSettlement)
        try KeyText.validate(settledBy, "The name of whoever settles", .invalidSettlement)
        self.init(stored: id, settledBy: settledBy)
    }

    /// Takes a settlement as it was stored.
    init(stored id: String, settledBy: String) {
        storage = Storage(id: id, settledBy: settledBy)
    }

    /// The claimant of the record that the settlement leaves: not the run's that was given up, which can change it no more,
    /// and the same whenever the settlement is repeated.
    var claimant: Claimant {
        var hash = SHA256()
        hash.update("settlement".utf8)
        hash.updateWithLengthPrefix(Array(id.utf8))
        let digest = hash.finalize()
        func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        return Claimant(high: number(digest[0..<8]), low: number(digest[8..<16]))
    }
}

@available(Idempotency 0.1, *)
extension Settlement: Hashable {
    /// Two settlements are equal if the bytes of their texts are.
    public static func == (left: Settlement, right: Settlement) -> Bool {
        UTF8Text.areEqual(left.id, right.id) && UTF8Text.areEqual(left.settledBy, right.settledBy)
    }

    /// Hashes the bytes of both texts.
    public func hash(into hasher: inout Hasher) {
        UTF8Text.hash(id, into: &hasher)
        UTF8Text.hash(settledBy, into: &hasher)
    }
}

@available(Idempotency 0.1, *)
extension Settlement: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The id alone: the other text names a person.
    public var description: String { "settlement \(id)" }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without the name of a person.
    public var customMirror: Mirror { Mirror(self, children: ["id": id], displayStyle: .struct) }
}
