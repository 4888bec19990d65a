/// What can go wrong with one call to a store.
@available(Idempotency 0.1, *)
public enum StoreFault: Hashable, Sendable, CaseIterable {
    /// The call throws, and nothing is changed.
    case failBefore
    /// The change is made, and the call throws: the reply was lost.
    case loseReply
    /// The call throws, and the change is made a while later: the request was still on its way.
    case applyLate
    /// The change is made twice, and the second answer is returned: the request was repeated on its way.
    case applyTwice
    /// The change is made, and the answer takes a while.
    case delay
    /// The change is made a while later, and then answered: the request was slow.
    case delayBefore
}
