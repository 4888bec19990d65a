/// A finished step of a run: a re-run skips it and takes its result from here.
@available(Idempotency 0.1, *)
public struct Checkpoint: Equatable, Sendable {
    /// The step's name, unique in the run.
    public let name: String
    /// What the step returned.
    public let value: StoredValue

    /// Makes a checkpoint.
    ///
    /// - Parameters:
    ///   - name: The step's name; 1 to 255 bytes.
    ///   - value: What the step returned.
    public init(name: String, value: StoredValue) {
        self.name = name
        self.value = value
    }
}
