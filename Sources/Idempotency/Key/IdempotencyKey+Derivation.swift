@available(Idempotency 0.1, *)
extension IdempotencyKey {
    /// A stable key for a call that this operation makes downstream: the same key and name always give the same one.
    ///
    /// The value is a UUID of version 8 (RFC 9562, section 5.8) made of a SHA-256 of the scope, the value and the name,
    /// so that it shows nothing of the key it came from and fits the fields of other services (36 characters). The scope
    /// is the name, with this key's tenant and principal.
    ///
    /// - Parameter name: What the downstream call is, unique in this operation; becomes the scope's operation.
    /// - Returns: The key to hand downstream.
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/invalidKey`` if the name cannot be an operation.
    public func derived(for name: String) throws(IdempotencyError) -> IdempotencyKey {
        let scope = try IdempotencyScope(name, tenant: scope.tenant, principal: scope.principal)
        var hash = SHA256()
        for part in ["swift-idempotency/derived-key/1", self.scope.text, value, name] {
            hash.updateWithLengthPrefix(Array(part.utf8))
        }
        let uuid = UUIDText.format(Array(hash.finalize().prefix(16)), version: 8)
        return IdempotencyKey(scope: scope, validated: uuid)
    }
}
