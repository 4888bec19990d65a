/// The outside world: somebody else's service, which takes its time.
///
/// It does what payment providers do: a request with a reference that it knows is answered with the charge that was made for it.
/// Without a reference it charges as often as it is asked.
struct Bank: Sendable {
    let book: any ChargeBook

    /// Takes the money.
    ///
    /// - Parameter delay: How long that takes.
    func charge(
        _ payment: Payment,
        by user: String,
        on side: Side,
        reference: String?,
        taking delay: Duration
    ) async throws -> Charge {
        // Half of the time on each side of the charge: whoever goes away or dies in the second half has been charged.
        try await Task.sleep(for: delay / 2)
        let charge = try await book.enter(payment, by: user, on: side, reference: reference)
        try await Task.sleep(for: delay / 2)
        return charge
    }
}
