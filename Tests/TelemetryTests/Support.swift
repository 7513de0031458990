import Glibc
import Testing

/// A folder that goes, with its files, when the test has ended.
final class TemporaryFolder {
    let path: String

    init() throws {
        var template = Array("/tmp/telemetry-tests.XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit {
        _ = try? run(["rm", "-r", path])
    }

    /// The lines of a file in the folder; each must end with LF.
    func lines(of name: String) throws -> [Substring] {
        var lines = try readFile(path + "/" + name).split(separator: "\n", omittingEmptySubsequences: false)
        try #require(lines.popLast()?.isEmpty == true)
        return lines
    }

    /// Waits, at most ten seconds, until the condition holds.
    func wait(until condition: () throws -> Bool) throws {
        let deadline = time(nil) + 10
        while try !condition() {
            try #require(time(nil) < deadline)
            sched_yield()
        }
    }
}

/// The text of a file.
func readFile(_ path: String) throws -> String {
    let file = try #require(fopen(path, "r"))
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
    return String(decoding: bytes, as: UTF8.self)
}

/// Lines out of a descriptor.
final class LineReader {
    private let descriptor: Int32
    private var rest: [UInt8] = []
    private var lines: ArraySlice<String> = []

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// The next line without its LF; waits for it. nil at the end of the input.
    func next() -> String? {
        while lines.isEmpty {
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else { return nil }
            rest += chunk[..<count]
            let parts = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            lines = parts.dropLast().map { String(decoding: $0, as: UTF8.self) }[...]
            rest = Array(parts.last ?? [])
        }
        return lines.popFirst()
    }
}

/// Runs a program and returns its exit status.
func run(_ words: [String]) throws -> Int32 {
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var process = pid_t()
    try #require(posix_spawnp(&process, words[0], nil, nil, &arguments, environ) == 0)
    var status: Int32 = 0
    try #require(waitpid(process, &status, 0) == process)
    return status
}
