/// Money that was taken.
struct Charge: Encodable, Sendable {
    /// The place in the book, from 1.
    let number: Int
    let side: Side
    let user: String
    let order: String
    /// In cents.
    let amount: Int
}

/// The two halves of the page: the same handler without the library and with it.
enum Side: String, Encodable, Sendable {
    case without
    case with
}
