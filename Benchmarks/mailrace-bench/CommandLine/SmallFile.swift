import Glibc
import TLS

/// Files that are read, or written, whole: certificates and keys, reports.
enum SmallFile {
    static let limitBytes = 1 << 20

    static func read(_ path: String, limitBytes: Int = limitBytes) throws(Unavailable) -> TLSFile {
        guard let file = fopen(path, "rbe") else { throw Unavailable("\(path): \(String(cString: strerror(errno)))") }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: limitBytes + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        guard ferror(file) == 0, count <= limitBytes else {
            throw Unavailable("\(path): cannot be read, or is longer than \(limitBytes) bytes")
        }
        return TLSFile(name: path, bytes: Array(bytes[..<count]))
    }

    static func write(_ text: String, to path: String) throws(Unavailable) {
        guard let file = fopen(path, "wbe") else { throw Unavailable("\(path): \(String(cString: strerror(errno)))") }
        let isWritten = fputs(text, file) >= 0
        guard fclose(file) == 0, isWritten else { throw Unavailable("\(path): cannot be written") }
    }
}
