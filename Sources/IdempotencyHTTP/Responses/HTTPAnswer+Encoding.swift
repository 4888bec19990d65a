public import Idempotency

@available(Idempotency 0.1, *)
extension HTTPAnswer {
    /// The response as a record keeps it: for whoever settles a key by hand, as the result of a finding that it is done.
    ///
    /// - Returns: The bytes, or `nil` if the status is not within 100 to 999, if there are over 65,535 fields, or if a field's
    ///   name or value has more than 65,535 bytes.
    public func encoded() -> [UInt8]? { KeptResponse.whole(self).encoded() }

    /// Reads what ``encoded()`` wrote.
    ///
    /// - Parameter bytes: What a record keeps.
    /// - Throws: `IdempotencyError` with `undecodableResult` if a newer release wrote it, or something else; with `resultNotKept`
    ///   if the response was kept without its body.
    public init(encoded bytes: [UInt8]) throws(IdempotencyError) {
        switch try KeptResponse(.bytes(bytes)) {
        case .whole(let answer): self = answer
        case .withoutBody: throw KeptResponse.notKept
        }
    }
}
