#if Redis
#if canImport(Darwin)
internal import Darwin
#elseif canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// Wakes a thread that waits for a connection (the "self-pipe trick").
final class WakePipe: Sendable {
    /// Readable when the thread is to be woken.
    let output: Int32
    private let input: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        // Only fails where no file can be opened any more; then nobody is woken, and what should be noticed at once is noticed later.
        if pipe(&ends) == 0 {
            for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        }
        (output, input) = (ends[0], ends[1])
    }

    deinit {
        for end in [output, input] where end >= 0 { close(end) }
    }

    func wake() {
        var byte: UInt8 = 0
        _ = write(input, &byte, 1)
    }

    /// Takes what has woken the thread.
    func drain() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(output, &bytes, bytes.count) > 0 {}
    }
}
#endif
