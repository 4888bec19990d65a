#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The two streams that a command writes to, and its end.
enum Terminal {
    /// Writes a line at once, so that progress is seen through a pipe, too.
    static func show(_ text: String = "") {
        print(text)
        fflush(nil)
    }

    /// Writes a line to standard error.
    static func complain(_ text: String) {
        // The C library's `stderr` is a variable that strict concurrency cannot use; its number is a constant.
        var rest = Array((text + "\n").utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
            if written > 0 {
                rest = rest.dropFirst(written)
            } else if errno != EINTR {
                return
            }
        }
    }

    /// Ends the process.
    static func end(_ code: Int32) -> Never {
        exit(code)
    }
}
