import Hummingbird

/// What the page shows.
struct ServiceState: ResponseEncodable {
    struct Half: Encodable {
        /// How many charges there are.
        let count: Int
        /// In cents.
        let total: Int
        let charges: [Charge]
        let requests: [RequestLog.Entry]

        init(_ charges: Charges, _ log: RequestLog) {
            count = charges.count
            total = charges.total
            self.charges = charges.newest
            requests = log.entries
        }
    }

    /// How long the bank takes, in milliseconds.
    let delay: Int
    let without: Half
    let with: Half
}

/// What the page tells the bank.
struct BankSettings: Decodable {
    /// How long a charge takes, in milliseconds.
    let delay: Int
}
