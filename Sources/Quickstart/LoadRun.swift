import Idempotency

/// A load run against one handler: plays the clients, and notes what they were answered.
@available(Idempotency 0.1, *)
actor LoadRun {
    typealias Handler = @Sendable (ChargeRequest) async throws -> IdempotentOutcome<Bank.Receipt>

    private(set) var replayed = 0
    private(set) var refused = 0
    private(set) var timedOut = 0
    /// How often each unexpected error was met.
    private(set) var errors: [String: Int] = [:]
    /// What the clients believe: this request was charged, and that is the receipt.
    private(set) var acknowledged: [(request: ChargeRequest, receipt: Bank.Receipt)] = []

    private let load: Load
    private let handler: Handler
    private var answered = 0

    init(_ load: Load, handler: @escaping Handler) {
        self.load = load
        self.handler = handler
    }

    /// Lets all clients work at the same time, until the last one is done.
    nonisolated func run() async {
        await withDiscardingTaskGroup { group in
            for steps in load.clients {
                group.addTask {
                    for step in steps { await self.perform(step) }
                }
            }
        }
    }

    private nonisolated func perform(_ step: Load.Step) async {
        switch step {
        case .send(let request):
            await send(request)
        case .clickTwice(let request):
            async let first: Void = send(request)
            async let second: Void = send(request)
            _ = await (first, second)
        case .timeOutAndRetry(let request, let timeout):
            let call = Task { await send(request) }
            try? await Task.sleep(for: timeout)
            call.cancel()
            await call.value
            await send(request)
        case .reuseKey(let request, let other):
            await send(request)
            await send(other)
        }
    }

    private nonisolated func send(_ request: ChargeRequest) async {
        do {
            let outcome = try await handler(request)
            await note(outcome, of: request)
        } catch {
            await note(error)
        }
    }

    private func note(_ outcome: IdempotentOutcome<Bank.Receipt>, of request: ChargeRequest) {
        switch outcome {
        case .ran(let receipt):
            acknowledged.append((request, receipt))
        case .replayed(let receipt):
            acknowledged.append((request, receipt))
            replayed += 1
        case .inProgress:
            errors["Still in progress when the wait was over.", default: 0] += 1
        case .unknown:
            errors["Nobody knows whether it was charged.", default: 0] += 1
        }
        showProgress()
    }

    private func note(_ error: any Error) {
        switch error {
        case is CancellationError:
            timedOut += 1
        case let error as IdempotencyError where error.code == .fingerprintMismatch:
            refused += 1
        case let error as IdempotencyError:
            errors[error.description, default: 0] += 1
        default:
            errors["\(type(of: error))", default: 0] += 1
        }
        showProgress()
    }

    private func showProgress() {
        let before = answered * 4 / load.requestCount
        answered += 1
        if answered * 4 / load.requestCount > before {
            Terminal.show("  \(Report.grouped(answered)) of \(Report.grouped(load.requestCount)) requests")
        }
    }
}
