/// Where the bank writes what it has charged.
protocol ChargeBook: Sendable {
    /// Writes a charge, unless there is one with this reference: then that one is returned.
    func enter(_ payment: Payment, by user: String, on side: Side, reference: String?) async throws -> Charge

    /// The charge with a number.
    func charge(_ number: Int) async throws -> Charge?

    /// All charges of a side.
    ///
    /// - Parameter limit: How many of them are listed, the newest first.
    func charges(on side: Side, limit: Int) async throws -> Charges
}

/// The charges of a side.
struct Charges: Sendable {
    var count = 0
    /// In cents.
    var total = 0
    var newest: [Charge] = []
}
