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
