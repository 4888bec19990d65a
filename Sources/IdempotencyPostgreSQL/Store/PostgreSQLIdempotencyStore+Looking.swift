#if PostgreSQL
/// The statements as they are sent: for tests of what the server does for them.
@available(Idempotency 0.1, *)
extension PostgreSQLIdempotencyStore {
    package var statementTexts: (purge: String, channel: String) { (statements.purge, statements.channel) }

    /// The statements of many calls, and of one.
    package var callTexts: [(look: String, claim: String, update: String, replace: String)] {
        [statements.many, statements.one].map { ($0.look, $0.claim, $0.update, $0.replace) }
    }

    /// What sets up a session of the store's.
    package var settingTexts: [String] { [opener.settings(forTransaction: false).sql] }
}
#endif
