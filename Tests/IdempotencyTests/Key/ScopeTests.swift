import Idempotency
import Testing

@Suite("Scopes keep their parts apart")
struct ScopeTests {
    /// Each part alone tries to look like the joint between two others.
    static let hostile = [
        "a", "b", "a;tenant=b", "a;principal=b", "a%3btenant%3db", "a;tenant", "=b", ";", "=", "/", "%", "%%", "%25",
        "%3b",
        "a/b", "a;", ";a", "tenant=b", "b;principal=c", "principal=c",
    ]

    @Test("An operation `a;tenant=b` is not the operation a of tenant b")
    func imitation() throws {
        let imitated = try IdempotencyScope("a", tenant: "b")
        #expect(try IdempotencyScope("a;tenant=b") != imitated)
        #expect(try IdempotencyScope("a;tenant=b").text == "a%3btenant%3db")
        #expect(imitated.text == "a;tenant=b")
        #expect(
            try IdempotencyScope("a", tenant: "b;principal=c") != IdempotencyScope("a", tenant: "b", principal: "c")
        )
        #expect(try IdempotencyScope("a", tenant: "b") != IdempotencyScope("a", principal: "b"))
        #expect(try IdempotencyScope("a%3btenant%3db") != IdempotencyScope("a;tenant=b"))
    }

    @Test("No two combinations of parts have one text")
    func unambiguous() throws {
        let optionals = [nil] + Self.hostile.map(Optional.some)
        var wrong: [String] = []
        var owners: [String: [String?]] = [:]
        for operation in Self.hostile {
            for tenant in optionals {
                for principal in optionals {
                    let scope = try IdempotencyScope(operation, tenant: tenant, principal: principal)
                    let parts = [operation, tenant, principal]
                    if [scope.operation, scope.tenant, scope.principal] != parts { wrong.append("\(parts)") }
                    if let owner = owners.updateValue(parts, forKey: scope.text) {
                        wrong.append("\(parts) and \(owner) are both \(scope.text)")
                    }
                }
            }
        }
        #expect(wrong.isEmpty, "\(wrong.count) times, first: \(wrong.first ?? "")")
        #expect(owners.count == Self.hostile.count * optionals.count * optionals.count)
    }

    @Test(
        "The text of a scope is what stores keep, and never changes between releases",
        arguments: [
            ("charge", nil, nil, "charge"), ("charge", "acme", "u-1", "charge;tenant=acme;principal=u-1"),
            ("charge", nil, "u-1", "charge;principal=u-1"),
            ("POST /payments/{id}", nil, nil, "POST %2fpayments%2f{id}"),
            ("50%", "a=b", "c;d", "50%25;tenant=a%3db;principal=c%3bd"), ("größe 🎉", "é", nil, "größe 🎉;tenant=é"),
        ] as [(String, String?, String?, String)]
    )
    func golden(_ operation: String, _ tenant: String?, _ principal: String?, _ text: String) throws {
        #expect(
            try IdempotencyScope(operation, tenant: tenant, principal: principal).text.utf8.elementsEqual(text.utf8)
        )
    }

    @Test("The same value under two operations, tenants or principals is two keys")
    func separation() throws {
        let scopes = [
            try IdempotencyScope("charge"), try IdempotencyScope("refund"),
            try IdempotencyScope("charge", tenant: "acme"), try IdempotencyScope("charge", tenant: "other"),
            try IdempotencyScope("charge", principal: "acme"), try IdempotencyScope("charge", principal: "other"),
            try IdempotencyScope("charge", tenant: "acme", principal: "u-1"),
            try IdempotencyScope("charge", tenant: "acme", principal: "u-2"),
            try IdempotencyScope("charge", tenant: "u-1", principal: "acme"),
        ]
        #expect(Set(try scopes.map { try IdempotencyKey(scope: $0, value: "token-1") }).count == scopes.count)
    }
}
