/// What a client was told.
@available(Idempotency 0.1, *)
enum RehearsedAnswer<Value: Equatable & Sendable>: Equatable, Sendable {
    case value(Value)
    case error(String)
    case unknown
}

/// How a scenario of a rehearsal ended.
@available(Idempotency 0.1, *)
struct RehearsedEnding<Value: Equatable & Sendable, Effects: Equatable & Sendable>: Sendable {
    /// What the client was told, and then what its duplicates were.
    let answers: [RehearsedAnswer<Value>]
    /// What there was before the first call.
    let before: Effects
    /// What there was once the client had been answered.
    let answered: Effects
    /// What there was once its duplicates had been answered, too.
    let effects: Effects
    /// What the first process's calls to the store were for, up to the first answer.
    let calls: [String]

    /// In what it differs from a run that nothing happened to, where that is not excused by an outcome that is unknown.
    func differences(from undisturbed: RehearsedEnding) -> [String] {
        var found: [String] = []
        let isUnknown = answers[0] == .unknown
        let expected = undisturbed.answered
        if answered != expected, !isUnknown || answered != before {
            found.append("the effects were \(answered) instead of \(expected)")
        } else if effects != expected, answers.contains(where: { $0 != .unknown }) || effects != before {
            found.append("the effects were \(effects) instead of \(expected) when the answered call had been repeated")
        }
        if !isUnknown, answers[0] != undisturbed.answers[0] {
            found.append("the answer was \(answers[0]) instead of \(undisturbed.answers[0])")
        } else if let other = answers.first(where: { $0 != .unknown && $0 != undisturbed.answers[0] }) {
            found.append("a duplicate's answer was \(other) instead of \(undisturbed.answers[0])")
        }
        return found
    }
}
