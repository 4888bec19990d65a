public import Idempotency

/// Where a store keeps its records: the name of a table, and of the schema that it is in, if that is not the connection's.
@available(Idempotency 0.1, *)
public struct SQLTable: Hashable, Sendable {
    /// The table's name.
    public let name: String
    /// The schema's name; `nil`: the connection's own.
    public let schema: String?

    /// The table of a store that is given none: `idempotency_records`.
    public static let standard = SQLTable(validated: "idempotency_records", schema: nil)

    /// Names a table. Any name will do: it is quoted wherever it is used.
    ///
    /// - Parameters:
    ///   - name: The table's name; 1 to 40 bytes of UTF-8 without control characters, so that the names of its indexes fit.
    ///   - schema: The schema's name; 1 to 63 bytes.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/invalidConfiguration``.
    public init(_ name: String, schema: String? = nil) throws(IdempotencyError) {
        try Self.validate(name, "The table's name", 40)
        if let schema { try Self.validate(schema, "The schema's name", 63) }
        self.init(validated: name, schema: schema)
    }

    private init(validated name: String, schema: String?) {
        self.name = name
        self.schema = schema
    }

    private static func validate(_ text: String, _ what: String, _ limit: Int) throws(IdempotencyError) {
        let count = text.utf8.count
        guard count >= 1, count <= limit,
            !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else {
            throw IdempotencyError(
                code: .invalidConfiguration,
                message:
                    "\(what) has to have 1 to \(limit) bytes of UTF-8 and no control characters; it has \(count) bytes."
            )
        }
    }

    /// The quoted name, as statements use it.
    public var quoted: String { prefix + Self.quote(name) }

    /// The quoted name of something that belongs to the table, such as an index's or a sequence's.
    func quoted(_ suffix: String) -> String { prefix + Self.quote(name + suffix) }

    /// The same without the schema, which an index's name must not have where it is made.
    func unqualified(_ suffix: String) -> String { Self.quote(name + suffix) }

    private var prefix: String { schema.map { Self.quote($0) + "." } ?? "" }

    /// A name in double quotes (SQL-92, "delimited identifier").
    static func quote(_ name: String) -> String {
        // By scalars: a quote with a combining character after it is another `Character`, and ends the name all the same.
        var quoted = "\"".unicodeScalars
        for scalar in name.unicodeScalars {
            if scalar == "\"" { quoted.append(scalar) }
            quoted.append(scalar)
        }
        quoted.append("\"")
        return String(quoted)
    }
}
