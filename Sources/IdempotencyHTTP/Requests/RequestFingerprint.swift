internal import Idempotency

@available(Idempotency 0.1, *)
extension Fingerprint {
    /// The fingerprint of a whole request: its method, path and query, each with its length, and its body's bytes.
    ///
    /// - Parameters:
    ///   - request: The request without its body.
    ///   - body: The body, as it was sent.
    init(of request: IdempotentRequest, body: UnsafeBufferPointer<UInt8>) {
        var hash = SHA256()
        hash.updateWithLengthPrefix(request.method)
        hash.updateWithLengthPrefix(request.path)
        // No query differs from an empty one.
        hash.update(request.query == nil ? 0 : 1)
        hash.updateWithLengthPrefix(request.query ?? "")
        hash.update(body)
        self.init(hash)
    }
}
