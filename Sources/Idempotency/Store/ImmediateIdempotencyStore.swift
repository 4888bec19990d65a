/// A store in this process's memory, which answers without waiting: the engine then spends no suspension on the common cases.
@available(Idempotency 0.1, *)
package protocol ImmediateIdempotencyStore: IdempotencyStore, AnyObject {
    /// Writes a record if the version under the key is the one expected, as ``IdempotencyStore/checkAndSet(_:expecting:_:)``.
    ///
    /// - Parameter found: What is there instead; set only if the answer is `nil`.
    /// - Returns: The new version; `nil` if the check failed.
    func write(
        _ record: IdempotencyRecord,
        under key: IdempotencyKey,
        expecting expected: RecordVersion?,
        found: inout StoredRecord?
    ) throws -> RecordVersion?
}
