/// What came back from a check-and-set: the store's word, or that nobody knows.
@available(Idempotency 0.1, *)
enum StoreAnswer {
    case reply(CheckAndSetResult)
    case failure(any Error)
}
