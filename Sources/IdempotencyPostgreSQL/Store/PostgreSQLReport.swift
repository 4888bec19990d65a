#if PostgreSQL
internal import Idempotency

/// A server's description of itself, for a check.
@available(Idempotency 0.1, *)
enum PostgreSQLReport {
    /// The settings on which it rests what a crash or a failover takes.
    private static let settings = ["fsync", "full_page_writes", "synchronous_commit", "synchronous_standby_names"]

    /// The store asks for the settings where its own statements run: they may differ elsewhere.
    static let query = """
        SELECT pg_catalog.current_setting('server_version'), pg_catalog.host(pg_catalog.inet_server_addr()),
            pg_catalog.inet_server_port()::pg_catalog.text,
            \(settings.map { "pg_catalog.current_setting('\($0)')" }.joined(separator: ", "))
        """

    static func report(_ rows: PostgreSQLRows) -> StoreReport {
        // Over a socket of the machine there is none.
        let address = rows.text(0, 1).map { host in
            let host = host.contains(":") ? "[\(host)]" : host
            return rows.text(0, 2).map { "\(host):\($0)" } ?? host
        }
        return StoreReport(
            product: "PostgreSQL",
            version: rows.text(0, 0),
            address: address,
            // Any other one has failed the check.
            role: .primary,
            settings: settings.enumerated().map { index, name in
                StoreReport.Setting(name, rows.text(0, Int32(3 + index)) ?? "")
            }
        )
    }
}
#endif
