import Idempotency
import Testing

@Suite("Sub-keys for calls downstream")
struct DerivedKeyTests {
    private func key(
        _ operation: String = "charge",
        tenant: String? = nil,
        principal: String? = nil,
        value: String = "order-1"
    ) throws -> IdempotencyKey {
        try IdempotencyKey(scope: IdempotencyScope(operation, tenant: tenant, principal: principal), value: value)
    }

    /// Computed by Python's hashlib from the description of the format; a change of them breaks every retry in flight.
    @Test("A sub-key is the same in every process and every release")
    func golden() throws {
        #expect(try key().derived(for: "bank").value == "e678104d-fad9-842a-aed1-d14bb8cb30ae")
        #expect(try key().derived(for: "mail").value == "19304e99-3bb3-81e7-b453-86cc5731966b")
        #expect(try key(value: "order-2").derived(for: "bank").value == "c8cf790f-d10b-8f5e-ab04-b8dde3f90ed9")
        #expect(try key("refund").derived(for: "bank").value == "500c6e38-9e11-8c32-af8a-7af445730994")
        #expect(try key(tenant: "acme").derived(for: "bank").value == "ab24eece-bb1f-85b0-8421-9607ae0f863b")
        #expect(
            try key(tenant: "acme", principal: "u-1").derived(for: "bank").value
                == "0275fca0-45b0-8927-bcee-eb202706a3fd"
        )
        #expect(try key(principal: "u-1").derived(for: "bank").value == "56acff92-cb46-829b-afe9-6200108c20e1")
        #expect(
            try key("POST /payments/{id}", value: "é🎉").derived(for: "b/ä;=").value
                == "e79d608d-aa28-8ce5-8f79-9b49124770c3"
        )
    }

    @Test("A sub-key is a UUID of version 8 with the variant of RFC 9562")
    func format() throws {
        for index in 0..<200 {
            let value = try key(value: "order-\(index)").derived(for: "bank").value
            #expect(
                try /[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/.wholeMatch(in: value) != nil
            )
        }
    }

    @Test("Another name, value, operation, tenant or principal makes another sub-key")
    func distinct() throws {
        let keys = [
            try key(), try key(value: "order-2"), try key("refund"), try key(tenant: "acme"),
            try key(principal: "acme"),
            try key(tenant: "acme", principal: "u-1"), try key("charge;tenant=acme"), try key(value: "order-1bank"),
        ]
        let names = ["bank", "mail", "Bank", "1bank"]
        let values = try keys.flatMap { key in try names.map { try key.derived(for: $0).value } }
        #expect(Set(values).count == keys.count * names.count)
    }

    @Test("The scope of a sub-key is the name with the key's tenant and principal")
    func scope() throws {
        let derived = try key(tenant: "acme", principal: "u-1").derived(for: "bank")
        #expect(derived.scope == (try IdempotencyScope("bank", tenant: "acme", principal: "u-1")))
        #expect(try key().derived(for: "bank").scope == IdempotencyScope("bank"))
    }

    @Test("Sub-keys of sub-keys depend on the whole way")
    func nested() throws {
        let once = try key().derived(for: "bank").derived(for: "ledger")
        let other = try key().derived(for: "ledger").derived(for: "bank")
        #expect(once.value != other.value)
        #expect(once == (try key().derived(for: "bank").derived(for: "ledger")))
        #expect(once.value != (try key().derived(for: "ledger").value))
    }

    @Test("A name that cannot be an operation is refused", arguments: ["", "a\nb", String(repeating: "n", count: 256)])
    func invalidName(_ name: String) throws {
        let key = try key()
        #expect(throws: IdempotencyError.self) { try key.derived(for: name) }
        do {
            _ = try key.derived(for: name)
        } catch {
            #expect(error.code == .invalidKey)
        }
    }
}
