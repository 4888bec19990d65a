@testable import Idempotency

@available(Idempotency 0.1, *)
extension RecordStateMachine {
    /// What an event makes of what is stored, or why it is refused: in one value, for tests to compare.
    static func apply(
        _ event: Event,
        by claimant: Claimant,
        to stored: StoredRecord?,
        lease: Nanoseconds
    ) -> Result<IdempotencyRecord, EventRefused> {
        var record = stored?.record
        let version = stored?.version ?? RecordVersion(rawValue: 0)
        let refusal = apply(event, by: claimant, to: &record, at: version, lease: lease)
        guard refusal == nil, let record else { return .failure(EventRefused(refusal ?? .absent)) }
        return .success(record)
    }
}
