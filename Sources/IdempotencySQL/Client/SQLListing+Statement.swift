@available(Idempotency 0.1, *)
extension SQLListing {
    /// The listing with its parameters' values, which stand in its text in order, each once.
    ///
    /// - Parameters:
    ///   - table: The table that it was made for, whose name may itself look like a parameter.
    ///   - now: The time, as an expression.
    func statement(_ table: SQLTable, now: SQLStatement) -> SQLStatement {
        let name = sql.firstRange(of: table.quoted)
        var rest = sql[(name?.upperBound ?? sql.startIndex)...]
        var statement: SQLStatement = "\(raw: String(sql[..<rest.startIndex]))"
        for (index, binding) in bindings.enumerated() {
            guard let place = rest.firstRange(of: "?\(index + 1)") else { break }
            statement = "\(statement)\(raw: String(rest[..<place.lowerBound]))\(binding.expression(now))"
            rest = rest[place.upperBound...]
        }
        return "\(statement)\(raw: String(rest))"
    }
}

@available(Idempotency 0.1, *)
extension SQLListing.Binding {
    fileprivate func expression(_ now: SQLStatement) -> SQLStatement {
        switch self {
        case .integer(let number): "\(number)"
        case .text(let text): "\(text)"
        case .now: now
        case .before(let span): "\(now) - \(span)"
        }
    }
}
