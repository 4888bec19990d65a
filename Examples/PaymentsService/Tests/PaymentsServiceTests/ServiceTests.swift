import Foundation
import Testing

@Suite("The service in memory", .timeLimit(.minutes(10)))
struct ServiceTests {
    private static let body = #"{"amount": 1250, "order": "A-1"}"#

    /// Sends a payment with curl.
    private static func curl(_ url: String) async throws -> (head: String, body: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "curl", "--silent", "--include", "--max-time", "30", "--noproxy", "*", "--header", "X-User: alice",
            "--header",
            "Content-Type: application/json", "--header", "Idempotency-Key: click-1", "--data", body, url,
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let text = await onThread {
            String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        }
        let end = try #require(text.firstRange(of: "\r\n\r\n"), "curl got: \(text)")
        return (text[..<end.lowerBound].lowercased(), String(text[end.upperBound...]))
    }

    @Test func `curl's double click is charged twice without the library, and once with it`() async throws {
        let server = try await Server.start(store: "memory")
        func doubleClick(_ path: String) async throws -> [(head: String, body: String)] {
            async let first = Self.curl(server.address + path)
            async let second = Self.curl(server.address + path)
            return [try await first, try await second]
        }
        let without = try await doubleClick("/unprotected/payments")
        let with = try await doubleClick("/payments")

        for answer in without + with { #expect(answer.head.hasPrefix("http/1.1 201")) }
        #expect(without.filter { $0.head.contains("idempotent-replayed: true") }.isEmpty)
        #expect(without[0].body != without[1].body)
        #expect(with.filter { $0.head.contains("idempotent-replayed: true") }.count == 1)
        #expect(with[0].body == with[1].body)
        try await Client.use { client in
            let state = try await client.state(server.address)
            #expect(state.without.count == 2 && state.without.total == 2_500)
            #expect(state.with.count == 1 && state.with.total == 1_250)
        }
    }

    @Test func `a receipt is there for who paid, and for nobody else`() async throws {
        let server = try await Server.start(store: "memory")
        try await Client.use { client in
            let paid = try await client.pay(server.address, key: "k", body: Self.body)
            let location = server.address + (try #require(paid.location))
            let receipt = try await client.get(location, user: "alice")
            #expect(receipt.status == 200)
            #expect(try JSONDecoder().decode(Client.Receipt.self, from: Data(receipt.body)).order == "A-1")
            #expect(try await client.get(location, user: "bob").status == 404)
            #expect(try await client.get(location).status == 401)
            for number in [0, 2, Int.max, Int.min] {
                #expect(try await client.get("\(server.address)/payments/\(number)", user: "alice").status == 404)
            }
        }
    }

    @Test func `two users with one key are two payments`() async throws {
        let server = try await Server.start(store: "memory")
        try await Client.use { client in
            let alice = try await client.pay(server.address, key: "k", user: "alice", body: Self.body)
            let bob = try await client.pay(server.address, key: "k", user: "bob", body: Self.body)
            #expect(alice.status == 201 && bob.status == 201)
            #expect(!bob.isReplayed)
            #expect(try await client.state(server.address).with.count == 2)
        }
    }

    @Test func `a bad request is refused, and nothing is charged`() async throws {
        let server = try await Server.start(store: "memory")
        try await Client.use { client in
            func status(
                _ body: String = Self.body,
                path: String = "/payments",
                key: String? = nil,
                user: String? = "alice"
            ) async throws -> Int {
                try await client.pay(server.address, path: path, key: key, user: user, body: body).status
            }
            #expect(try await status() == 400)
            #expect(try await status(key: #""a", "b""#) == 400)
            #expect(try await status(key: "k", user: nil) == 401)
            for path in ["/payments", "/unprotected/payments"] {
                #expect(try await status("{", path: path, key: "1") == 400)
                #expect(try await status(#"{"amount": 0, "order": "A"}"#, path: path, key: "2") == 400)
                #expect(try await status(#"{"amount": 1000001, "order": "A"}"#, path: path, key: "3") == 400)
                #expect(try await status(#"{"amount": 1, "order": ""}"#, path: path, key: "4") == 400)
            }
            let state = try await client.state(server.address)
            #expect(state.with.count == 0 && state.without.count == 0)

            #expect(try await status(key: "5") == 201)
            #expect(try await status(#"{"amount": 9900, "order": "A-1"}"#, key: "5") == 422)
            #expect(try await client.state(server.address).with.count == 1)
        }
    }

    @Test func `a state of no charges, or of more than there are, is answered`() async throws {
        let server = try await Server.start(store: "memory")
        try await Client.use { client in
            _ = try await client.pay(server.address, key: "k", body: Self.body)
            for (limit, count) in [("-1", 0), ("0", 0), ("1", 1), ("99999999", 1)] {
                let answer = try await client.get(server.address + "/state?limit=\(limit)")
                let state = try JSONDecoder().decode(Client.State.self, from: Data(answer.body))
                #expect(state.with.charges.count == count)
                #expect(state.with.count == 1)
            }
        }
    }

    @Test func `the page needs nothing from elsewhere`() async throws {
        let server = try await Server.start(store: "memory")
        try await Client.use { client in
            let page = try await client.get(server.address + "/")
            let text = String(decoding: page.body, as: UTF8.self)
            #expect(page.status == 200)
            #expect(text.contains("</html>"))
            #expect(!text.contains("http:") && !text.contains("https:") && !text.contains(" src="))
        }
    }
}
