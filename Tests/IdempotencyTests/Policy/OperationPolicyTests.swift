import Testing

@testable import Idempotency

@Suite("A policy whose parts cannot work together is refused when it is made")
struct OperationPolicyTests {
    /// Makes a policy, and says how its refusal reads.
    private func refusal(_ make: () throws -> OperationPolicy) throws -> String {
        let error = try #require(throws: IdempotencyError.self) { try make() }
        #expect(error.code == .invalidPolicy)
        return error.message
    }

    @Test("The standard policy passes its own checks, and is what is left out")
    func standard() throws {
        let standard = OperationPolicy.standard
        let policy = try OperationPolicy(
            mode: standard.mode,
            lease: standard.lease,
            maximumRunTime: standard.maximumRunTime,
            retention: standard.retention,
            abandonmentRetention: standard.abandonmentRetention,
            waitLimit: standard.waitLimit,
            pollInterval: standard.pollInterval,
            lapse: standard.lapse,
            storeFailure: standard.storeFailure,
            maximumAttempts: standard.maximumAttempts,
            maximumResultSize: standard.maximumResultSize,
            maximumWaiters: standard.maximumWaiters
        )
        for same in [policy, try OperationPolicy()] {
            #expect(same.lease == .seconds(30))
            #expect(same.leaseNanoseconds == 30_000_000_000)
            #expect(same.maximumRunTime == .seconds(3600))
            #expect(same.retention == .seconds(86400))
            #expect(same.retentionNanoseconds == 86_400_000_000_000)
            #expect(same.abandonmentRetention == .seconds(7 * 86400))
            #expect(same.abandonmentNanoseconds == 604_800_000_000_000)
            #expect(same.waitLimit == .seconds(10))
            #expect(same.pollInterval == .seconds(1))
            #expect(same.maximumAttempts == nil)
            #expect(same.maximumResultSize == 1_048_576)
            #expect(same.maximumWaiters == 10_000)
            #expect(same.lapse.recorded == .rerun)
            guard case .enforce = same.mode, case .failClosed = same.storeFailure else {
                Issue.record("other defaults")
                return
            }
        }
    }

    @Test(
        "A span under a microsecond is refused by name",
        arguments: [Duration.zero, .seconds(-1), .nanoseconds(999), .seconds(Int64.min)]
    )
    func shortSpans(_ span: Duration) throws {
        let refusals = [
            ("lease", try refusal { try OperationPolicy(lease: span) }),
            ("maximumRunTime", try refusal { try OperationPolicy(maximumRunTime: span) }),
            ("retention", try refusal { try OperationPolicy(retention: span) }),
            ("abandonmentRetention", try refusal { try OperationPolicy(abandonmentRetention: span) }),
            ("pollInterval", try refusal { try OperationPolicy(pollInterval: span) }),
        ]
        for (name, message) in refusals {
            #expect(message == "The policy's \(name) is \(span); make it at least a microsecond.")
        }
    }

    @Test("A negative wait is refused, and none at all is allowed")
    func wait() throws {
        for wait in [Duration.nanoseconds(-1), .seconds(-100)] {
            let message = try refusal { try OperationPolicy(waitLimit: wait) }
            #expect(message == "The policy's waitLimit is \(wait); make it zero or more.")
        }
        #expect(try OperationPolicy(waitLimit: .zero).waitLimit == .zero)
    }

