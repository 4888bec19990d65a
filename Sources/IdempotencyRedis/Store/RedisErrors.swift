internal import Idempotency

/// The store's errors, each with the advice that belongs to it.
@available(Idempotency 0.1, *)
enum RedisErrors {
    static var closed: IdempotencyError {
        IdempotencyError(code: .storeUnavailable, message: "The Redis store is closed. Nothing was run or changed.")
    }

    static var unexpectedReply: IdempotencyError {
        IdempotencyError(
            code: .brokenStore,
            message:
                "Redis replied something that the command does not reply. Whether the change was made is not known; look whether "
                + "the client hands each caller its own replies."
        )
    }

    static var tooManyWrites: IdempotencyError {
        IdempotencyError(
            code: .storeUnavailable,
            message:
                "Too many writes wait for replicas to confirm others. Nothing was changed; retry later, and look at the replicas."
        )
    }

    static func unusable(_ message: String) -> IdempotencyError {
        IdempotencyError(code: .invalidConfiguration, message: message)
    }

    static func tooFewReplicas(_ count: Int64, of needed: Int) -> IdempotencyError {
        IdempotencyError(
            code: .storeUnavailable,
            message:
                "The write was made, and \(count) of \(needed) replicas have confirmed it in time: whether it outlives a failover is "
                + "not known. Look at the replicas, or ask for fewer."
        )
    }

    /// What a failure means, and what to do about it.
    static func error(for error: any Error) -> any Error {
        guard let failure = error as? RedisFailure else { return error }
        let fate = failure.mayHaveRun ? "Whether the change was made is not known." : "Nothing was changed."
        // The server's own text may name a key: it is in the cause.
        let code = failure.code.isEmpty ? "" : " (\(failure.code))"
        let text = (failure.isSafe ? failure.message : "the server refused") + code
        let advice = advice(for: failure).map { "\(fate) \($0)" } ?? fate
        return IdempotencyError(
            code: failure.code == "OOM" ? .capacityExceeded : .storeUnavailable,
            message: "Redis: \(text). \(advice)",
            cause: failure
        )
    }

    private static func advice(for failure: RedisFailure) -> String? {
        switch failure.code {
        case "NOAUTH", "WRONGPASS": "The server does not accept the user or the password; look at the address."
        case "NOPERM":
            "The user lacks a right; grant it the store's keys and channel, and +@read +@write +@scripting +@pubsub +time +info +wait."
        case "READONLY": "The server is a replica; connect to the primary."
        case "MASTERDOWN", "UNKILLABLE", "BUSY": "The server is not ready; retry later."
        case "LOADING": "The server is still loading its data; retry later."
        case "OOM": "The server's memory is full; raise maxmemory, or shorten retentions."
        case "MISCONF": "The server cannot write to its disk; look at its log."
        case "NOREPLICAS": "The server has fewer replicas than min-replicas-to-write asks for."
        case "WRONGTYPE": "Under a key of the store is something of another type; give the store a prefix of its own."
        case "MOVED", "ASK", "CROSSSLOT", "CLUSTERDOWN", "TRYAGAIN":
            "The server is part of a cluster; give the store a client that knows clusters."
        case "ERR" where failure.message.contains("unknown command") || failure.message.contains("unknown subcommand"):
            "A command that the store needs is renamed or forbidden there, or a proxy does not know it. It needs EVALSHA, EVAL, SCRIPT "
                + "LOAD, INFO, GET, SET, DEL, PERSIST, SETRANGE, PUBLISH, SUBSCRIBE, SCAN and TIME."
        case "ERR" where failure.message.contains("max number of clients"):
            "The server has no free connection; raise maxclients, or use fewer connections."
        case "NOSCRIPT": "The server forgets scripts at once; look whether something flushes them all the time."
        default: nil
        }
    }
}
