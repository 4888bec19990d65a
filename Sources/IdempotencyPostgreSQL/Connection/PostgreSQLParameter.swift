#if PostgreSQL
internal import Idempotency
internal import IdempotencySQL

/// A parameter of a statement, as it travels.
@available(Idempotency 0.1, *)
struct PostgreSQLParameter: Sendable {
    /// `nil`: `NULL`.
    let bytes: [UInt8]?
    /// The type; zero: the server finds out.
    let type: UInt32
    let isBinary: Bool

    private init(bytes: [UInt8]?, type: UInt32, isBinary: Bool) {
        self.bytes = bytes
        self.type = type
        self.isBinary = isBinary
    }

    static func integer(_ value: Int64) -> PostgreSQLParameter {
        PostgreSQLParameter(bytes: value.bigEndianBytes, type: 20, isBinary: true)
    }

    static func text(_ value: String) -> PostgreSQLParameter {
        PostgreSQLParameter(bytes: Array(value.utf8), type: 25, isBinary: true)
    }

    static func bytes(_ value: [UInt8]) -> PostgreSQLParameter {
        PostgreSQLParameter(bytes: value, type: 17, isBinary: true)
    }

    static func array(_ array: PostgreSQLArray) -> PostgreSQLParameter {
        PostgreSQLParameter(bytes: array.bytes, type: array.element.arrayType, isBinary: true)
    }

    /// The element of an array that has but one, as a plain value.
    static func element(of array: PostgreSQLArray) -> PostgreSQLParameter {
        PostgreSQLParameter(bytes: array.onlyElement, type: array.element.rawValue, isBinary: true)
    }

    /// A value of the store's own, whose type is known.
    static func typed(_ value: SQLValue) -> PostgreSQLParameter {
        switch value {
        case .integer(let number): integer(number)
        case .text(let text): self.text(text)
        case .bytes(let bytes): self.bytes(bytes)
        case .null, .boolean, .double: self.value(value)
        }
    }

    /// A handler's value: as text whose type the server finds out, except bytes, which are known as such.
    static func value(_ value: SQLValue) -> PostgreSQLParameter {
        func untyped(_ text: String?) -> PostgreSQLParameter {
            PostgreSQLParameter(bytes: text.map { Array($0.utf8) }, type: 0, isBinary: false)
        }
        return switch value {
        case .null: untyped(nil)
        case .boolean(let value): untyped(value ? "true" : "false")
        case .integer(let value): untyped(String(value))
        case .double(let value): untyped(String(value))
        case .text(let value): untyped(value)
        case .bytes(let value): bytes(value)
        }
    }
}

/// An array of one dimension in PostgreSQL's binary form (`array_send` in src/backend/utils/adt/arrayfuncs.c).
@available(Idempotency 0.1, *)
struct PostgreSQLArray: Sendable {
    enum Element: UInt32 {
        case bytes = 17
        case integer = 20
        case text = 25

        var arrayType: UInt32 {
            switch self {
            case .bytes: 1001
            case .integer: 1016
            case .text: 1009
            }
        }
    }

    /// How many bytes stand before the first element.
    private static let head = 20

    let element: Element
    /// The whole array, when all elements are there.
    fileprivate private(set) var bytes: [UInt8] = []

    /// - Parameters:
    ///   - calls: What has an element each.
    ///   - append: Appends a call's element: one, and no more.
    init<Call>(_ element: Element, of calls: some Collection<Call>, append: (inout PostgreSQLArray, Call) -> Void) {
        self.element = element
        // About what a key's value takes, or a record without a long result.
        let size =
            switch element {
            case .bytes: 192
            case .integer: 8
            case .text: 40
            }
        bytes.reserveCapacity(Self.head + calls.count * (4 + size))
        // One dimension, elements that may be null, their type, how many they are, the first one's number.
        for number in [1, 1, element.rawValue, UInt32(calls.count), 1] { bytes.append(number) }
        for call in calls { append(&self, call) }
    }

    /// The bytes of the element, if there is but one; `nil`: `NULL`.
    fileprivate var onlyElement: [UInt8]? {
        let start = Self.head + 4
        // A length of −1 stands for NULL.
        return bytes[Self.head] == 0xFF ? nil : Array(bytes[start...])
    }

    mutating func append(_ value: Int64?) {
        begin(value == nil ? nil : 8)
        if let value { bytes.append(UInt64(bitPattern: value)) }
    }

    mutating func append(_ text: String?) {
        begin(text?.utf8.count)
        if let text { bytes.append(contentsOf: text.utf8) }
    }

    /// Appends a key's value.
    mutating func append(valueOf key: IdempotencyKey) {
        key.withValueBytes { value in
            begin(value.count)
            bytes.append(contentsOf: value)
        }
    }

    mutating func append(_ value: [UInt8]?) {
        begin(value?.count)
        if let value { bytes.append(contentsOf: value) }
    }

    private mutating func begin(_ length: Int?) {
        bytes.append(length.map { UInt32($0) } ?? .max)
    }
}

extension FixedWidthInteger {
    /// The bytes in the order in which they travel.
    var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}

extension [UInt8] {
    fileprivate mutating func append(_ number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
    }
}
#endif
