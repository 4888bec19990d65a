/// What tells a store of the changes that other processes make: its server.
@available(Idempotency 0.1, *)
package protocol ChangeSource: Sendable {
    /// Begins to listen.
    ///
    /// - Parameter onChange: Told of the reference of each key that has changed, from any thread; told `nil` when the
    ///   subscription is lost, after which nothing more comes.
    /// - Returns: The subscription, once the server has confirmed it.
    /// - Throws: ``IdempotencyError`` if the server cannot be reached, or refuses.
    func subscribe(_ onChange: @escaping @Sendable (_ reference: String?) -> Void) async throws -> any StoreSubscription

    /// Says to all processes that somebody waits for these keys: who changes one of them is to tell of it. Called after a
    /// subscription was made; it may be lost by then.
    ///
    /// - Parameter keys: At most ``ChangeListener/keysAtOnce``.
    /// - Throws: ``IdempotencyError`` if the server cannot be reached, or refuses.
    func mark(_ keys: [IdempotencyKey]) async throws
}
