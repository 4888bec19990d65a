/// So that a request can have its key as a field, and be fingerprinted and sent with it. Decoding checks the rules.
@available(Idempotency 0.1, *)
extension IdempotencyKey: Codable {
    private enum CodingKeys: String, CodingKey {
        case operation, tenant, principal, value
    }

    /// Decodes the parts of the scope and the value.
    ///
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/invalidKey`` if a part breaks a rule; a decoding error
    ///   if one is missing.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let scope = try IdempotencyScope(
            container.decode(String.self, forKey: .operation),
            tenant: container.decodeIfPresent(String.self, forKey: .tenant),
            principal: container.decodeIfPresent(String.self, forKey: .principal)
        )
        try self.init(scope: scope, value: container.decode(String.self, forKey: .value))
    }

    /// Encodes the parts of the scope and the value.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(scope.operation, forKey: .operation)
        try container.encodeIfPresent(scope.tenant, forKey: .tenant)
        try container.encodeIfPresent(scope.principal, forKey: .principal)
        try container.encode(value, forKey: .value)
    }
}
