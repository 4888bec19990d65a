internal import Idempotency

/// The turn to write of a run: renewals and transactions of one run do not cross.
@available(Idempotency 0.1, *)
protocol RunTurn {
    func takeTurn() async
    func endTurn()
}

@available(Idempotency 0.1, *)
extension TransactionalRun: RunTurn {}

/// Of a handler that runs without protection, and writes no record.
@available(Idempotency 0.1, *)
struct NoTurn: RunTurn {
    func takeTurn() async {}
    func endTurn() {}
}
