import Idempotency

/// What each client does, one step after the other. All clients work at the same time.
///
/// There is no chance in it: every run, protected or not, gets the same requests.
@available(Idempotency 0.1, *)
struct Load: Sendable {
    enum Step: Sendable {
        /// Sends a request once.
        case send(ChargeRequest)
        /// Sends a request twice at the same time.
        case clickTwice(ChargeRequest)
        /// Sends a request, goes away after a while, and sends it again.
        case timeOutAndRetry(ChargeRequest, after: Duration)
        /// Sends a request and, after its answer, another one with the same key: a bug in the client.
        case reuseKey(ChargeRequest, other: ChargeRequest)

        var requests: [ChargeRequest] {
            switch self {
            case .send(let request): [request]
            case .clickTwice(let request), .timeOutAndRetry(let request, _): [request, request]
            case .reuseKey(let request, let other): [request, other]
            }
        }
    }

    static let clientCount = 500

    let clients: [[Step]]
    let requestCount: Int
    let keyCount: Int

    private init(clients: [[Step]]) {
        let requests = clients.joined().flatMap(\.requests)
        self.clients = clients
        requestCount = requests.count
        keyCount = Set(requests.map(\.key)).count
    }

    /// The requests of a file, dealt out to the clients like cards.
    init(replaying requests: [ChargeRequest]) {
        self.init(
            clients: (0..<Self.clientCount).map { client in
                stride(from: client, to: requests.count, by: Self.clientCount).map { .send(requests[$0]) }
            }
        )
    }

    /// What ``generated()`` makes, for the reader of the output.
    static let generatedSteps = """
          2,000 purchases are sent once.
          2,000 are clicked twice: two requests at the same time.
          1,500 time out: the client goes away, does not know whether it was charged, and sends again.
            500 keys are used again for another amount, which must be refused.
        """

    /// 12 purchases for each client in 20 requests: 10,000 requests for 6,000 purchases.
    static func generated() throws(IdempotencyError) -> Load {
        var clients: [[Step]] = []
        for client in 0..<clientCount {
            let scope = try ChargeRequest.scope(of: "user-\(client)")
            var steps: [Step] = []
            for purchase in 0..<12 {
                let number = client * 12 + purchase
                let key = try IdempotencyKey(scope: scope, value: "purchase-\(number)")
                let request = ChargeRequest(key: key, amount: 100 + number * 37 % 9_900)
                // Each client begins at another place, so that all kinds of steps happen at the same time.
                switch (client + purchase) % 12 {
                case 0..<4: steps.append(.send(request))
                case 4..<8: steps.append(.clickTwice(request))
                case 8..<11:
                    // Some go away before the bank has charged, some after.
                    let timeout = Bank.delay * (number * 7 % 19 + 1) / 20
                    steps.append(.timeOutAndRetry(request, after: timeout))
                default:
                    steps.append(.reuseKey(request, other: ChargeRequest(key: key, amount: request.amount + 1)))
                }
            }
            clients.append(steps)
        }
        return Load(clients: clients)
    }
}
