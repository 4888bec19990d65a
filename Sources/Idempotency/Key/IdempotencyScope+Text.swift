@available(Idempotency 0.1, *)
extension IdempotencyScope {
    /// Reads a scope's ``text`` back: for stores that keep nothing else of it.
    ///
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/invalidKey`` if it is no scope's text.
    package init(text: String) throws(IdempotencyError) {
        var parts = text.utf8.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)[...]
        let operation = parts.removeFirst()
        func take(_ name: String) -> String? {
            // By bytes: what follows may combine with the sign of equality.
            guard let part = parts.first, part.starts(with: name.utf8) else { return nil }
            parts.removeFirst()
            return KeyText.unescape(part.dropFirst(name.utf8.count))
        }
        let tenant = take("tenant=")
        let principal = take("principal=")
        try self.init(KeyText.unescape(operation), tenant: tenant, principal: principal)
        guard UTF8Text.areEqual(self.text, text) else {
            throw IdempotencyError(
                .invalidKey,
                "A text is not one that a scope has; take it from `IdempotencyScope.text`."
            )
        }
    }
}
