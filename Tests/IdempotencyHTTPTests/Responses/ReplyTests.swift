import Idempotency
import IdempotencyHTTP
import IdempotencyInMemory
import IdempotencyTesting
import TestSupport
import Testing

@Suite("Replies", .timeLimit(.minutes(10)))
struct ReplyTests {
    @Test(
        "Scenario 44: a replay has the status, the bytes and the allowed fields of the first response, and says what it is"
    )
    func replay() async throws {
        let service = try Service()
        let handler: Service.Handler = { _ in
            HTTPAnswer(
                status: 203,
                fields: [
                    HeaderField("content-TYPE", "text/plain; charset=utf-8"), HeaderField("Location", "/payments/1"),
                    HeaderField("Link", "</a>"), HeaderField("Link", "</b>"), HeaderField("Set-Cookie", "s=1"),
                    HeaderField("Date", "Sun, 22 Nov 2026 00:00:00 GMT"), HeaderField("Connection", "close, ETag"),
                    HeaderField("ETag", "\"1\""), HeaderField("Transfer-Encoding", "chunked"),
                    HeaderField("X-Debug", "1"),
                    HeaderField("WWW-Authenticate", "Basic"), HeaderField("Authorization", "Bearer x"),
                ],
                body: [0, 255, 13, 10, 0]
            )
        }
        let first = try await service.send(key: "k", handler: handler)
        #expect(first.values(of: "Set-Cookie") == ["s=1"])
        #expect(!first.isReplay)
        let second = try await service.send(key: "k", handler: handler)
        #expect(second.status == 203)
        #expect(second.body == [0, 255, 13, 10, 0])
        #expect(
            second.fields == [
                HeaderField("content-TYPE", "text/plain; charset=utf-8"), HeaderField("Location", "/payments/1"),
                HeaderField("Link", "</a>"), HeaderField("Link", "</b>"), HeaderField("Idempotent-Replayed", "true"),
            ]
        )
        #expect(first.values(of: "Idempotency-Key-Lifetime") == ["86400"])
        #expect(service.runs == 1)
    }

    @Test("Scenario 44: responses without a body replay as such", arguments: [204, 200, 404, 304])
    func emptyBodies(_ status: Int) async throws {
        let service = try Service()
        _ = try await service.send(key: "k") { _ in text(status) }
        let replay = try await service.send(key: "k") { _ in text(500) }
        #expect(replay.status == status && replay.isReplay && replay.body.isEmpty)
    }

    @Test("A service may keep more fields, but none of a connection, a session or a moment")
    func keptFields() async throws {
        let service = try Service { $0.keptFields = try KeptFields.standard.adding("X-Payment") }
        _ = try await service.send(key: "k") { _ in
            HTTPAnswer(status: 200, fields: [HeaderField("x-payment", "17"), HeaderField("Location", "/")], body: [])
        }
        let replay = try await service.send(key: "k")
        #expect(replay.values(of: "X-Payment") == ["17"] && replay.values(of: "Location") == ["/"])
        for name in [
            "Set-Cookie", "DATE", "connection", "Authorization", "Content-Length", "transfer-encoding",
            "Idempotent-Replayed", "idempotency-key-lifetime",
        ] {
            let error = #expect(throws: IdempotencyError.self) { try KeptFields([name]) }
            #expect(error?.code == .invalidPolicy)
        }
    }

    @Test(
        "Scenario 43: another payload under the key is 422 and runs nothing: body, query and the service's own choice"
    )
    func otherPayload() async throws {
        let service = try Service()
        _ = try await service.send(key: "k", "{\"amount\":1}", target: "/payments?a=1")
        for (body, target) in [
            ("{\"amount\":2}", "/payments?a=1"), ("{\"amount\":1}", "/payments?a=2"), ("{\"amount\":1}", "/payments"),
            ("", "/payments?a=1"),
        ] {
            let answer = try await service.send(key: "k", body, target: target)
            #expect(answer.status == 422)
            #expect(answer.problem == "key-reused")
        }
        #expect(try await service.send(key: "k", "{\"amount\":1}", target: "/payments?a=1").isReplay)
        #expect(service.runs == 1)

        let lax = try Service { $0.fingerprint = { _, body in Fingerprint(bytes: body.prefix(3)) } }
        _ = try await lax.send(key: "k", "abc1", target: "/payments?a=1")
        #expect(try await lax.send(key: "k", "abc2").isReplay)
        #expect(try await lax.send(key: "k", "xyz").problem == "key-reused")
        let blind = try Service { $0.fingerprint = { _, _ in nil } }
        _ = try await blind.send(key: "k", "1")
        #expect(try await blind.send(key: "k", "2").isReplay)
    }

    @Test("An absent and an empty query differ, and no part of a request can be shifted into another")
    func fingerprintParts() async throws {
        let service = try Service()
        _ = try await service.send(key: "k", "b", target: "/payments")
        #expect(try await service.send(key: "k", "b", target: "/payments?").problem == "key-reused")
        _ = try await service.send(key: "l", "b", target: "/payments?a")
        #expect(try await service.send(key: "l", "", target: "/payments?ab").problem == "key-reused")
    }

    @Test(
        "Scenario 43: a request in progress is 409, with Retry-After from the lease that remains, in whole seconds rounded up"
    )
    func inProgress() async throws {
        let service = try Service(OperationPolicy(lease: .seconds(30), waitLimit: .zero))
        let entered = Gate()
        let finish = Gate()
        async let first = service.send(key: "k") { _ in
            entered.open()
            await finish.pass()
            return text(200, "done")
        }
        await entered.pass()
        service.clock.step(by: .milliseconds(4500))
        let second = try await service.send(key: "k")
        #expect(second.status == 409)
        #expect(second.problem == "in-progress")
        #expect(second.values(of: "Retry-After") == ["26"])
        finish.open()
        #expect(try await first.body == Array("done".utf8))
        let third = try await service.send(key: "k")
        #expect(third.isReplay && third.body == Array("done".utf8))
        #expect(service.runs == 1)
    }

    @Test("Duplicates that wait get the first one's response")
    func waiting() async throws {
        let service = try Service()
        let entered = Gate()
        let finish = Gate()
        let first = Task {
            try await service.send(key: "k") { _ in
                entered.open()
                await finish.pass()
                return text(200, "done")
            }
        }
        await entered.pass()
        let duplicates = (0..<20).map { _ in Task { try await service.send(key: "k") } }
        finish.open()
        #expect(try await first.value.isReplay == false)
        for duplicate in duplicates {
            let received = try await duplicate.value
            #expect(received.isReplay && received.body == Array("done".utf8))
        }
        #expect(service.runs == 1)
    }

    @Test(
        "What is below 500 is kept; 5xx, and what asks to send the request again, leave the key to be tried again",
        arguments: [200, 301, 400, 404, 422, 499, 401, 407, 408, 425, 426, 429, 500, 503, 599]
    )
    func disposition(_ status: Int) async throws {
        let isKept = ![401, 407, 408, 425, 426, 429].contains(status) && status < 500
        let service = try Service()
        let first = try await service.send(key: "k") { _ in text(status, "first") }
        #expect(first.status == status && first.body == Array("first".utf8))
        #expect(first.values(of: "Idempotency-Key-Lifetime").isEmpty != isKept)
        let second = try await service.send(key: "k") { execution in
            #expect(execution.isRerun)
            return text(200, "second")
        }
        #expect(second.isReplay == isKept)
        #expect(second.status == (isKept ? status : 200))
        #expect(service.runs == (isKept ? 1 : 2))
    }

    @Test("What is kept is the service's to say; a response that is not leaves the outcome to the lapse policy")
    func ownDisposition() async throws {
        let service = try Service { policy in
            policy.disposition = { response in
                response.status == 500 ? .keep : response.status == 409 ? .discardWithoutEffect : .discard
            }
        }
        _ = try await service.send(key: "a") { _ in text(500) }
        #expect(try await service.send(key: "a").isReplay)
        _ = try await service.send(key: "b") { _ in text(200) }
        #expect(try await service.send(key: "b") { _ in text(500, "2") }.body == Array("2".utf8))

        let strict = try Service(OperationPolicy(lapse: .refuse)) { policy in
            policy.disposition = { $0.status == 409 ? .discardWithoutEffect : .standard($0.status) }
        }
        #expect(try await strict.send(key: "a") { _ in text(500, "first") }.body == Array("first".utf8))
        let unknown = try await strict.send(key: "a")
        #expect(unknown.status == 409 && unknown.problem == "outcome-unknown")
        #expect(unknown.values(of: "Retry-After").isEmpty)
        #expect(try await strict.send(key: "b") { _ in text(409) }.status == 409)
        #expect(try await strict.send(key: "b").status == 201)
        #expect(strict.runs == 3)
    }

    @Test(
        "What the handler throws is thrown on, and a retry runs again; an error about another key is not taken for one about this"
    )
    func thrown() async throws {
        struct Failure: Error {}
        let service = try Service()
        await #expect(throws: Failure.self) { try await service.send(key: "k") { _ in throw Failure() } }
        let other = IdempotencyInterceptor(store: InMemoryIdempotencyStore())
        let inner = try IdempotencyKey(operation: "inner", value: "1")
        _ = try await other.idempotent(key: inner, fingerprint: Fingerprint(bytes: [1])) { _ in 1 }
        let error = await #expect(throws: IdempotencyError.self) {
            try await service.send(key: "k") { _ in
                _ = try await other.idempotent(key: inner, fingerprint: Fingerprint(bytes: [2])) { _ in 1 }
                return text(200)
            }
        }
        #expect(error?.code == .fingerprintMismatch)
        #expect(try await service.send(key: "k").status == 201)
        #expect(service.runs == 3)
    }

    @Test(
        "A result of another key's that could not be kept is an error of the handler's: thrown on, and a retry runs again"
    )
    func unsavedResultOfAnotherKey() async throws {
        let service = try Service()
        let store = FaultInjectingStore(InMemoryIdempotencyStore())
        let other = IdempotencyInterceptor(store: store, policy: try OperationPolicy(lease: .seconds(1)))
        let inner = try IdempotencyKey(operation: "inner", value: "1")
        let error = await #expect(throws: IdempotencyError.self) {
            try await service.send(key: "k") { _ in
                _ = try await other.idempotent(key: inner) { _ in
                    store.isDown = true
                    return 1
                }
                return text(200)
            }
        }
        #expect(error?.code == .resultNotSaved)
        #expect(try await service.send(key: "k").status == 201)
        #expect(service.runs == 2)
    }

    @Test("A stream, and a body over the limit, leave a tombstone: they are answered once, and never run again")
    func tombstones() async throws {
        let service = try Service(OperationPolicy(maximumResultSize: 100))
        let stream = try await service.send(key: "a", streams: true)
        #expect(stream.status == 201 && !stream.body.isEmpty)
        let long = try await service.send(key: "b") { _ in text(200, String(repeating: "x", count: 200)) }
        #expect(long.body.count == 200)
        for key in ["a", "b"] {
            let retry = try await service.send(key: key)
            #expect(retry.status == 409 && retry.problem == "response-not-kept")
        }
        #expect(service.runs == 2)
    }

    @Test("What describes the content or protects it is repeated: digests, caching, sniffing")
    func fieldsOfContent() async throws {
        let service = try Service()
        let fields = [
            HeaderField("Content-Type", "text/html"), HeaderField("Content-Digest", "sha-256=:AA==:"),
            HeaderField("repr-digest", "sha-256=:AA==:"), HeaderField("Cache-Control", "no-store, private"),
            HeaderField("Vary", "Accept"), HeaderField("X-Content-Type-Options", "nosniff"),
            HeaderField("Content-Security-Policy", "default-src 'none'"), HeaderField("Expires", "0"),
            HeaderField("X-Frame-Options", "DENY"), HeaderField("ETag", "\"1\""),
        ]
        _ = try await service.send(key: "k") { _ in HTTPAnswer(status: 200, fields: fields, body: [1]) }
        let replay = try await service.send(key: "k")
        #expect(replay.fields == fields + [HeaderField("Idempotent-Replayed", "true")])
    }

    @Test("A tombstone says where to find what was made, and nothing about the body that it does not have")
    func fieldsOfTombstones() async throws {
        let service = try Service(OperationPolicy(maximumResultSize: 500))
        let fields = [
            HeaderField("Content-Type", "text/csv"), HeaderField("Location", "/exports/7"),
            HeaderField("ETag", "\"7\""),
            HeaderField("Content-Digest", "sha-256=:AA==:"), HeaderField("Content-Encoding", "gzip"),
            HeaderField("Retry-After", "60"), HeaderField("Set-Cookie", "s=1"), HeaderField("Link", "</a>"),
        ]
        let long = [UInt8](repeating: 7, count: 1000)
        _ = try await service.send(key: "stream", streams: true) { _ in
            HTTPAnswer(status: 202, fields: fields, body: [1])
        }
        _ = try await service.send(key: "long") { _ in HTTPAnswer(status: 202, fields: fields, body: long) }
        for key in ["stream", "long"] {
            let retry = try await service.send(key: key)
            #expect(retry.status == 409 && retry.problem == "response-not-kept" && !retry.isReplay)
            #expect(retry.values(of: "Location") == ["/exports/7"] && retry.values(of: "ETag") == ["\"7\""])
            #expect(retry.values(of: "Link") == ["</a>"])
            for name in ["Content-Digest", "Content-Encoding", "Retry-After", "Set-Cookie"] {
                #expect(retry.values(of: name).isEmpty)
            }
            #expect(String(decoding: retry.body, as: UTF8.self).contains("Its status was 202."))
        }
        // Where there is no room for them either, it is a tombstone all the same.
        let location = HeaderField("Location", "/" + String(repeating: "x", count: 600))
        let first = try await service.send(key: "huge", streams: true) { _ in
            HTTPAnswer(status: 201, fields: [location], body: [])
        }
        #expect(first.values(of: "Idempotency-Key-Lifetime").isEmpty)
        #expect(try await service.send(key: "huge").problem == "response-not-kept")
        #expect(service.runs == 3)
    }

    @Test("Whether a response is kept may depend on its body, or be said by the handler")
    func dispositionByBody() async throws {
        let service = try Service { policy in
            policy.disposition = { response in
                let isError = response.body.map { String(decoding: $0, as: UTF8.self).contains("errors") } ?? false
                return isError ? .discardWithoutEffect : .standard(response.status)
            }
        }
        #expect(try await service.send(key: "k") { _ in text(200, "{\"errors\":[]}") }.status == 200)
        #expect(try await service.send(key: "k") { _ in text(200, "{\"data\":1}") }.isReplay == false)
        #expect(try await service.send(key: "k").body == Array("{\"data\":1}".utf8))
        #expect(service.runs == 2)

        let request = IdempotentRequest(
            method: "POST",
            target: "/payments",
            route: "/payments",
            fields: [HeaderField("Idempotency-Key", "\"h\"")]
        )
        guard case .admitted(let admitted) = try await service.rules.admit(request, principal: { _ in "alice" }) else {
            Issue.record("the request was not admitted")
            return
        }
        for (disposition, isRun) in [(.discard, true), (.keep, true), (nil, false)] as [(ResponseDisposition?, Bool)] {
            let reply = try await admitted.respond(body: Array("{}".utf8)) { _ in
                HandlerResponse(0, status: 500, fields: [], body: [1], disposition: disposition)
            }
            if case .ran = reply { #expect(isRun) } else { #expect(!isRun) }
        }
    }

    @Test("The rules twice in front of one handler are a problem that says so, and nothing runs")
    func protectedTwice() async throws {
        let service = try Service()
        let answer = try await service.send(key: "k") { _ in
            let inner = try await service.send(key: "k")
            #expect(inner.problem == "protected-twice")
            return HTTPAnswer(status: inner.status, fields: inner.fields, body: inner.body)
        }
        #expect(answer.status == 500 && answer.problem == "protected-twice")
        #expect(service.runs == 1)
        // It was no final answer.
        #expect(try await service.send(key: "k").status == 201)
    }

    @Test("Scenario 22: with the store down nothing runs: 503 with Retry-After; with fail-open it runs")
    func storeDown() async throws {
        let service = try Service { $0.retryDelay = .milliseconds(2500) }
        service.store.isDown = true
        let answer = try await service.send(key: "k")
        #expect(answer.status == 503 && answer.problem == "unavailable")
        #expect(answer.values(of: "Retry-After") == ["3"])
        #expect(service.runs == 0)
        let open = try Service(OperationPolicy(storeFailure: .failOpen))
        open.store.isDown = true
        #expect(try await open.send(key: "k").status == 201)
        #expect(open.runs == 1)
    }

    @Test("A store that is full is 503, and answers what it has")
    func storeFull() async throws {
        let service = try Service(capacity: 1)
        _ = try await service.send(key: "a")
        let answer = try await service.send(key: "b")
        #expect(answer.status == 503 && answer.problem == "unavailable")
        #expect(try await service.send(key: "a").isReplay)
    }

    @Test(
        "Scenario 15: a response that cannot be recorded is answered all the same, and promises no lifetime"
    )
    func resultNotSaved() async throws {
        let service = try Service(OperationPolicy(lease: .seconds(1), maximumRunTime: .seconds(1), waitLimit: .zero))
        let sending = Task {
            try await service.send(key: "k") { _ in
                service.store.isDown = true
                return text(200, "charged")
            }
        }
        // Until the lease is over, the engine tries again to record it.
        let time = Task {
            while !Task.isCancelled {
                await service.clock.waitForSleeper(within: .seconds(1))
                _ = service.clock.advanceToNextSleeper()
            }
        }
        defer { time.cancel() }
        let answer = try await sending.value
        #expect(answer.status == 200 && answer.body == Array("charged".utf8))
        #expect(answer.values(of: "Idempotency-Key-Lifetime").isEmpty)
    }

    @Test("A revoked key is 409, one that was tried too often as well")
    func revokedAndExhausted() async throws {
        let service = try Service(OperationPolicy(maximumAttempts: 1))
        let scope = try IdempotencyScope("POST /payments", principal: "alice")
        try await service.rules.interceptor.revoke(key: IdempotencyKey(scope: scope, value: "r"))
        let revoked = try await service.send(key: "r")
        #expect(revoked.status == 409 && revoked.problem == "revoked")
        _ = try await service.send(key: "e") { _ in text(500) }
        let exhausted = try await service.send(key: "e")
        #expect(exhausted.status == 409 && exhausted.problem == "attempts-exhausted")
        #expect(service.runs == 1)
    }

    @Test("What something else keeps under the key is 500 and runs nothing; what a person settled is replayed")
    func otherResults() async throws {
        let service = try Service()
        let scope = try IdempotencyScope("POST /payments", principal: "alice")
        _ = try await service.rules.interceptor.idempotent(key: IdempotencyKey(scope: scope, value: "a")) { _ in "text"
        }
        _ = try await service.rules.interceptor.idempotent(key: IdempotencyKey(scope: scope, value: "b")) { _ in
            [UInt8(9)]
        }
        for key in ["a", "b"] {
            let answer = try await service.send(key: key)
            #expect(answer.status == 500 && answer.problem == "record-unreadable")
        }
        let bytes = try #require(text(202, "settled").encoded())
        _ = try await service.rules.interceptor.idempotent(key: IdempotencyKey(scope: scope, value: "c")) { _ in bytes }
        let settled = try await service.send(key: "c")
        #expect(settled.status == 202 && settled.isReplay && settled.body == Array("settled".utf8))
        #expect(service.runs == 0)
    }

    @Test("What a person settled without a response is not kept, 409; what was settled as failed is 409 as well")
    func settledWithoutResponse() async throws {
        let service = try Service(OperationPolicy(lapse: .refuse))
        let administration = RecordAdministration(store: service.records)
        for (key, finding, problem) in [
            ("a", SettlementFinding.doneWithoutResult, "response-not-kept"),
            ("b", .failed(SettledFailure()), "failed"),
        ] {
            _ = try await service.send(key: key) { _ in text(500) }
            #expect(try await service.send(key: key).problem == "outcome-unknown")
            let found = try #require(try await administration.list(RecordQuery()).records.first { $0.key.value == key })
            _ = try await administration.settle(
                found.key,
                version: found.stored.version,
                as: finding,
                settlement: Settlement(id: key, settledBy: "tests"),
                policy: service.rules.interceptor.policy
            )
            let retry = try await service.send(key: key)
            #expect(retry.status == 409 && retry.problem == problem)
        }
        #expect(service.runs == 2)
    }

    @Test(
        "Where nothing is kept, no lifetime is promised: a stream, an unprotected run, a response that just does not fit"
    )
    func noLifetime() async throws {
        let limited = try Service(OperationPolicy(maximumResultSize: 100))
        for (key, count) in [("fits", 95), ("does not", 96)] {
            let answer = try await limited.send(key: key) { _ in text(200, String(repeating: "x", count: count)) }
            #expect(answer.values(of: "Idempotency-Key-Lifetime").isEmpty == (count == 96))
            #expect(try await limited.send(key: key).isReplay == (count == 95))
        }
        let stream = try await Service().send(key: "k", streams: true)
        #expect(stream.values(of: "Idempotency-Key-Lifetime").isEmpty)
        let open = try Service(OperationPolicy(storeFailure: .failOpen))
        open.store.isDown = true
        #expect(try await open.send(key: "k").values(of: "Idempotency-Key-Lifetime").isEmpty)
        for mode in [OperationPolicy.Mode.off, .observeOnly] {
            let service = try Service(OperationPolicy(mode: mode))
            #expect(try await service.send(key: "k").values(of: "Idempotency-Key-Lifetime").isEmpty)
        }
    }

    @Test("In a task of its own the handler runs to its end, and its response is kept, although the caller has gone")
    func ownTask() async throws {
        let service = try Service()
        let entered = Gate()
        let finish = Gate()
        let ended = Gate()
        let request = IdempotentRequest(
            method: "POST",
            target: "/payments",
            route: "/payments",
            fields: [HeaderField("Idempotency-Key", "\"k\"")]
        )
        guard case .admitted(let admitted) = try await service.rules.admit(request, principal: { _ in "alice" }) else {
            Issue.record("the request was not admitted")
            return
        }
        let client = Task {
            try await admitted.respond(body: Array("{}".utf8), task: .own) { _ in
                entered.open()
                await finish.pass()
                let wasCancelled = Task.isCancelled
                ended.open()
                return HandlerResponse(0, status: wasCancelled ? 500 : 200, fields: [], body: [1])
            }
        }
        await entered.pass()
        client.cancel()
        await #expect(throws: CancellationError.self) { try await client.value }
        finish.open()
        await ended.pass()
        let retry = try await service.send(key: "k")
        #expect(retry.status == 200 && retry.isReplay && retry.body == [1])
        #expect(service.runs == 0)
    }

    @Test("No description shows a key, a body or a field's value")
    func redaction() async throws {
        let secret = "s3cr3t"
        let answer = HTTPAnswer(status: 200, fields: [HeaderField("X", secret)], body: Array(secret.utf8))
        let request = IdempotentRequest(
            method: "POST",
            target: "/p",
            route: "/p",
            fields: [HeaderField("Idempotency-Key", "\"\(secret)\"")]
        )
        guard case .admitted(let admitted) = try await Service().rules.admit(request, principal: { _ in "alice" })
        else {
            Issue.record("the request was not admitted")
            return
        }
        let response = HandlerResponse(secret, status: 200, fields: answer.fields, body: answer.body)
        let replies = [HTTPReply<String>.ran(secret, adding: answer.fields), .answered(answer)]
        var dumped = ""
        dump(answer, to: &dumped)
        dump(response, to: &dumped)
        dump(replies, to: &dumped)
        dump(admitted, to: &dumped)
        dump(request, to: &dumped)
        let texts = [
            "\(request)", "\(request.fields)", String(reflecting: request), "\(answer)", "\(admitted)",
            String(reflecting: answer), String(reflecting: admitted), "\(response)", "\(replies)",
            String(reflecting: response), String(reflecting: replies), dumped,
        ]
        // As text, and as an array of bytes prints itself.
        let bytes = answer.body.map(String.init).joined(separator: ", ")
        for text in texts { #expect(!text.contains(secret) && !text.contains(bytes)) }
    }
}
