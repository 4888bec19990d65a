/// A finished step of a run: a re-run skips it and takes its result from here.
@available(Idempotency 0.1, *)
public struct Checkpoint: Equatable, Sendable {
    /// The step's name, unique in the run.
    public let name: String
    /// What the step returned.
    public let value: StoredValue

    package init(name: String, value: StoredValue) {
        self.name = name
        self.value = value
    }
}
