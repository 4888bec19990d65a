import Foundation

/// A service on a file, which is killed and started again.
actor MortalServer {
    private let store: String
    private var newest: Task<Server, any Error>

    init(file: String) {
        let store = "sqlite:\(file)"
        self.store = store
        newest = Task { try await Server.start(store: store) }
    }

    /// The one that lives, as soon as it does.
    func living() async throws -> Server { try await newest.value }

    /// Kills the server. From now on there is another one, in a while.
    func killAndRestart() {
        let old = newest
        newest = Task { [store] in
            let server = try await old.value
            server.kill()
            await server.end()
            return try await Server.start(store: store)
        }
    }
}

/// A folder that is removed at the end.
final class TemporaryFolder: Sendable {
    let path = FileManager.default.temporaryDirectory.appending(path: "payments-\(UUID().uuidString)").path

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
