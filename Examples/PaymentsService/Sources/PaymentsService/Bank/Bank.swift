/// The outside world: somebody else's service, which takes its time.
///
/// It does what payment providers do: a request with a reference that it knows is answered with the charge that was made for it.
/// Without a reference it charges as often as it is asked.
actor Bank {
    /// How long a charge takes. The page sets it.
    private(set) var delay = Duration.milliseconds(200)

    private let book: any ChargeBook

    init(book: any ChargeBook) {
        self.book = book
    }

    func setDelay(_ delay: Duration) {
        self.delay = delay
    }

    func charge(_ payment: Payment, by user: String, on side: Side, reference: String?) async throws -> Charge {
        // Half of the time on each side of the charge: whoever goes away or dies in the second half has been charged.
        let pause = delay / 2
        try await Task.sleep(for: pause)
        let charge = try await book.enter(payment, by: user, on: side, reference: reference)
        try await Task.sleep(for: pause)
        return charge
    }
}
