/// A command of Redis: its name and its arguments, which may hold any bytes.
@available(Idempotency 0.1, *)
public struct RedisCommand: Hashable, Sendable {
    /// All arguments one after the other, the name first.
    private(set) var bytes: [UInt8] = []
    /// Where each argument ends.
    private(set) var ends: [Int] = []
    /// Which of the arguments are keys, the name being number 0: by them a cluster's client chooses the server.
    public internal(set) var keys = 0..<0

    /// Makes a command.
    ///
    /// - Parameters:
    ///   - name: The command's name.
    ///   - arguments: Its arguments.
    public init(_ name: String, _ arguments: String...) {
        append(name)
        for argument in arguments { append(argument) }
    }

    /// Makes a command.
    ///
    /// - Parameters:
    ///   - name: The command's name.
    ///   - arguments: Its arguments, of any bytes.
    public init(_ name: String, _ arguments: [[UInt8]]) {
        append(name)
        for argument in arguments { append(argument) }
    }

    /// The name and the arguments, as a driver sends them.
    public var arguments: [[UInt8]] {
        var start = 0
        return ends.map { end in
            defer { start = end }
            return Array(bytes[start..<end])
        }
    }

    mutating func reserve(bytes count: Int) { bytes.reserveCapacity(count) }

    mutating func append(_ text: String) { append { $0 += text.utf8 } }

    mutating func append(_ argument: some Sequence<UInt8>) { append { $0 += argument } }

    /// Adds an argument of several parts.
    mutating func append(_ write: (inout [UInt8]) -> Void) {
        write(&bytes)
        ends.append(bytes.count)
    }
}
