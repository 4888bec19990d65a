import Testing

@testable import Idempotency

@Suite("Pauses before a server is tried again")
struct ReconnectBackoffTests {
    @Test("Longer each time up to two seconds, by half at random, and short again after a success")
    func spans() {
        var (shortest, longest) = (ReconnectBackoff(), ReconnectBackoff())
        for milliseconds in [50, 100, 200, 400, 800, 1600, 2000, 2000] {
            #expect(longest.fail(.max) == .milliseconds(milliseconds))
            #expect(shortest.fail(.min) == .milliseconds(milliseconds) / 2)
        }
        for _ in 0..<100 { #expect(longest.fail(.max) == .seconds(2)) }
        longest.reset()
        #expect(longest.fail(.max) == .milliseconds(50))
    }
}
