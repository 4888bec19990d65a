@available(Idempotency 0.1, *)
extension IdempotencyKey {
    /// Names the key in logs and tickets without showing it: whoever has the key can find what was said of it.
    ///
    /// 16 hexadecimal digits of a SHA-256 of scope and value, the same in every process and release. It does not show a value
    /// that is hard to guess; whoever can guess a value can check the guess.
    public var reference: String {
        var hash = SHA256()
        for part in ["swift-idempotency/key-reference/1", scope.text, value] {
            hash.updateWithLengthPrefix(Array(part.utf8))
        }
        return Hex.text(hash.finalize().prefix(8))
    }
}
