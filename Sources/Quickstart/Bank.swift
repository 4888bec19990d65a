import Idempotency

/// The outside world: it charges whoever asks, as often as it is asked.
@available(Idempotency 0.1, *)
actor Bank {
    /// What a client gets for a charge. `Codable`, so that the library can keep it and answer a retry with it.
    struct Receipt: Codable, Sendable {
        let number: Int
        let amount: Int
    }

    /// How long a charge takes.
    static let delay = Duration.milliseconds(40)

    /// All that was charged, in order. The number on a receipt is the place in this list.
    private(set) var charges: [ChargeRequest] = []

    func charge(_ request: ChargeRequest) async throws -> Receipt {
        // Half of the time on each side of the charge: whoever goes away in the second half has been charged.
        try await Task.sleep(for: Self.delay / 2)
        let receipt = Receipt(number: charges.count, amount: request.amount)
        charges.append(request)
        try await Task.sleep(for: Self.delay / 2)
        return receipt
    }
}
