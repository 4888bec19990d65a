#if SQLite
#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A folder that is gone when nobody uses it any more.
final class TemporaryFolder: Sendable {
    private let root: String

    init() {
        var template = Array("/tmp/idempotency-XXXXXX".utf8CString)
        root = String(cString: mkdtemp(&template))
    }

    deinit {
        // Databases have no folders in them.
        if let directory = opendir(root) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                unlink(path(name))
            }
            closedir(directory)
        }
        rmdir(root)
    }

    func path(_ name: String) -> String { root + "/" + name }

    func write(_ bytes: [UInt8], _ name: String) throws {
        let file = fopen(path(name), "w")
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
    }
}
#endif
