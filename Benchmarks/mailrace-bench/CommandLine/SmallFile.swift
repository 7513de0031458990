import Glibc
import TLS

/// Files that are read whole: certificates and keys.
enum SmallFile {
    static let limitBytes = 1 << 20

    static func read(_ path: String) throws(Unavailable) -> TLSFile {
        guard let file = fopen(path, "rbe") else { throw Unavailable("\(path): \(String(cString: strerror(errno)))") }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: limitBytes + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        guard ferror(file) == 0, count <= limitBytes else {
            throw Unavailable("\(path): cannot be read, or is longer than \(limitBytes) bytes")
        }
        return TLSFile(name: path, bytes: Array(bytes[..<count]))
    }
}
