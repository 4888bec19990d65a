import Foundation
import Synchronization

/// Where the process is to die.
final class Fate: Sendable {
    enum Point: String {
        /// The claim is committed, and the handler not entered.
        case claimed
        /// The handler has begun.
        case begun
        /// Its effects are written, and not committed.
        case written
        /// The finish and the commit are on their way.
        case finishing
        /// They are done, and nobody has been told.
        case committed
    }

    private let point: Point?
    private let left: Mutex<Int>

    init(_ text: String?) {
        let parts = text?.split(separator: ":") ?? []
        point = parts.first.flatMap { Point(rawValue: String($0)) }
        left = Mutex(parts.count > 1 ? Int(parts[1])! : 0)
    }

    /// Dies here, if it is to be now.
    func meet(_ point: Point) {
        if isNow(point) { die() }
    }

    /// Dies within a moment of here, if it is to be now: while the caller goes on.
    func meetSoon(_ point: Point) {
        guard isNow(point) else { return }
        Thread {
            usleep(UInt32.random(in: 0...1500))
            self.die()
        }.start()
    }

    private func isNow(_ point: Point) -> Bool {
        guard point == self.point else { return false }
        return left.withLock { left in
            left -= 1
            return left == 0
        }
    }

    private func die() { kill(getpid(), SIGKILL) }
}
