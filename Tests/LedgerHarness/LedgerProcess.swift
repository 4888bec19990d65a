import Foundation

/// A worker process, and a thread that hears what it says.
@available(Idempotency 0.1, *)
public final class LedgerProcess: @unchecked Sendable {
    // Set up by one task, and then only waited for and killed.
    private let process = Process()
    private let witness: LedgerWitness
    private let number: Int
    private let heard = DispatchSemaphore(value: 0)
    private let begun = DispatchSemaphore(value: 0)

    /// Starts a worker.
    ///
    /// - Parameters:
    ///   - number: A number of its own, by which the witness knows it.
    ///   - arguments: As the worker takes them.
    public init(_ number: Int, _ arguments: [String], heardBy witness: LedgerWitness) throws {
        self.witness = witness
        self.number = number
        let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        process.executableURL = folder.appendingPathComponent("LedgerWorker")
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        Thread { [witness, heard, begun] in
            var rest = ""
            var hasBegun = false
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                // `FileHandle` would wait until the buffer is full.
                let count = read(pipe.fileHandleForReading.fileDescriptor, &buffer, buffer.count)
                if count <= 0 { break }
                rest += String(decoding: buffer[..<count], as: UTF8.self)
                let lines = rest.split(separator: "\n", omittingEmptySubsequences: false)
                witness.hear(lines.dropLast().filter { !$0.isEmpty }, from: number)
                rest = String(lines.last ?? "")
                if !hasBegun { begun.signal() }
                hasBegun = true
            }
            if !hasBegun { begun.signal() }
            heard.signal()
        }.start()
    }

    /// Waits until the process has said something.
    public func untilBegun() async { await Self.onThread { self.begun.wait() } }

    /// Kills the process.
    public func die() { kill(process.processIdentifier, SIGKILL) }

    /// Stops the process where it is.
    public func stop() { kill(process.processIdentifier, SIGSTOP) }

    /// Lets a process that was stopped go on.
    public func goOn() { kill(process.processIdentifier, SIGCONT) }

    /// Waits until the process has ended, and all that it said is heard.
    ///
    /// - Returns: Whether it was killed, and how many of its handlers had begun without an answer.
    public func end() async -> (isKilled: Bool, open: Int) {
        await Self.onThread {
            self.process.waitUntilExit()
            self.heard.wait()
        }
        return (process.terminationReason == .uncaughtSignal, witness.takeOpen(of: number))
    }

    private static func onThread(_ body: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            Thread {
                body()
                continuation.resume()
            }.start()
        }
    }
}
