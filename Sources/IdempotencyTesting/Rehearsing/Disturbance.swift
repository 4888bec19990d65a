/// What happens to a handler in one scenario of a rehearsal.
@available(Idempotency 0.1, *)
struct Disturbance: Sendable {
    enum What: Sendable, CustomStringConvertible {
        case fault(StoreFault)
        case deathBefore
        case deathAfter
        case awayFromThereOn
        case stallBefore
        case stallAfter

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
            case .stallBefore: "the process stops before it for longer than its lease"
            case .stallAfter: "the process stops right after it for longer than its lease"
            }
        }
    }

    /// At which of the process's calls to its store; the first is 1.
    let call: Int
    let what: What

    /// Whether the process goes on when another one has taken its place.
    var isStall: Bool {
        switch what {
        case .stallBefore, .stallAfter: true
        case .fault, .deathBefore, .deathAfter, .awayFromThereOn: false
        }
    }

    static func all(at call: Int) -> [Disturbance] {
        let ends: [What] = [.deathBefore, .deathAfter, .awayFromThereOn, .stallBefore, .stallAfter]
        return (StoreFault.allCases.map { What.fault($0) } + ends).map { Disturbance(call: call, what: $0) }
    }
}
