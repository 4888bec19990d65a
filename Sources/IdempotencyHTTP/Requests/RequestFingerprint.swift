internal import Idempotency

@available(Idempotency 0.1, *)
extension Fingerprint {
    /// The fingerprint of a whole request: its method, path and query, each with its length, and its body's bytes.
    ///
    /// - Parameters:
    ///   - request: The request without its body.
    ///   - body: The body, as it was sent.
    init(of request: IdempotentRequest, body: some Collection<UInt8>) {
        var head: [UInt8] = []
        func append(_ text: String) {
            withUnsafeBytes(of: UInt64(text.utf8.count).bigEndian) { head.append(contentsOf: $0) }
            head.append(contentsOf: text.utf8)
        }
        append(request.method)
        append(request.path)
        // No query differs from an empty one.
        head.append(request.query == nil ? 0 : 1)
        append(request.query ?? "")
        var hash = SHA256()
        hash.update(head)
        hash.update(body)
        self.init(hash)
    }
}
