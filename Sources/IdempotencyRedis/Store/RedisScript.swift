internal import Idempotency

/// The check-and-set as commands.
@available(Idempotency 0.1, *)
struct RedisScript: Sendable {
    private let layout: RedisLayout
    private let digest: [UInt8]

    static let source = PackageResources.check_and_set_lua

    /// What a call asks of it.
    enum Request: Sendable {
        case load
        case watch
        case write(IdempotencyRecord, over: RecordVersion?)
        case remove(RecordVersion?)

        /// Whether it is acknowledged, and so has to last.
        var writes: Bool {
            switch self {
            case .write, .remove: true
            case .load, .watch: false
            }
        }
    }

    /// - Parameter digest: By which the server knows the script: what `SCRIPT LOAD` replied.
    init(_ layout: RedisLayout, digest: [UInt8]) {
        self.layout = layout
        self.digest = digest
    }

    static var loading: RedisCommand {
        var command = RedisCommand("SCRIPT", "LOAD")
        command.append(source)
        return command
    }

    /// - Parameter inFull: Whether the script itself is sent, for a server that does not know it (any more).
    func command(_ request: Request, _ key: IdempotencyKey, inFull: Bool = false) -> RedisCommand {
        let record: [UInt8] = if case .write(let record, _) = request { record.encoded() } else { [] }
        var command = RedisCommand(inFull ? "EVAL" : "EVALSHA")
        command.reserve(bytes: 2 * layout.size(of: key) + record.count + 128)
        if inFull { command.append(Self.source) } else { command.append(digest) }
        command.append("2")
        command.append { layout.write(key, to: &$0) }
        command.append { layout.writeVersions(of: key, to: &$0) }
        command.keys = 3..<5
        switch request {
        case .load: command.append("load")
        case .watch: command.append("watch")
        case .write(let value, let version):
            command.append("write")
            command.append { Self.write(version, to: &$0) }
            command.append(RedisValue.milliseconds(for: value).map(String.init) ?? "")
            command.append(record)
        case .remove(let version):
            command.append("remove")
            command.append { Self.write(version, to: &$0) }
        }
        return command
    }

    private static func write(_ version: RecordVersion?, to bytes: inout [UInt8]) {
        guard let version else { return }
        // One that needs eight bytes is none of this store's, and equals none.
        let first = version.rawValue >> 56 == 0 ? 48 : 56
        for shift in stride(from: first, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: version.rawValue >> UInt64(shift)))
        }
    }
}
