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

    let without: Half
    let with: Half
}
