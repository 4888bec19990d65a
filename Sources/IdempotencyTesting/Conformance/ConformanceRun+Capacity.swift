internal import Idempotency
import Synchronization

@available(Idempotency 0.1, *)
extension ConformanceRun {
    /// Makes a call that needs no room, and requires that the store does not say otherwise.
    private func withoutRoom<Result>(_ what: String, _ call: () async throws -> Result) async throws -> Result {
        do {
            return try await call()
        } catch let error as IdempotencyError where error.code == .capacityExceeded {
            throw ConformanceViolation(check: check, message: "a full store refuses \(what).")
        }
    }

    /// Claims a fresh key. `nil`: it was refused for want of room.
    private func claimFresh(_ value: String) async throws -> (key: IdempotencyKey, version: RecordVersion)? {
        let key = try key(value)
        do {
            return (key, try await write(claim(), key, "a claim of a fresh key"))
        } catch let error as IdempotencyError where error.code == .capacityExceeded {
            return nil
        }
    }

    /// Claims fresh keys until one is refused. Returns how many were stored.
    private func fill(_ capacity: Int, _ prefix: String) async throws -> Int {
        for number in 0...capacity {
            if try await claimFresh("\(prefix)-\(number)") == nil { return number }
        }
        throw ConformanceViolation(check: check, message: "\(capacity + 1) fresh keys were stored, one more than fit.")
    }

    func freshKeysAreRefusedPastTheCapacity() async throws {
        guard let capacity = subject.capacity else { return }
        let numbers = Numbers()
        let attempts = capacity + 640
        let answers = try await withThrowingTaskGroup(of: [(Int, RecordVersion?)].self) { group in
            for _ in 1...64 {
                group.addTask {
                    var answers: [(Int, RecordVersion?)] = []
                    while let number = numbers.next(below: attempts) {
                        answers.append((number, try await claimFresh("k-\(number)")?.version))
                    }
                    return answers
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let stored = answers.count { $0.1 != nil }
        try require(stored <= capacity, "\(stored) of \(attempts) fresh keys were stored, and \(capacity) fit.")
        try require(stored > 0, "not one fresh key was stored.")
        for (number, version) in answers {
            let key = try key("k-\(number)")
            if let version {
                try await requireThere(claim(), version, key)
            } else {
                try await requireAbsent(key, "After it was refused for want of room")
            }
        }
    }

    func fullStoreServesItsKeys() async throws {
        guard let capacity = subject.capacity else { return }
        let (running, done, spare) = (try key("running"), try key("done"), try key("spare"))
        var version = try await write(claim(), running, "a claim")
        let result = try await write(finished(), done, "a result")
        let removable = try await write(claim(), spare, "a claim")
        _ = try await fill(capacity, "k")
        let fresh = try key("fresh")
        for number in 1...3 {
            version = try await withoutRoom("a renewal") {
                try await write(
                    claim(attempt: UInt32(number)),
                    running,
                    over: version,
                    "renewal \(number) in a full store"
                )
            }
            try await requireThere(claim(attempt: UInt32(number)), version, running)
            let found = try await withoutRoom("a duplicate its answer") {
                try await refused(.write(claim(by: 2)), done, over: nil, "in a full store a claim of a finished key")
            }
            try require(found?.version == result, "in a full store a duplicate is told of \(Self.text(found)).")
            try require(try await claimFresh("more-\(number)") == nil, "in a full store a fresh key was stored.")
        }
        let found = try await withoutRoom("a check that cannot hold") {
            try await refused(
                .write(claim()),
                fresh,
                over: version,
                "in a full store a write upon a version of nothing"
            )
        }
        try require(found == nil, "the answer says \(Self.text(found)).")
        let finish = try await withoutRoom("a finish") {
            try await write(finished(), running, over: version, "a finish in a full store")
        }
        try await requireThere(finished(), finish, running)
        _ = try await withoutRoom("a removal") { try await remove(spare, over: removable) }
        try await requireAbsent(spare, "After its removal")
    }

    func removalAndExpiryMakeRoom() async throws {
        guard let capacity = subject.capacity else { return }
        var staying: [(IdempotencyKey, RecordVersion)] = []
        for number in 0..<3 {
            try await write(finished(retention: tick * 4), try key("expires-\(number)"), "a result")
            let key = try key("lapses-\(number)")
            staying.append((key, try await write(claim(lease: tick * 4), key, "a claim")))
        }
        let removable = try key("removed")
        let version = try await write(claim(), removable, "a claim")
        // The three that expire count, too.
        let filled = try await fill(capacity, "k")
        _ = try await remove(removable, over: version)
        try require(try await claimFresh("instead") != nil, "a removal made no room.")
        try require(try await claimFresh("beside") == nil, "the removal of one record made room for two.")
        try await advanceTime(tick * 6)
        let more = try await fill(capacity, "later")
        try require(more >= 3, "three records expired, and \(more) fresh keys found room.")
        let there = staying.count + filled + 1 + more
        try require(there <= capacity, "\(there) unexpired records were stored, and \(capacity) fit.")
        for (key, version) in staying { try await requireThere(claim(lease: tick * 4), version, key) }
    }

    private final class Numbers: Sendable {
        private let last = Atomic(-1)

        /// The next number, if it is below the limit.
        func next(below limit: Int) -> Int? {
            let number = last.wrappingAdd(1, ordering: .relaxed).newValue
            return number < limit ? number : nil
        }
    }
}
