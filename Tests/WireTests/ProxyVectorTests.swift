import Glibc
import Testing
import Wire

/// Headers that other programs test themselves with, where they lie beside the checkout.
@Suite struct ProxyVectorTests {
    struct Vector {
        var id: String
        var stream: [UInt8]
        var isAccepted: Bool
        var client: String?
        var port: String?
    }

    /// Postfix takes an IPv4 address with leading zeros; section 2.1 of the specification does not permit them.
    static let stricter: Set<String> = ["pp009"]

    @Test("Foreign vectors are taken and refused as their authors do")
    func vectors() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        guard let text = contents(of: "/\(root)/../shared/suites/proxy/vectors-dev.json") else {
            print("skipped: there are no vectors of the PROXY protocol beside this checkout")
            return
        }
        let vectors = Self.vectors(in: text)
        #expect(!vectors.isEmpty)
        for vector in vectors {
            let (outcome, _) = firstOutcome(vector.stream)
            guard vector.isAccepted, !Self.stricter.contains(vector.id) else {
                if case .header = outcome { Issue.record("\(vector.id) is taken") }
                continue
            }
            guard case .header(let header, vector.stream.count) = outcome,
                case .proxied(let source, _) = header.origin
            else {
                Issue.record("\(vector.id): \(outcome)")
                continue
            }
            #expect(vector.client.flatMap(IPAddress.init) == source.address, "\(vector.id)")
            #expect(vector.port == "\(source.port)", "\(vector.id)")
        }
    }

    /// The file has one member a line.
    private static func vectors(in text: String) -> [Vector] {
        text.split(separator: "{").dropFirst().map { object in
            func member(_ name: String) -> String? {
                let line = object.split(separator: "\n").first { $0.hasPrefix("  \"\(name)\": ") }
                let value = line?.dropFirst(name.utf8.count + 6).drop { $0 == "\"" }
                return value.map { String($0.prefix { $0 != "\"" && $0 != "," }) }
            }
            let digits = Array((member("hex") ?? "").utf8)
            let stream = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
                UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
            }
            return Vector(
                id: member("id") ?? "", stream: stream, isAccepted: member("expect") == "accept",
                client: member("client"), port: member("port"))
        }
    }
}

/// A file as text; nil where it cannot be opened.
private func contents(of path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    while case let byte = fgetc(file), byte != EOF { bytes.append(UInt8(byte)) }
    return String(decoding: bytes, as: UTF8.self)
}
