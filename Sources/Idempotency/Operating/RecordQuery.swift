/// Which records an operator wants to see. What is left out restricts nothing.
@available(Idempotency 0.1, *)
public struct RecordQuery: Hashable, Sendable {
    /// The states; all of them by default.
    public var states: Set<RecordState>
    /// Only this operation's.
    public var operation: String?
    /// Only this tenant's.
    public var tenant: String?
    /// Only this principal's.
    public var principal: String?
    /// Only those whose last write is at least so long ago, by the store's clock.
    public var minimumAge: Duration

    /// Asks for records.
    ///
    /// - Parameters:
    ///   - states: The states; all of them by default.
    ///   - operation: Only this operation's.
    ///   - tenant: Only this tenant's.
    ///   - principal: Only this principal's.
    ///   - minimumAge: Only those whose last write is at least so long ago.
    public init(
        states: Set<RecordState> = Set(RecordState.allCases),
        operation: String? = nil,
        tenant: String? = nil,
        principal: String? = nil,
        minimumAge: Duration = .zero
    ) {
        self.states = states
        self.operation = operation
        self.tenant = tenant
        self.principal = principal
        self.minimumAge = minimumAge
    }

    /// Whether a record is asked for: for stores that filter by themselves.
    ///
    /// - Parameter record: The record.
    public func matches(_ record: ListedRecord) -> Bool {
        states.contains(record.state) && record.age >= minimumAge && matches(record.key.scope)
    }

    /// Whether a key's scope is asked for. Compared by bytes, as everywhere.
    ///
    /// - Parameter scope: The scope.
    public func matches(_ scope: IdempotencyScope) -> Bool {
        if let operation, !UTF8Text.areEqual(operation, scope.operation) { return false }
        if let tenant, !(scope.tenant.map { UTF8Text.areEqual($0, tenant) } ?? false) { return false }
        if let principal, !(scope.principal.map { UTF8Text.areEqual($0, principal) } ?? false) { return false }
        return true
    }
}

@available(Idempotency 0.1, *)
extension RecordQuery: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The states, the operation and the age; neither tenant nor principal, which may name a person.
    public var description: String {
        var text = states.map(\.rawValue).sorted().joined(separator: ", ")
        if let operation { text += ", of \(operation)" }
        if tenant != nil { text += ", of a tenant" }
        if principal != nil { text += ", of a principal" }
        if minimumAge > .zero { text += ", at least \(minimumAge) old" }
        return text
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without tenant and principal.
    public var customMirror: Mirror { Mirror(self, children: ["query": description], displayStyle: .struct) }
}
