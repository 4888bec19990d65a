/// What a store holds under a key. A value without identity or clock: the store adds a version and stamps the spans.
@available(Idempotency 0.1, *)
public struct IdempotencyRecord: Equatable, Sendable {
    /// Where the key stands.
    public enum State: Equatable, Sendable {
        /// Claimed; being run while the lease holds, lapsed after that. The reason is set when it was given up as unknown.
        case pending(unknown: UnknownReason?)
        /// Ran to its end; the result answers every duplicate.
        case done(StoredValue)
        /// Failed, for good or to be tried again.
        case failed(StoredFailure)
    }

    /// Where the key stands.
    public internal(set) var state: State
    /// Who made the claim.
    public internal(set) var claimant: Claimant
    /// What was asked for; `nil` accepts anything.
    public internal(set) var fingerprint: Fingerprint?
    /// What becomes of the key when the lease ends without a word.
    public internal(set) var lapsePolicy: LapsePolicy
    /// Whether every attempt so far is known to have had no effect.
    public internal(set) var isKnownWithoutEffect: Bool
    /// The finished steps, in the order in which they finished.
    public internal(set) var checkpoints: [Checkpoint]
    /// Who settled the key by hand, the last time that somebody did.
    public internal(set) var settlement: Settlement?

    // Compact on purpose: a store may hold millions.
    /// The digest of the key that the record was made for; zero if that is not known.
    package internal(set) var keyDigest: UInt64
    package internal(set) var attemptNumber: UInt32
    package internal(set) var tokenNumber: UInt64
    package internal(set) var leaseNanoseconds: Nanoseconds
    package internal(set) var retentionNanoseconds: Nanoseconds

    /// Which attempt this is; the first is 1.
    public var attempt: Int { Int(attemptNumber) }

    /// The token of the claim, or `nil` in the write that makes the claim: then it is that write's version.
    public var token: FencingToken? { tokenNumber == 0 ? nil : FencingToken(rawValue: tokenNumber) }

    /// How long a pending record's claim holds from the write on, by the store's clock. Zero: lapsed at once.
    public var lease: Duration { .nanoseconds(leaseNanoseconds) }

    /// How long the record is kept, by the store's clock: a finished one from the write on, a pending one from the end of
    /// its lease on. `nil`: until somebody writes its version.
    public var retention: Duration? {
        retentionNanoseconds == Self.never ? nil : .nanoseconds(retentionNanoseconds)
    }

    /// Whether the record is pending, lapsed or not.
    public var isPending: Bool {
        if case .pending = state { true } else { false }
    }

    static let never = Nanoseconds.max

    package init(
        state: State,
        attempt: UInt32,
        claimant: Claimant,
        token: UInt64,
        fingerprint: Fingerprint?,
        lapsePolicy: LapsePolicy,
        isKnownWithoutEffect: Bool,
        lease: Nanoseconds,
        retention: Nanoseconds,
        checkpoints: [Checkpoint],
        settlement: Settlement? = nil,
        keyDigest: UInt64 = 0
    ) {
        self.state = state
        self.claimant = claimant
        self.fingerprint = fingerprint
        self.lapsePolicy = lapsePolicy
        self.isKnownWithoutEffect = isKnownWithoutEffect
        self.checkpoints = checkpoints
        self.settlement = settlement
        self.keyDigest = keyDigest
        self.attemptNumber = attempt
        self.tokenNumber = token
        self.leaseNanoseconds = lease
        self.retentionNanoseconds = retention
    }
}

@available(Idempotency 0.1, *)
extension IdempotencyRecord: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The state, the attempt, the token, how many steps are finished, and whether it was settled by hand; never a result.
    public var description: String {
        var text =
            switch state {
            case .pending(nil): "pending, attempt \(attempt)"
            case .pending(let reason?): "pending, attempt \(attempt), unknown: \(reason)"
            case .done(let value): "done, attempt \(attempt), \(value)"
            case .failed(.final(let name, let value)): "failed, attempt \(attempt), \(name), \(value)"
            case .failed(let failure): "failed, attempt \(attempt), \(failure)"
            }
        if let token { text += ", token \(token)" }
        if !checkpoints.isEmpty { text += ", steps: \(checkpoints.count)" }
        if let settlement { text += ", \(settlement)" }
        return text
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without the result.
    public var customMirror: Mirror { Mirror(self, children: ["record": description], displayStyle: .struct) }
}
