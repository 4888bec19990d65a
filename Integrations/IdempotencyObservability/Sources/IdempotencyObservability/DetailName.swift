/// What the details of an event are called, in logs and in spans alike.
@available(Idempotency 0.1, *)
enum DetailName {
    static let operation = "idempotency.operation"
    static let event = "idempotency.event"
    static let keyReference = "idempotency.key_reference"
    static let state = "idempotency.state"
    static let attempt = "idempotency.attempt"
    static let durationInSeconds = "idempotency.duration_seconds"
    static let outcome = "idempotency.outcome"
    static let errorType = "idempotency.error.type"
    static let errorCode = "idempotency.error.code"
    static let errorText = "idempotency.error.text"
    static let tenant = "idempotency.tenant"
    static let principal = "idempotency.principal"
    static let keysLeft = "idempotency.keys_left"
    static let purgedRecords = "idempotency.purged_records"
}
