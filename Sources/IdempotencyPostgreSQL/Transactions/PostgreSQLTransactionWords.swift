#if PostgreSQL
internal import IdempotencySQL

/// Looks at a statement's first words, which say whether it would end the transaction that it runs in.
@available(Idempotency 0.1, *)
struct PostgreSQLTransactionWords {
    private var rest: Substring.UTF8View

    /// Refuses what begins or ends a transaction, and what the connection's mode cannot do.
    static func check(_ sql: String) throws(SQLError) {
        var words = PostgreSQLTransactionWords(rest: sql[...].utf8)
        let first = words.next()
        let isRefused: Bool
        switch first {
        case "BEGIN", "START", "COMMIT", "END", "ABORT": isRefused = true
        case "ROLLBACK":
            var second = words.next()
            if second == "WORK" || second == "TRANSACTION" { second = words.next() }
            // To a savepoint of the handler's own.
            isRefused = second != "TO"
        case "PREPARE": isRefused = words.next() == "TRANSACTION"
        case "COPY":
            throw SQLError(code: "0A000", message: "COPY cannot be run in a handler's transaction.")
        default: isRefused = false
        }
        if isRefused {
            throw SQLError(
                code: "2D000",
                message:
                    "\(first) is not for the handler: its transaction is committed when it returns, and rolled back when it throws."
            )
        }
    }

    /// The next word in capitals; empty if something else comes.
    private mutating func next() -> String {
        skip()
        let word = rest.prefix { (0x61...0x7A).contains($0 | 0x20) || $0 == UInt8(ascii: "_") }
        rest = rest.dropFirst(word.count)
        return String(decoding: word, as: UTF8.self).uppercased()
    }

    /// Skips space, comments, and semicolons: statements that are empty.
    private mutating func skip() {
        while let byte = rest.first {
            if byte <= 0x20 || byte == UInt8(ascii: ";") {
                rest = rest.dropFirst()
            } else if rest.starts(with: "--".utf8) {
                rest = rest.drop { $0 != 0x0A && $0 != 0x0D }
            } else if rest.starts(with: "/*".utf8) {
                skipComment()
            } else {
                return
            }
        }
    }

    /// Comments of this kind nest.
    private mutating func skipComment() {
        var depth = 0
        repeat {
            if rest.starts(with: "/*".utf8) {
                depth += 1
                rest = rest.dropFirst(2)
            } else if rest.starts(with: "*/".utf8) {
                depth -= 1
                rest = rest.dropFirst(2)
            } else {
                rest = rest.dropFirst()
            }
        } while depth > 0 && !rest.isEmpty
    }
}
#endif
