import Idempotency
import IdempotencyHTTP
import IdempotencyTesting
import Testing

@Suite("Admission")
struct AdmissionTests {
    @Test("POST and PATCH are protected, other methods run as if there were no rules")
    func methods() async throws {
        let service = try Service()
        for method in ["POST", "PATCH"] {
            #expect(try await service.send(key: nil, method: method).status == 400)
            #expect(try await service.send(key: "k", method: method).status == 201)
            #expect(try await service.send(key: "k", method: method).isReplay)
        }
        #expect(service.runs == 2)
        for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post", "QUERY"] {
            #expect(try await service.send(key: "k", method: method).status == 200)
        }
        #expect(service.runs == 9)
        let other = try Service { $0.methods = ["PUT"] }
        #expect(try await other.send(key: nil, method: "PUT").status == 400)
        #expect(try await other.send(key: nil, method: "POST").status == 200)
    }

    @Test("A route's key is required, optional, or not looked at")
    func requirement() async throws {
        let service = try Service { policy in
            policy.requirement = { request in
                switch request.route {
                case "/required": .required
                case "/optional": .optional
                default: .ignored
                }
            }
        }
        func send(_ route: String, key: String?) async throws -> Service.Received {
            try await service.send(key: key, target: route, route: route)
        }
        #expect(try await send("/required", key: nil).problem == "key-missing")
        #expect(try await send("/optional", key: nil).status == 200)
        #expect(try await send("/optional", key: "k").status == 201)
        #expect(try await send("/optional", key: "k").isReplay)
        #expect(try await send("/optional", key: "").problem == "key-malformed")
        #expect(try await send("/ignored", key: "k").status == 200)
        #expect(try await send("/ignored", key: "").status == 200)
    }

    @Test("Scenario 43: a missing key is 400, with a problem document that links to the documentation")
    func missingKey() async throws {
        let service = try Service {
            $0.documentation = "https://shop.example/idempotency"
            $0.problemTypePrefix = "https://shop.example/problems/"
        }
        let answer = try await service.send(key: nil)
        #expect(answer.status == 400)
        #expect(answer.values(of: "Content-Type") == ["application/problem+json"])
        #expect(answer.values(of: "Link") == [#"<https://shop.example/idempotency>; rel="describedby""#])
        let document = String(decoding: answer.body, as: UTF8.self)
        #expect(document.contains(#""type":"https://shop.example/problems/key-missing""#))
        #expect(document.contains(#""title":"Idempotency-Key is missing""#))
        #expect(document.contains(#""status":400"#))
        #expect(document.contains(#""detail":"This operation needs the header field Idempotency-Key."#))
        #expect(service.runs == 0)
        #expect(service.store.calls.isEmpty)
    }

    @Test("Scenario 42: malformed keys are 400 with a problem document, run nothing and store nothing")
    func malformedKeys() async throws {
        let service = try Service()
        let malformed = [
            ["k"], ["\"\""], ["\"a\", \"b\""], ["\"a\"", "\"a\""], ["\"a"],
            ["\"" + String(repeating: "k", count: 1 << 20) + "\""],
        ]
        for lines in malformed {
            let request = IdempotentRequest(
                method: "POST",
                target: "/payments",
                route: "/payments",
                fields: lines.map { HeaderField("idempotency-KEY", $0) }
            )
            let answer = try await service.send(request)
            #expect(answer.status == 400)
            #expect(answer.problem == "key-malformed")
            #expect(answer.body.count < 1000)
        }
        #expect(service.runs == 0)
        #expect(service.store.calls.isEmpty)
    }

    @Test("A key that has not the service's format is malformed, and the problem says what it must be")
    func format() async throws {
        let service = try Service { $0.keyFormat = .uuid }
        for key in [
            "k", "8e03978e-40d5-43e8-bc93-6894a57f932", "8e03978e_40d5_43e8_bc93_6894a57f9324",
            "8e03978e-40d5-43e8-bc93-6894a57f932g",
        ] {
            let answer = try await service.send(key: key)
            #expect(answer.problem == "key-malformed")
            #expect(String(decoding: answer.body, as: UTF8.self).contains("The key must be a UUID"))
        }
        #expect(try await service.send(key: "8e03978e-40d5-43e8-bc93-6894a57f9324").status == 201)
        #expect(try await service.send(key: "8E03978E-40D5-43E8-BC93-6894A57F9324").status == 201)
    }

    @Test("A request of nobody is refused with 403, unless the service shares its keys")
    func principals() async throws {
        let service = try Service()
        for nobody in [nil, ""] {
            let answer = try await service.send(key: "k", principal: nobody)
            #expect(answer.status == 403)
            #expect(answer.problem == "principal-missing")
        }
        #expect(service.runs == 0)
        #expect(service.store.calls.isEmpty)
        let open = try Service { $0.missingPrincipal = .share }
        #expect(try await open.send(key: "k", principal: nil).status == 201)
        #expect(try await open.send(key: "k", principal: nil).isReplay)
        #expect(try await open.send(key: "k", principal: "alice").isReplay == false)
    }

    @Test("Authorisation comes before a replay: what it throws is thrown, and nothing is looked up")
    func authorisationFirst() async throws {
        struct Revoked: Error {}
        let service = try Service()
        _ = try await service.send(key: "k")
        let calls = service.store.calls.count
        let request = IdempotentRequest(
            method: "POST",
            target: "/payments",
            route: "/payments",
            fields: [HeaderField("Idempotency-Key", "\"k\"")]
        )
        await #expect(throws: Revoked.self) { try await service.rules.admit(request) { _ in throw Revoked() } }
        #expect(service.store.calls.count == calls)
    }

    @Test("A body over the limit is 413, announced or sent; one at the limit runs")
    func bodyLimit() async throws {
        let service = try Service { $0.maximumRequestBody = 10 }
        let announced = try await service.send(key: "k", fields: [HeaderField("Content-Length", "11")])
        #expect(announced.status == 413)
        #expect(announced.problem == "content-too-large")
        #expect(String(decoding: announced.body, as: UTF8.self).contains("larger than 10 bytes"))
        // Over what an `Int` can hold.
        let huge = [HeaderField("Content-Length", "99999999999999999999")]
        #expect(try await service.send(key: "k", fields: huge).problem == "content-too-large")
        #expect(try await service.send(key: "k", String(repeating: "x", count: 11)).problem == "content-too-large")
        #expect(service.runs == 0)
        #expect(service.store.calls.isEmpty)
        #expect(try await service.send(key: "k", String(repeating: "x", count: 10)).status == 201)
    }

    @Test(
        "An announced length is the first field's, if that is a number without a sign",
        arguments: [
            ("0", 0), ("17", 17), ("0017", 17), ("99999999999999999999", Int.max), ("-5", nil), ("+5", nil),
            ("5, 5", nil), ("", nil), (" 5", nil), ("5x", nil), ("٥", nil),
        ] as [(String, Int?)]
    )
    func contentLength(value: String, length: Int?) {
        let fields = [HeaderField("content-length", value), HeaderField("Content-Length", "3")]
        let request = IdempotentRequest(method: "POST", target: "/", route: "/", fields: fields)
        #expect(request.contentLength == length)
    }

    @Test("An unknown content coding is 415, and says which are known")
    func contentCodings() async throws {
        let service = try Service { $0.contentCodings = ["GZip", "identity"] }
        for coding in ["rot13", "gzip, rot13", "gzip, , identity,", ", "] {
            let answer = try await service.send(
                key: "k\(coding.count)",
                fields: [HeaderField("Content-Encoding", coding)]
            )
            let isKnown = !coding.contains("rot13")
            #expect(answer.status == (isKnown ? 201 : 415), "\(coding)")
            if !isKnown {
                #expect(answer.problem == "content-encoding-unknown")
                #expect(answer.values(of: "Accept-Encoding") == ["gzip, identity"])
            }
        }
        #expect(try await service.send(key: "l", fields: [HeaderField("Content-Encoding", "GZip")]).status == 201)
        #expect(service.runs == 3)
    }

    @Test("Scenario 46: one key on two routes, two paths, two methods or two principals is as many operations")
    func scopes() async throws {
        let service = try Service()
        func send(_ target: String, _ route: String, method: String = "POST", by principal: String = "alice")
            async throws -> [UInt8]
        {
            let first = try await service.send(
                key: "k",
                method: method,
                target: target,
                route: route,
                principal: principal
            )
            #expect(first.status == 201 && !first.isReplay)
            let second = try await service.send(
                key: "k",
                method: method,
                target: target,
                route: route,
                principal: principal
            )
            #expect(second.isReplay && second.body == first.body)
            return first.body
        }
        let bodies = [
            try await send("/payments", "/payments"),
            try await send("/refunds", "/refunds"),
            try await send("/payments", "/payments", method: "PATCH"),
            try await send("/payments", "/payments", by: "bob"),
            try await send("/payments/1/refunds", "/payments/{id}/refunds"),
            try await send("/payments/2/refunds", "/payments/{id}/refunds"),
            try await send("/payments/\(String(repeating: "9", count: 999))/refunds", "/payments/{id}/refunds"),
            try await send("/payments/\(String(repeating: "9", count: 998))/refunds", "/payments/{id}/refunds"),
            try await send("/payments", "/payments", by: String(repeating: "p", count: 999)),
            try await send("/payments", "/payments", by: String(repeating: "p", count: 998)),
            try await send("/payments", "/payments", by: "line\nfeed"),
        ]
        #expect(Set(bodies).count == bodies.count)
        #expect(service.runs == bodies.count)
    }

    @Test(
        "A path that is only written otherwise than its route is the same operation: another request of it is 422, and never a second run",
        arguments: ["/Payments", "/payments/", "//payments", "/p%61yments", "/%50AYMENTS"]
    )
    func samePath(_ path: String) async throws {
        let service = try Service()
        #expect(try await service.send(key: "k").status == 201)
        #expect(try await service.send(key: "k", target: path).status == 422)
        #expect(service.runs == 1)
    }

    @Test("Segments of a path that differ are operations that differ, however they are written")
    func otherPaths() async throws {
        let service = try Service()
        let paths = [
            "/payments/a", "/payments/A", "/payments/a%2Fb", "/payments/a/b", "/payments/%", "/payments/%2",
            "/payments/%+1", "/payments/%2e%2ex", "/payments/...", "/payments/%252F",
        ]
        for path in paths {
            #expect(try await service.send(key: "k", target: path, route: "/payments/{id}").status == 201, "\(path)")
        }
        // `%61` is an `a`, needlessly encoded (RFC 3986, section 2.3).
        #expect(try await service.send(key: "k", target: "/payments/%61", route: "/payments/{id}").status == 422)
        #expect(service.runs == paths.count)
    }

    @Test(
        "Whatever makes two paths equivalent (RFC 3986, section 6.2.2), one key on both is one operation: 422, and never a second run",
        arguments: [
            ("/items/a%2Fb/refunds", "/items/a%2fb/refunds"), ("/items/%C3%A9/refunds", "/items/%c3%A9/refunds"),
            ("/items/a%3Ab/refunds", "/items/%61%3ab/refunds"), ("/items/a/refunds", "/items/./a/refunds"),
            ("/items/a/refunds", "/items/b/../a/refunds"), ("/items/a/refunds", "/items/b/%2e%2E/a/%2e/refunds"),
            ("/items/a/refunds", "/../items//a/refunds/"),
        ]
    )
    func equivalentPaths(_ first: String, _ second: String) async throws {
        let service = try Service()
        func send(_ path: String) async throws -> Int {
            try await service.send(key: "k", target: path, route: "/items/{id}/refunds").status
        }
        #expect(try await send(first) == 201)
        #expect(try await send(second) == 422)
        #expect(service.runs == 1)
    }

    @Test("However long a route is, each principal has its keys", arguments: [57, 58, 100, 173, 174, 200, 255, 5000])
    func longRoutes(length: Int) async throws {
        let service = try Service()
        let principals = ["alice", String(repeating: "p", count: 73), String(repeating: "/", count: 100), "line\nfeed"]
        for separator in ["/", "x"] {
            let route = "/" + String(repeating: separator, count: length - 1)
            for principal in principals {
                func send() async throws -> Service.Received {
                    try await service.send(key: separator, target: route, route: route, principal: principal)
                }
                let first = try await send()
                #expect(first.status == 201 && !first.isReplay)
                #expect(try await send().isReplay)
            }
        }
        #expect(service.runs == 2 * principals.count)
    }

    @Test("A key and a path cannot be shifted into each other, and odd keys hit only themselves")
    func oddKeys() async throws {
        let service = try Service()
        let keys = [
            ":", "%", "a:/payments/1", "a", "sha256 ", "a%3A", String(repeating: ":", count: 255),
            String(repeating: "%", count: 255), " ", "/",
        ]
        for key in keys {
            for path in ["/payments", "/payments/1", "/payments/1:/payments/1"] {
                let answer = try await service.send(
                    key: key,
                    target: path,
                    route: path == "/payments" ? path : "/payments/{id}"
                )
                #expect(answer.status == 201 && !answer.isReplay)
            }
        }
        #expect(service.runs == keys.count * 3)
    }
}
