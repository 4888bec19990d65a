@available(Idempotency 0.1, *)
extension IdempotencyKey {
    /// Makes a key of several business fields, for example the user and the order.
    ///
    /// The parts are joined by `:`, and in each part `%` and `:` are percent-encoded, so that `("a:b", "c")` and
    /// `("a", "b:c")` are different keys. A composed key equals the plain key of its joined text: in one scope use one way.
    ///
    /// - Parameters:
    ///   - scope: Where the key counts.
    ///   - parts: One or more parts; together at most 255 bytes of UTF-8 after joining, no control characters.
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/invalidKey`` if there is no part, if one is empty or
    ///   holds control characters, or if they are too long together.
    public init(scope: IdempotencyScope, composing parts: [String]) throws(IdempotencyError) {
        if parts.isEmpty {
            throw IdempotencyError(
                .invalidKey,
                "A composed key has no parts; give it the fields that identify the operation."
            )
        }
        var joined = ""
        for (index, part) in parts.enumerated() {
            try KeyText.validate(part, "Part \(index + 1) of the composed key")
            if index > 0 { joined += ":" }
            joined += KeyText.escape(part, ":")
        }
        try KeyText.validateLength(joined, "The composed key (its parts joined)")
        self.init(scope: scope, validated: joined)
    }

    /// Makes a key of several business fields, for example the user and the order.
    ///
    /// - Parameters:
    ///   - scope: Where the key counts.
    ///   - parts: One or more parts; see ``init(scope:composing:)-(_,[String])``.
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/invalidKey``.
    public init(scope: IdempotencyScope, composing parts: String...) throws(IdempotencyError) {
        try self.init(scope: scope, composing: parts)
    }
}
