import Figures
import Foundation
import Idempotency
import Synchronization

/// A key that two processes call at once: one of them runs it, and the other's callers wait.
///
/// The program starts itself a second time, with `hot-key <address>` as its arguments.
public enum HotKeyPeer {
    private static let callers = 500

    /// When the handler ended.
    private final class Noted: Sendable {
        let end = Atomic<UInt64>(0)
    }

    /// Whether this is the second process.
    public static var isPeer: Bool { CommandLine.arguments.dropFirst().first == "hot-key" }

    /// The store's address, in the second process.
    public static var address: String { CommandLine.arguments[2] }

    /// The time since the machine was started, in nanoseconds: the same for all processes.
    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// The second process: for each key that it is given on standard input, says when its last caller had the result.
    public nonisolated static func serve(_ store: any IdempotencyStore) async throws {
        let interceptor = IdempotencyInterceptor(store: store)
        say("ready")
        while let line = readLine(), let number = Int(line) {
            let key = try StoreWorkload.key(number)
            // The other process is running it by now.
            let noted = Noted()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<callers {
                    group.addTask {
                        _ = try await interceptor.idempotent(key: key) { _ in
                            noted.end.store(1, ordering: .relaxed)
                            return 1
                        }
                    }
                }
                try await group.waitForAll()
            }
            precondition(noted.end.load(ordering: .relaxed) == 0, "the key was run twice")
            say("\(now())")
        }
    }

    private static func say(_ text: String) {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }

    /// The lines that a process writes.
    private static func lines(of pipe: Pipe) -> AsyncStream<String> {
        let (lines, line) = AsyncStream.makeStream(of: String.self)
        Thread {
            var rest = ""
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = read(pipe.fileHandleForReading.fileDescriptor, &buffer, buffer.count)
                if count <= 0 { break }
                rest += String(decoding: buffer[..<count], as: UTF8.self)
                let parts = rest.split(separator: "\n", omittingEmptySubsequences: false)
                for part in parts.dropLast() { line.yield(String(part)) }
                rest = String(parts.last ?? "")
            }
            line.finish()
        }.start()
        return lines
    }

    /// Measures how long after the handler's end the last caller of the second process has the result, in milliseconds.
    ///
    /// - Parameters:
    ///   - store: The store; both processes use it.
    ///   - address: How the second process opens it.
    ///   - first: A number of which the keys' numbers begin.
    public nonisolated static func measure(
        _ store: any IdempotencyStore,
        at address: String,
        first: Int
    ) async throws -> [Double] {
        let peer = Process()
        peer.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
        peer.arguments = ["hot-key", address]
        let (input, output) = (Pipe(), Pipe())
        peer.standardInput = input
        peer.standardOutput = output
        try peer.run()
        let lines = lines(of: output)
        var answers = lines.makeAsyncIterator()
        _ = await answers.next()
        let interceptor = IdempotencyInterceptor(store: store)
        var spans: [Double] = []
        for number in first..<(first + Effort.rounds(10)) {
            let key = try StoreWorkload.key(number)
            let noted = Noted()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<callers {
                    group.addTask {
                        _ = try await interceptor.idempotent(key: key) { _ in
                            // From here on the other process's callers find the key taken.
                            input.fileHandleForWriting.write(Data("\(number)\n".utf8))
                            try await Task.sleep(for: .milliseconds(20))
                            noted.end.store(now(), ordering: .relaxed)
                            return 1
                        }
                    }
                }
                try await group.waitForAll()
            }
            guard let line = await answers.next(), let last = UInt64(line) else { break }
            // Negative if the second process was so slow to begin that it found the result.
            spans.append(max(0, Double(Int64(bitPattern: last &- noted.end.load(ordering: .relaxed))) / 1e6))
        }
        input.fileHandleForWriting.closeFile()
        peer.waitUntilExit()
        return spans
    }
}
