#if PostgreSQL
internal import CPostgreSQL

/// What PostgreSQL, or the way to it, said went wrong.
///
/// The text is the server's or libpq's own: it may name hosts, roles and tables, and hold values that broke a constraint, but
/// never the password.
@available(Idempotency 0.1, *)
public struct PostgreSQLFailure: Error, Hashable, Sendable {
    /// The SQLSTATE (five characters; postgresql.org/docs/current/errcodes-appendix.html); empty if the server said nothing.
    public let code: String
    /// The text.
    public let message: String
    /// Whether the connection is lost with it: then nobody knows what became of what was sent.
    let isLost: Bool
    /// The server's function that reported it, which tells apart what shares a code; empty if it is not known.
    let function: String

    init(code: String = "", message: String, isLost: Bool = false, function: String = "") {
        self.code = code
        self.message = message
        self.isLost = isLost
        self.function = function
    }

    init(_ result: OpaquePointer?, isLost: Bool) {
        let code = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) } ?? ""
        let text = PQresultErrorField(result, Int32(UInt8(ascii: "M"))) ?? PQresultErrorMessage(result)
        let message = text.map { String(cString: $0) } ?? ""
        let function = PQresultErrorField(result, Int32(UInt8(ascii: "R"))).map { String(cString: $0) } ?? ""
        self.init(code: code, message: Self.line(message), isLost: isLost, function: function)
    }

    /// - Parameter text: libpq's words on a connection, with the server's code in them: `FATAL:  28P01:  password …`.
    init(lostWith text: String) {
        let lines = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("LOCATION:") }
        let parts = lines.last.map { $0.split(separator: ":", maxSplits: 8).map { $0.trimmingSpaces() } } ?? []
        let code = parts.first { part in
            part.count == 5 && part.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) }
                && part.utf8.contains { (48...57).contains($0) }
        }
        self.init(code: code.map(String.init) ?? "", message: Self.line(lines.joined(separator: "\n")), isLost: true)
    }

    /// On one line.
    private static func line(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.trimmingSpaces() }.joined(separator: "; ")
    }

    /// Whether the same may succeed when it is done again: a serialization failure or a deadlock.
    var mayBeRepeated: Bool { code == "40001" || code == "40P01" }

    /// Whether one call of a batch was at fault, so that the others may fare better: a value, a constraint, a limit, a trigger's
    /// own error, or a row that somebody else has locked.
    var isAboutOneCall: Bool {
        ["22", "23", "54"].contains(code.prefix(2)) || code == "P0001" || code == "55P03"
    }

    /// Whether the connection is of no use any more: the server is going down, has ended the session, or writes no more, and
    /// another one may.
    var endsConnection: Bool {
        isLost || code.hasPrefix("57P") || code.hasPrefix("08")
            || ["25006", "25P03", "26000", "0A000"].contains(code)
    }

    /// Whether tables or sequences are not those that the connection knew: they may have been made anew.
    var isAboutSchema: Bool { ["42P01", "42703", "XX000"].contains(code) }

    /// Whether the server has no transaction numbers left, which shares its code with records that are too large.
    var isWraparound: Bool {
        code == "54000" && (function.contains("NewTransactionId") || function.contains("NewMultiXact"))
    }
}

extension Substring {
    fileprivate func trimmingSpaces() -> Substring {
        var text = self
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
#endif
