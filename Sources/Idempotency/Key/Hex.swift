/// Lower-case hexadecimal digits.
package enum Hex {
    private static let alphabet = Array("0123456789abcdef".utf8)

    static func digits(of byte: UInt8) -> [UInt8] {
        [alphabet[Int(byte >> 4)], alphabet[Int(byte & 15)]]
    }

    package static func text(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.flatMap(digits(of:)), as: UTF8.self)
    }
}
