import Idempotency

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A file of requests, one JSON object a line: `{"key": "...", "user": "...", "amount": 123}`.
@available(Idempotency 0.1, *)
struct RequestFile: Sendable {
    /// A line's fields, each decoded by itself: the decoder does not always say which one was wrong.
    private struct Line: Decodable {
        private enum Field: String, CodingKey {
            case key, user, amount
        }

        let key: String
        let user: String
        let amount: Int

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: Field.self)
            func decode<Value: Decodable>(_ field: Field, or reason: String) throws(BadLine) -> Value {
                do {
                    return try fields.decode(Value.self, forKey: field)
                } catch DecodingError.keyNotFound {
                    throw BadLine(reason: "\(field.rawValue): missing")
                } catch {
                    throw BadLine(reason: "\(field.rawValue): \(reason)")
                }
            }
            key = try decode(.key, or: "not a valid text")
            user = try decode(.user, or: "not a valid text")
            amount = try decode(.amount, or: "not a whole number, or too large")
            guard amount >= 0 else { throw BadLine(reason: "amount: negative") }
        }
    }

    /// Why a line is no request. Never holds what the line says: a key is to be treated like a password.
    private struct BadLine: Error {
        let reason: String
    }

    /// Why the file cannot be read, in the system's words.
    struct Unreadable: Error {
        let reason: String
    }

    private(set) var requests: [ChargeRequest] = []
    /// The lines that are no requests, counted from 1, and why.
    private(set) var badLines: [(number: Int, reason: String)] = []

    init(path: String) throws(Unreadable) {
        self.init(contents: try Self.read(path))
    }

    init(contents: [UInt8]) {
        var bytes = contents[...]
        // Some editors put a byte order mark in front.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        let decoder = JSONDecoder()
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            // A line that ends in CR LF keeps the CR here. To JSON it is a blank like others.
            if line.allSatisfy({ [0x20, 0x09, 0x0D].contains($0) }) { continue }
            do {
                requests.append(try Self.request(line, decoder))
            } catch {
                badLines.append((number: index + 1, reason: error.reason))
            }
        }
    }

    private static func request(_ text: ArraySlice<UInt8>, _ decoder: JSONDecoder) throws(BadLine) -> ChargeRequest {
        // The decoder takes a zero byte for a sign of UTF-16, which cannot be split into lines like this.
        guard !text.contains(0) else { throw BadLine(reason: "not UTF-8") }
        let line: Line
        do {
            line = try decoder.decode(Line.self, from: Data(text))
        } catch let error as BadLine {
            throw error
        } catch {
            // In our own words: the decoder's may quote the line.
            throw BadLine(reason: "not a JSON object")
        }
        let scope: IdempotencyScope
        do {
            scope = try ChargeRequest.scope(of: line.user)
        } catch {
            throw BadLine(reason: "user: \(error.message)")
        }
        do {
            return ChargeRequest(key: try IdempotencyKey(scope: scope, value: line.key), amount: line.amount)
        } catch {
            throw BadLine(reason: "key: \(error.message)")
        }
    }

    /// All bytes of a file, or of a pipe: `/dev/stdin` works as well.
    private static func read(_ path: String) throws(Unreadable) -> [UInt8] {
        guard let file = fopen(path, "r") else { throw Unreadable(reason: String(cString: strerror(errno))) }
        defer { fclose(file) }
        var contents: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            contents += buffer[..<count]
        }
        guard ferror(file) == 0 else { throw Unreadable(reason: String(cString: strerror(errno))) }
        return contents
    }
}
