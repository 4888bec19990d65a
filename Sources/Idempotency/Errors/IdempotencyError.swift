/// Says that a call could not be decided or done, and what to do about it.
///
/// Outcomes of a call that worked (ran, replayed, still in progress, unknown) are values of ``IdempotentOutcome``; an
/// error of this type is thrown for everything else, and by the sugar that answers with a bare result. It never holds
/// or prints the value of a key, a payload or a stored result in its descriptions.
@available(Idempotency 0.1, *)
public struct IdempotencyError: Error, Sendable {
    /// What went wrong; switch on this.
    public let code: Code

    /// What went wrong and what to do, in a sentence or two that are safe to log.
    public let message: String

    /// The error underneath, where there is one: the store's, the codec's, or the handler's own.
    ///
    /// It is not part of ``description``: what other code puts into its errors is not known to be safe to log.
    public let cause: (any Error)?

    /// How long the claim in the way holds without renewal, by the store's clock, for ``Code/inProgress``.
    public let remaining: Duration?

    /// The handler's encoded result, when the handler ran to its end but its result could not be recorded.
    let attachedResult: AttachedResult?

    /// The claim that a run's error is about: a handler may throw one that it got from another key's call.
    let claimant: Claimant?

    init(
        _ code: Code,
        _ message: String,
        cause: (any Error)? = nil,
        remaining: Duration? = nil,
        attachedResult: AttachedResult? = nil,
        claimant: Claimant? = nil
    ) {
        self.code = code
        self.message = message
        self.cause = cause
        self.remaining = remaining
        self.attachedResult = attachedResult
        self.claimant = claimant
    }

    /// An error of a store adapter, for people who write one.
    ///
    /// - Parameters:
    ///   - code: What went wrong.
    ///   - message: What went wrong and what to do, without any key's value, payload or result in it.
    ///   - cause: The driver's error, where there is one.
    public init(code: Code, message: String, cause: (any Error)? = nil) {
        self.init(code, message, cause: cause)
    }

    /// The result that the handler returned, when the error says that it could not be recorded
    /// (``Code/leaseLost``, ``Code/resultNotSaved``).
    ///
    /// - Parameter type: The type that the handler returned.
    /// - Returns: The result, or `nil` if the error carries none, or the handler returned nothing.
    /// - Throws: ``IdempotencyError`` with ``Code/undecodableResult`` if the result is of another type.
    public func result<Value: Codable>(as type: Value.Type) throws -> Value? {
        guard let attachedResult, attachedResult.value != .void else { return nil }
        return try ResultKeeping.restore(Value.self, from: attachedResult.value, with: attachedResult.codec)
    }
}

/// An encoded result together with the codec that reads it: errors cannot carry a value that is not `Sendable`.
@available(Idempotency 0.1, *)
struct AttachedResult: Sendable {
    let value: StoredValue
    let codec: any IdempotencyCodec
}

@available(Idempotency 0.1, *)
extension IdempotencyError: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The code, the message and the type of the cause; never a key's value, a payload or a result.
    public var description: String {
        var text = "IdempotencyError(\(code)): \(message)"
        if let cause { text += " [cause: \(type(of: cause))]" }
        return text
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror with the code and the message only, so that `dump` shows no payload.
    public var customMirror: Mirror {
        Mirror(self, children: ["code": code.description, "message": message], displayStyle: .struct)
    }
}
