/// What happens to a handler in one scenario of a rehearsal.
@available(Idempotency 0.1, *)
struct Disturbance: Sendable {
    enum What: Sendable, CustomStringConvertible {
        case fault(StoreFault)
        case deathBefore
        case deathAfter
        case awayFromThereOn

        var description: String {
            switch self {
            case .fault(.failBefore): "it fails"
            case .fault(.loseReply): "its reply is lost"
            case .fault(.applyLate): "it fails, and arrives later"
            case .fault(.applyTwice): "it arrives twice"
            case .fault(.delay): "its reply is slow"
            case .fault(.delayBefore): "it is slow to arrive"
            case .deathBefore: "the process dies before it"
            case .deathAfter: "the process dies right after it"
            case .awayFromThereOn: "the store is away from there on"
            }
        }
    }

    /// At which of the process's calls to its store; the first is 1.
    let call: Int
    let what: What

    static func all(at call: Int) -> [Disturbance] {
        let whats = StoreFault.allCases.map { What.fault($0) } + [.deathBefore, .deathAfter, .awayFromThereOn]
        return whats.map { Disturbance(call: call, what: $0) }
    }
}
