internal import Idempotency
internal import Logging

/// How a kind of event is logged unless the service says otherwise.
@available(Idempotency 0.1, *)
struct LogEntry {
    let level: Logger.Level
    let message: Logger.Message

    init(_ level: Logger.Level, _ message: Logger.Message) {
        self.level = level
        self.message = message
    }

    /// What is part of every run is for whoever debugs it. What the caller is told by an error or an outcome is not repeated
    /// loudly. What endangers the promise, or waits for a person, is.
    static let entries: [IdempotencyEvent.Kind: LogEntry] = [
        .claimed: LogEntry(.trace, "A call claimed its key and is about to run"),
        .renewed: LogEntry(.trace, "A lease was renewed"),
        .released: LogEntry(.trace, "A claim was given back before its handler was entered"),
        .waiting: LogEntry(.trace, "A call waits for another's run"),
        .waited: LogEntry(.debug, "A call's wait for another's run is over"),
        .completed: LogEntry(.debug, "A run ended and its result is kept"),
        .replayed: LogEntry(.debug, "A call was answered with the kept result or failure"),
        .failed: LogEntry(.debug, "A run ended with an error"),
        .refused: LogEntry(.info, "A call was refused"),
        .revoked: LogEntry(.info, "A key was revoked before it ran"),
        .wouldHaveReplayed: LogEntry(.info, "Observing only: a duplicate ran that would have been answered"),
        .wouldHaveRefused: LogEntry(.info, "Observing only: a call ran that would have been refused or have waited"),
        .mismatched: LogEntry(.notice, "A key came with another payload than before"),
        .takenOver: LogEntry(.notice, "A call claimed a key that another's lapsed run had left"),
        .settled: LogEntry(.notice, "A person settled a key whose outcome nobody knew"),
        .notRenewed: LogEntry(.warning, "A lease could not be renewed"),
        .storeFailed: LogEntry(.warning, "A call to the store failed"),
        .leaseLost: LogEntry(.error, "A run outlived its lease, and its effect may have happened twice"),
        .unknown: LogEntry(.error, "Nobody knows whether a run took effect"),
        .unsaved: LogEntry(.error, "A run ended, and its result could not be recorded"),
        .failedOpen: LogEntry(.error, "The store did not answer, and the handler ran without protection"),
        .storeBroken: LogEntry(.critical, "The store broke its contract"),
    ]

    /// A kind that is newer than the table is not lost.
    static func entry(for kind: IdempotencyEvent.Kind) -> LogEntry {
        entries[kind] ?? LogEntry(.notice, "Something happened that this release has no words for")
    }
}
