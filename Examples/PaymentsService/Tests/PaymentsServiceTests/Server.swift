import Foundation

/// The service, as a process.
final class Server: @unchecked Sendable {
    // Set up by one task, and then only waited for and killed.
    private let process: Process

    /// Where it listens.
    let address: String

    private struct DidNotStart: Error, CustomStringConvertible {
        let description: String
    }

    private init(_ process: Process, address: String) {
        self.process = process
        self.address = address
    }

    deinit { kill() }

    /// Starts the service on a free port, and waits until it listens.
    static func start(store: String) async throws -> Server {
        let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        let process = Process()
        process.executableURL = folder.appendingPathComponent("PaymentsService")
        process.arguments = ["--port", "0", "--store", store]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let said = await onThread { () -> String in
            var said = ""
            var buffer = [UInt8](repeating: 0, count: 4_096)
            while !said.contains("\n") {
                // `FileHandle` would wait until the buffer is full.
                let count = read(pipe.fileHandleForReading.fileDescriptor, &buffer, buffer.count)
                if count <= 0 { break }
                said += String(decoding: buffer[..<count], as: UTF8.self)
            }
            return said
        }
        guard said.hasPrefix("listening on "), said.hasSuffix("\n") else {
            process.terminate()
            throw DidNotStart(description: "the service said: \(said)")
        }
        return Server(process, address: "http://" + said.dropFirst("listening on ".count).dropLast())
    }

    /// Kills the process, as a power cut would.
    func kill() { Foundation.kill(process.processIdentifier, SIGKILL) }

    /// Waits for the end of a process that was killed.
    func end() async {
        await onThread { self.process.waitUntilExit() }
    }
}

/// Does on a thread what would block a task.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        Thread { continuation.resume(returning: body()) }.start()
    }
}
