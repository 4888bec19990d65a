/// A store's answer to a check: for a readiness probe, and for the line that a service logs when it starts.
@available(Idempotency 0.1, *)
public struct StoreReport: Equatable, Sendable {
    /// The part that a server plays among those that have the same records.
    public enum Role: String, Equatable, Sendable {
        /// The one that takes writes. A replica fails its check.
        case primary
        /// The records are in the process itself, or in a file that it has open.
        case embedded
        /// The store cannot tell.
        case unknown
    }

    /// A setting on which it rests what is lost, and when.
    public struct Setting: Equatable, Sendable {
        /// Its name, as the product has it.
        public let name: String
        /// Its value, as the product says it.
        public let value: String

        /// Makes a setting.
        ///
        /// - Parameters:
        ///   - name: Its name.
        ///   - value: Its value.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The product that keeps the records, such as `PostgreSQL`.
    public let product: String
    /// Its version; `nil`: it has none, or does not tell.
    public let version: String?
    /// Its address: a host and a port, a port alone where the server does not know its host, or a file. Never a password. `nil`: it
    /// has none, or does not tell.
    public let address: String?
    /// The part that the server plays.
    public let role: Role
    /// The settings on which it rests what is lost, and when.
    public let settings: [Setting]
    /// Sentences that say which acknowledged records may be lost, and when.
    public let warnings: [String]

    /// Makes a report.
    ///
    /// - Parameters:
    ///   - product: The product that keeps the records.
    ///   - version: Its version.
    ///   - address: Its address, without a password.
    ///   - role: The part that the server plays.
    ///   - settings: The settings on which it rests what is lost.
    ///   - warnings: Sentences that say which acknowledged records may be lost, and when.
    public init(
        product: String,
        version: String? = nil,
        address: String? = nil,
        role: Role,
        settings: [Setting] = [],
        warnings: [String] = []
    ) {
        self.product = product
        self.version = version
        self.address = address
        self.role = role
        self.settings = settings
        self.warnings = warnings
    }

    /// The value of a setting; `nil`: the report does not have it.
    ///
    /// - Parameter name: Its name, as the product has it.
    public func value(of name: String) -> String? { settings.first { $0.name == name }?.value }
}

@available(Idempotency 0.1, *)
extension StoreReport: CustomStringConvertible {
    /// All of it in a line.
    public var description: String {
        var parts = [product]
        if let version { parts.append(version) }
        if let address { parts.append("at \(address)") }
        parts.append("(\(role.rawValue))")
        let head = parts.joined(separator: " ")
        let settings = settings.map { "\($0.name)=\($0.value)" }.joined(separator: ", ")
        return ([settings.isEmpty ? head : "\(head): \(settings)"] + warnings).joined(separator: ". ")
    }
}
