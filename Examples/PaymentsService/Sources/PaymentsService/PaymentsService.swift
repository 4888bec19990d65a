import ArgumentParser
import Foundation
import Hummingbird
import Idempotency
import IdempotencyInMemory
import NIOCore

#if SQLite
import IdempotencySQLite
#endif

@main
struct PaymentsService: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "PaymentsService",
        abstract: "Takes payments, with and without Idempotency-Key, and shows a page to compare them."
    )

    enum Store: Sendable {
        case memory
        case sqlite(path: String)
    }

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on; 0: any that is free.")
    var port = 8080

    @Option(
        help: ArgumentHelp("Where charges and responses are kept.", valueName: "memory|sqlite:FILE"),
        transform: Self.store
    )
    var store = Store.memory

    private static func store(_ argument: String) throws -> Store {
        if argument == "memory" { return .memory }
        guard argument.hasPrefix("sqlite:"), argument.count > "sqlite:".count else {
            throw ValidationError("The store is 'memory' or 'sqlite:FILE'.")
        }
        #if SQLite
        return .sqlite(path: String(argument.dropFirst("sqlite:".count)))
        #else
        throw ValidationError("This build has no SQLite; build it with: swift build --traits SQLite")
        #endif
    }

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("The port must be 0 to 65535.") }
    }

    func run() async throws {
        // A killed process blocks the keys that it was working on for two seconds. A living one renews its lease, however long
        // the bank takes. The rest is the standard: a duplicate waits up to 10 s, and a response answers retries for 24 h.
        let policy = try OperationPolicy(lease: .seconds(2))
        let (book, interceptor): (any ChargeBook, IdempotencyInterceptor)
        switch store {
        case .memory:
            book = MemoryChargeBook()
            interceptor = IdempotencyInterceptor(store: InMemoryIdempotencyStore(), policy: policy)
        #if SQLite
        case .sqlite(let path):
            let store = try await SQLiteIdempotencyStore(path: path)
            book = try await SQLiteChargeBook(store: store)
            interceptor = IdempotencyInterceptor(store: store, policy: policy)
        #else
        case .sqlite: preconditionFailure("refused with the arguments")
        #endif
        }
        let routes = Routes(bank: Bank(book: book), interceptor: interceptor)
        let host = host
        let application = Application(
            router: routes.router(),
            configuration: .init(address: .hostname(host, port: port)),
            onServerRunning: { channel in
                print("listening on \(host):\(channel.localAddress?.port ?? 0)")
                fflush(nil)
            }
        )
        try await application.runService()
    }
}
