internal import Idempotency

/// A response as a record keeps it.
///
/// That is a byte that says which of the two it is, the status in two bytes, the number of fields in two, of each field name and
/// value with their lengths in two bytes each, and what is left is the body. All numbers are big-endian.
@available(Idempotency 0.1, *)
enum KeptResponse {
    case whole(HTTPAnswer)
    /// Its body was a stream, or too long. Its fields say where to find what was made.
    case withoutBody(status: Int, [HeaderField])

    private static let (wholeMark, withoutBodyMark): (UInt8, UInt8) = (1, 2)

    /// Whether a repetition can be answered with it.
    static func isWhole(_ bytes: [UInt8]) -> Bool { bytes.first == wholeMark }

    static var notKept: IdempotencyError {
        IdempotencyError(
            code: .resultNotKept,
            message:
                "The request was carried out, and its response is not kept: a stream, too long, or settled without one."
        )
    }

    /// The bytes; `nil` if it has no room in the format.
    func encoded() -> [UInt8]? {
        switch self {
        case .whole(let answer):
            Self.encoded(Self.wholeMark, status: answer.status, fields: answer.fields, body: answer.body)
        case .withoutBody(let status, let fields):
            Self.encoded(Self.withoutBodyMark, status: status, fields: fields, body: [])
        }
    }

    private static func encoded(_ mark: UInt8, status: Int, fields: [HeaderField], body: [UInt8]) -> [UInt8]? {
        guard (100...999).contains(status), fields.count <= Int(UInt16.max),
            fields.allSatisfy({ $0.name.utf8.count <= Int(UInt16.max) && $0.value.utf8.count <= Int(UInt16.max) })
        else { return nil }
        let head = fields.reduce(5) { $0 + 4 + $1.name.utf8.count + $1.value.utf8.count }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(head + body.count)
        func append(_ number: Int) {
            bytes.append(UInt8(truncatingIfNeeded: number >> 8))
            bytes.append(UInt8(truncatingIfNeeded: number))
        }
        bytes.append(mark)
        append(status)
        append(fields.count)
        for field in fields {
            for text in [field.name, field.value] {
                append(text.utf8.count)
                bytes.append(contentsOf: text.utf8)
            }
        }
        bytes.append(contentsOf: body)
        return bytes
    }

    /// Reads what a record keeps.
    ///
    /// - Throws: `IdempotencyError` with `resultNotKept` if nothing was kept of the response, or with `undecodableResult` if it is
    ///   none.
    init(_ kept: StoredValue) throws(IdempotencyError) {
        switch kept {
        case .bytes(let bytes):
            guard let response = Self.read(bytes) else {
                throw IdempotencyError(
                    code: .undecodableResult,
                    message:
                        "What is kept under the key is no HTTP response that this release can read. Nothing ran; look whether "
                        + "a newer release, or a handler outside of HTTP, uses the same scope."
                )
            }
            self = response
        case .omitted, .void:
            // Nothing at all is what a person keeps who has found out that it is done, and not with what response.
            throw Self.notKept
        case .encoded:
            throw IdempotencyError(
                code: .undecodableResult,
                message:
                    "What is kept under the key is no HTTP response. Nothing ran; give handlers outside of HTTP another scope."
            )
        }
    }

    private static func read(_ bytes: [UInt8]) -> KeptResponse? {
        bytes.withUnsafeBufferPointer { bytes in
            var rest = bytes[...]
            func number() -> Int? {
                guard let high = rest.popFirst(), let low = rest.popFirst() else { return nil }
                return Int(high) << 8 | Int(low)
            }
            func text() -> String? {
                guard let count = number(), rest.count >= count else { return nil }
                defer { rest = rest.dropFirst(count) }
                let text = UnsafeBufferPointer(rebasing: rest.prefix(count))
                // Nearly all are ASCII, which needs no look at what is valid.
                if text.allSatisfy({ $0 < 0x80 }) { return String(decoding: text, as: UTF8.self) }
                return String(validating: text, as: UTF8.self)
            }
            guard let mark = rest.popFirst(), let status = number(), (100...999).contains(status), let count = number()
            else { return nil }
            var fields: [HeaderField] = []
            for _ in 0..<count {
                guard let name = text(), let value = text() else { return nil }
                fields.append(HeaderField(name, value))
            }
            return switch mark {
            case wholeMark: .whole(HTTPAnswer(status: status, fields: fields, body: Array(rest)))
            case withoutBodyMark where rest.isEmpty: .withoutBody(status: status, fields)
            default: nil
            }
        }
    }
}
