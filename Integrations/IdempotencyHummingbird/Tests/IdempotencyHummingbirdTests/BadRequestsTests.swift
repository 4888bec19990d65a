import Hummingbird
import Idempotency
import IdempotencyHTTP
import IdempotencyHummingbird
import IdempotencyTesting
import Testing

@Suite("Bad requests over a socket", .timeLimit(.minutes(10)))
struct BadRequestsTests {
    @Test("Scenarios 42 and 43: malformed, missing and reused keys have their status and problem, and run nothing")
    func keys() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            let missing = try await send(port, key: nil)
            #expect(missing.status == 400 && missing.problem == "key-missing")
            for value in ["k", "\"k", "\"\"", "\"a\", \"b\"", String(repeating: "k", count: 50_000)] {
                let answer = try await send(port, key: nil, fields: [("Idempotency-Key", value)])
                #expect(answer.status == 400 && answer.problem == "key-malformed")
            }
            let twice = try await send(
                port,
                key: nil,
                fields: [("Idempotency-Key", "\"k\""), ("idempotency-key", "\"k\"")]
            )
            #expect(twice.status == 400 && twice.problem == "key-malformed")
            #expect(payments.runs == 0)
            _ = try await send(port, key: "k", body: "{\"amount\":1}")
            let reused = try await send(port, key: "k", body: "{\"amount\":2}")
            #expect(reused.status == 422 && reused.problem == "key-reused")
            #expect(payments.runs == 1)
        }
    }

    @Test("A megabyte of a key is refused by the server itself, and the connection closed")
    func hugeKey() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            let answer = try await RawConnection.open(port) { session in
                // The server may close before all is sent.
                try? await session.send(RawConnection.request(key: String(repeating: "k", count: 1 << 20)))
                return (try? await session.receive { $0.contains("\r\n\r\n") }) ?? ""
            }
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400") || answer.hasPrefix("HTTP/1.1 431"))
            #expect(payments.runs == 0)
            #expect(try await RecordAdministration(store: payments.store).list(RecordQuery()).records.isEmpty)
        }
    }

    @Test("A body over the limit is 413, announced or chunked; nothing runs, nothing is stored, and the key stays free")
    func largeBodies() async throws {
        let payments = Payments { $0.maximumRequestBody = 1000 }
        try await withServer(payments.router()) { port in
            let large = String(repeating: "x", count: 1001)
            let announced = try await send(port, key: "k", body: large)
            #expect(announced.status == 413 && announced.problem == "content-too-large")
            let chunked = try await RawConnection.open(port) { session in
                try await session.send(
                    "POST /payments HTTP/1.1\r\nHost: h\r\nAuthorization: alice\r\nIdempotency-Key: \"k\"\r\n"
                        + "Transfer-Encoding: chunked\r\n\r\n"
                )
                for _ in 0..<11 { try await session.send("64\r\n\(String(repeating: "y", count: 100))\r\n") }
                try await session.send("0\r\n\r\n")
                return try await session.receive { $0.contains("content-too-large") }
            }
            #expect(chunked.hasPrefix("HTTP/1.1 413"))
            #expect(payments.runs == 0)
            #expect(try await send(port, key: "k", body: String(repeating: "x", count: 1000)).status == 201)
        }
    }

    @Test("A key in the trailers comes too late: 400, nothing runs; other trailers change nothing")
    func trailers() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            func chunked(_ fields: String, _ trailers: String) async throws -> String {
                try await RawConnection.open(port) { session in
                    try await session.send(
                        "POST /payments HTTP/1.1\r\nHost: h\r\nAuthorization: alice\r\n\(fields)Transfer-Encoding: chunked\r\n\r\n"
                            + "2\r\n{}\r\n0\r\n\(trailers)\r\n"
                    )
                    return try await session.receive { $0.contains("}") }
                }
            }
            let late = try await chunked("Trailer: Idempotency-Key\r\n", "Idempotency-Key: \"k\"\r\n")
            #expect(late.hasPrefix("HTTP/1.1 400") && late.contains("key-missing"))
            #expect(payments.runs == 0)
            let other = try await chunked("Idempotency-Key: \"k\"\r\n", "X-Checksum: 1\r\n")
            #expect(other.hasPrefix("HTTP/1.1 201"))
            let retry = try await chunked("Idempotency-Key: \"k\"\r\n", "Idempotency-Key: \"l\"\r\n")
            #expect(retry.contains("Idempotent-Replayed: true"))
            #expect(payments.runs == 1)
        }
    }

    @Test("An unknown content coding is 415")
    func contentCoding() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            let answer = try await send(port, key: "k", fields: [("Content-Encoding", "rot13")])
            #expect(answer.status == 415 && answer.problem == "content-encoding-unknown")
            #expect(payments.runs == 0)
        }
    }

    @Test("A path outside of the group's routes is 404, with a key or without one")
    func unknownRoute() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            let answers = [try await send(port, "/unknown", key: "k"), try await send(port, "/unknown", key: nil)]
            #expect(answers.map(\.status) == [404, 404])
        }
    }
}
