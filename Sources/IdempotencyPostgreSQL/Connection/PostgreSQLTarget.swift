#if PostgreSQL
internal import CPostgreSQL
internal import Idempotency

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Where to connect to, as libpq reads it: a connection string that was looked at once, and what this library adds to it.
@available(Idempotency 0.1, *)
struct PostgreSQLTarget: Sendable {
    private let pairs: [(keyword: String, value: String)]

    /// Reads a connection string.
    ///
    /// - Throws: ``/Idempotency/IdempotencyError`` that does not repeat the string: it may hold a password.
    init(_ connectionString: String) throws(IdempotencyError) {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(connectionString, &message) else {
            // libpq's text quotes the part that it does not understand.
            PQfreemem(message)
            throw IdempotencyError(
                code: .invalidConfiguration,
                message:
                    "The connection string is none that libpq understands. Write it as 'host=… dbname=… user=…' or as "
                    + "'postgresql://user@host/dbname', and percent-encode what is special in a URI."
            )
        }
        defer { PQconninfoFree(options) }
        var pairs: [(keyword: String, value: String)] = []
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val {
                pairs.append((String(cString: keyword), String(cString: value)))
            }
            option += 1
        }
        // The last one counts.
        pairs.append(("client_encoding", "UTF8"))
        pairs.append(("fallback_application_name", "swift-idempotency"))
        self.pairs = pairs
    }

    /// Begins to connect.
    func start() -> OpaquePointer? {
        var keywords = pairs.map { strdup($0.keyword) } + [nil]
        var values = pairs.map { strdup($0.value) } + [nil]
        defer { for text in keywords + values { free(text) } }
        return keywords.withUnsafeMutableBufferPointer { keywords in
            values.withUnsafeMutableBufferPointer { values in
                keywords.withMemoryRebound(to: UnsafePointer<CChar>?.self) { keywords in
                    values.withMemoryRebound(to: UnsafePointer<CChar>?.self) { values in
                        PQconnectStartParams(keywords.baseAddress, values.baseAddress, 0)
                    }
                }
            }
        }
    }
}
#endif
