/// Looks every five milliseconds whether something has become so, and gives up after a minute or more.
///
/// For servers and files, which send no signal.
@available(Idempotency 0.1, *)
nonisolated(nonsending)
    public func becomes(_ isSo: nonisolated(nonsending) () async throws -> Bool) async throws -> Bool
{
    for _ in 0..<12_000 {
        if try await isSo() { return true }
        try await Task.sleep(for: .milliseconds(5))
    }
    return false
}
