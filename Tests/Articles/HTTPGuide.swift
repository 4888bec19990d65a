// What the blocks of HTTPGuide.md use: see Scripts/check-articles.

import Idempotency
import IdempotencyHTTP

/// What a bank says of a reference.
enum Finding {
    case charged(Receipt)
    case unheardOf
    case pending
}

extension Bank {
    func find(reference: String) async throws -> Finding { .pending }
    func charge(_ cents: Int, reference: String, field: String?) async throws -> Receipt {
        try await charge(cents, reference: reference)
    }
}

var admitted: AdmittedRequest { fatalError() }
let body: [UInt8] = []

/// A record that somebody has looked into.
var found: ListedRecord { fatalError() }
var administration: RecordAdministration { fatalError() }

#if Hummingbird
import Hummingbird
import IdempotencyHummingbird

struct Context: IdempotentRequestContext {
    var coreContext: CoreRequestContextStorage
    var idempotentExecution: IdempotentExecution?
    var account: String?

    init(source: Source) {
        coreContext = .init(source: source)
    }
}

struct Authentication: RouterMiddleware {
    @concurrent func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.account = request.headers[.authorization]
        return try await next(request, context)
    }
}

struct Order: Decodable {
    var cents: Int
}

extension Receipt: ResponseEncodable {}

extension Bank {
    func charge(_ order: Order, reference: String?) async throws -> Receipt { fatalError() }
}

var router: Router<Context> { fatalError() }

actor CountingBank {
    var charges: Int { fatalError() }
}

func makeRouter(_ interceptor: IdempotencyInterceptor, _ bank: CountingBank) -> Router<Context> { fatalError() }
#endif
