#if PostgreSQL
/// The statements as they are sent: for tests of what the server does for them.
@available(Idempotency 0.1, *)
extension PostgreSQLIdempotencyStore {
    package var statementTexts: (claim: String, update: String, purge: String, channel: String) {
        (statements.claim, statements.update, statements.purge, statements.channel)
    }

    /// What sets up a session of the store's.
    package var settingTexts: [String] { [opener.settings(forTransaction: false).sql] }
}
#endif
