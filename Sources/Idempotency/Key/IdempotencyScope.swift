/// Where a key counts: an operation and, where there are several, the tenant and the principal that own it.
///
/// The same value in two scopes is two keys, so that no caller sees another's result. Make a scope once and share it:
/// keys of one scope share its storage.
@available(Idempotency 0.1, *)
public struct IdempotencyScope: Sendable {
    private final class Storage: Sendable {
        let operation: String
        let tenant: String?
        let principal: String?
        let text: String
        /// What the digests of this scope's keys begin with.
        let digest: FNV1a

        init(operation: String, tenant: String?, principal: String?, text: String) {
            self.operation = operation
            self.tenant = tenant
            self.principal = principal
            self.text = text
            var digest = FNV1a()
            var text = text
            text.withUTF8 { digest.combine($0) }
            // No text holds a NUL, so that scope and value come apart in one way only.
            digest.combine(0)
            self.digest = digest
        }
    }

    private let storage: Storage

    /// The operation, for example `"charge"` or `"POST /payments/{id}"`.
    public var operation: String { storage.operation }

    /// The tenant, if the service has several.
    public var tenant: String? { storage.tenant }

    /// The principal on whose behalf the operation runs, if there are several.
    public var principal: String? { storage.principal }

    /// The parts joined into one text, unambiguously: `charge;tenant=acme;principal=u-1`.
    ///
    /// In each part `%`, `/`, `;` and `=` are percent-encoded. At most 255 bytes of UTF-8. Stores keep this.
    public var text: String { storage.text }

    var digest: FNV1a { storage.digest }

    /// Makes a scope.
    ///
    /// - Parameters:
    ///   - operation: What is done; keep its name for as long as records of it live.
    ///   - tenant: Whose data it is, where there are several.
    ///   - principal: Who asks, where there are several.
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/invalidKey`` if a part is empty or holds control
    ///   characters, or if the joined ``text`` is over 255 bytes.
    public init(_ operation: String, tenant: String? = nil, principal: String? = nil) throws(IdempotencyError) {
        try KeyText.validate(operation, "The scope's operation")
        var text = KeyText.escape(operation, "/;=")
        if let tenant {
            try KeyText.validate(tenant, "The scope's tenant")
            text += ";tenant="
            text += KeyText.escape(tenant, "/;=")
        }
        if let principal {
            try KeyText.validate(principal, "The scope's principal")
            text += ";principal="
            text += KeyText.escape(principal, "/;=")
        }
        try KeyText.validateLength(text, "The scope (operation, tenant and principal joined)")
        storage = Storage(operation: operation, tenant: tenant, principal: principal, text: text)
    }
}

@available(Idempotency 0.1, *)
extension IdempotencyScope: Hashable {
    /// Two scopes are equal if the bytes of their ``text`` are.
    public static func == (left: IdempotencyScope, right: IdempotencyScope) -> Bool {
        left.storage === right.storage || UTF8Text.areEqual(left.text, right.text)
    }

    /// Hashes the bytes of ``text``.
    public func hash(into hasher: inout Hasher) {
        UTF8Text.hash(text, into: &hasher)
    }
}

@available(Idempotency 0.1, *)
extension IdempotencyScope: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The operation alone: tenant and principal may name a person.
    public var description: String { operation }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without the tenant and the principal.
    public var customMirror: Mirror { Mirror(self, children: ["operation": operation], displayStyle: .struct) }
}