    @Test(
        "A span over ten years is refused by name, so that no sum overflows",
        arguments: [
            Duration.seconds(10 * 366 * 86400) + .nanoseconds(1), .seconds(Int64.max),
        ]
    )
    func longSpans(_ span: Duration) throws {
        let refusals = [
            ("lease", try refusal { try OperationPolicy(lease: span) }),
            ("maximumRunTime", try refusal { try OperationPolicy(maximumRunTime: span) }),
            ("retention", try refusal { try OperationPolicy(retention: span) }),
            ("abandonmentRetention", try refusal { try OperationPolicy(abandonmentRetention: span) }),
            ("pollInterval", try refusal { try OperationPolicy(pollInterval: span) }),
            ("waitLimit", try refusal { try OperationPolicy(waitLimit: span) }),
        ]
        for (name, message) in refusals { #expect(message == "The policy's \(name) is over 10 years; shorten it.") }
    }

    @Test("Ten years of everything that goes together are allowed")
    func longest() throws {
        let longest = Duration.seconds(10 * 366 * 86400)
        let policy = try OperationPolicy(
            maximumRunTime: longest,
            retention: longest,
            abandonmentRetention: longest,
            waitLimit: .seconds(86400)
        )
        #expect(policy.retentionNanoseconds == 10 * 366 * 86400 * 1_000_000_000)
    }

    @Test("A run that may be renewed for less than its lease is refused")
    func runTime() throws {
        let message = try refusal { try OperationPolicy(lease: .seconds(30), maximumRunTime: .seconds(29)) }
        #expect(
            message
                == "The policy's maximumRunTime (29.0 seconds) is shorter than its lease (30.0 seconds); lengthen it."
        )
        #expect(try OperationPolicy(lease: .seconds(30), maximumRunTime: .seconds(30)).maximumRunTime == .seconds(30))
    }

    @Test("A retention that a waiting duplicate could miss is refused, to the nanosecond")
    func retention() throws {
        let least = Duration.seconds(7) + .milliseconds(500) + .seconds(20)
        func make(_ retention: Duration) throws -> OperationPolicy {
            try OperationPolicy(
                lease: .seconds(20),
                retention: retention,
                waitLimit: .seconds(7),
                pollInterval: .milliseconds(500)
            )
        }
        #expect(try make(least).retention == least)
        let message = try refusal { try make(least - .nanoseconds(1)) }
        #expect(message.contains("is shorter than waitLimit + pollInterval + lease (27.5 seconds)"))
        #expect(message.contains("lengthen the retention or shorten the others"))
    }

    @Test("The attempts are capped at one or more")
    func attempts() throws {
        for attempts in [0, -1, Int.min] {
            let message = try refusal { try OperationPolicy(maximumAttempts: attempts) }
            #expect(message == "The policy's maximumAttempts is below 1; allow at least one.")
        }
        let message = try refusal { try OperationPolicy(maximumAttempts: Int(UInt32.max) + 1) }
        #expect(message == "The policy's maximumAttempts is over 4294967295; use nil.")
        #expect(try OperationPolicy(maximumAttempts: 1).maximumAttempts == 1)
        #expect(try OperationPolicy(maximumAttempts: Int(UInt32.max)).maximumAttempts == 4_294_967_295)
    }

    @Test("A result's size is limited to what a record can hold")
    func resultSize() throws {
        for size in [-1, 1 << 30 + 1, Int.max, Int.min] {
            let message = try refusal { try OperationPolicy(maximumResultSize: size) }
            #expect(message == "The policy's maximumResultSize is \(size); use 0 to 1073741824 bytes.")
        }
        for size in [0, 1 << 30] { #expect(try OperationPolicy(maximumResultSize: size).maximumResultSize == size) }
    }

    @Test("Fewer than no waiters are refused, and none at all are allowed")
    func waiters() throws {
        let message = try refusal { try OperationPolicy(maximumWaiters: -1) }
        #expect(message == "The policy's maximumWaiters is negative; use 0 or more.")
        #expect(try OperationPolicy(maximumWaiters: 0).maximumWaiters == 0)
    }

    @Test("Each way to handle a lapse is kept in the record as its own policy")
    func lapse() {
        #expect(OperationPolicy.LapseHandling.rerun.recorded == .rerun)
        #expect(OperationPolicy.LapseHandling.reconcile { _ in .stillUnknown }.recorded == .reconcile)
        #expect(OperationPolicy.LapseHandling.refuse.recorded == .refuse)
        #expect(LapsePolicy.rerun < .reconcile && .reconcile < LapsePolicy.refuse)
    }
}
