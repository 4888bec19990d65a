import FlyingFox
import FlyingSocks
import Foundation
import Idempotency
import IdempotencyHTTP
import IdempotencyInMemory

/// Serves `POST /payments`, protected, on the in-memory store.
///
/// `swift run FlyingFoxAdapter [PORT]`; 8080 by default, on this machine alone.
@main
struct Main {
    static func main() async throws {
        let port = CommandLine.arguments.dropFirst().first.flatMap(UInt16.init) ?? 8080
        // A duplicate is answered well before FlyingFox gives a request up, which it does after 15 seconds.
        let interceptor = IdempotencyInterceptor(
            store: InMemoryIdempotencyStore(),
            policy: try OperationPolicy(waitLimit: .seconds(5))
        )
        let server = HTTPServer(address: try sockaddr_in.inet(ip4: "127.0.0.1", port: port), logger: .disabled)
        await server.appendRoute("POST /payments", to: Payments().handler(HTTPIdempotency(interceptor: interceptor)))
        print(
            """
            Send this twice, then with another amount, then without the key:
            curl -i http://127.0.0.1:\(port)/payments -H 'Authorization: Bearer alice' \\
                -H 'Idempotency-Key: "order-7"' -d '{"cents":1250}'
            """
        )
        try await server.run()
    }
}
