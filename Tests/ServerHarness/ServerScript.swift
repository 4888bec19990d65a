import Foundation

/// A script of this repository that starts servers for tests, and treats them badly.
@available(Idempotency 0.1, *)
public struct ServerScript: Sendable {
    /// It ended with another status than zero.
    public struct Failed: Error {
        /// What was asked of it.
        public let arguments: [String]
    }

    private let url: URL

    /// - Parameter name: The script's name in the folder `Scripts`.
    public init(_ name: String) {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        url = root.appendingPathComponent("Scripts/\(name)")
    }

    /// Runs it.
    ///
    /// - Returns: What it printed as assignments of a shell (`name='value'`).
    @discardableResult
    public func run(_ arguments: [String]) throws -> [String: String] {
        let process = Process()
        process.executableURL = url
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        // `waitUntilExit` looks about once a second.
        let ended = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in ended.signal() }
        try process.run()
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        ended.wait()
        guard process.terminationStatus == 0 else { throw Failed(arguments: arguments) }
        var values: [String: String] = [:]
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1].dropFirst().dropLast()) }
        }
        return values
    }
}
