/// Lines of a program that takes this for a web server: somebody has a browser send mail (cross-protocol requests).
public enum HTTPLine {
    private static let methods = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"]
        .map { [UInt8]($0.utf8) }
    private static let fields = ["HOST:", "USER-AGENT:", "ACCEPT:", "CONTENT-TYPE:", "CONTENT-LENGTH:"]
        .map { [UInt8]($0.utf8) }

    /// Whether a request or one of its fields begins like the line, in any case of letters. No command of SMTP does.
    public static func isOne(_ line: Span<UInt8>) -> Bool {
        methods.contains { begins(line, with: $0) && line.count > $0.count && line[$0.count] == .space }
            || fields.contains { begins(line, with: $0) }
    }

    private static func begins(_ line: Span<UInt8>, with word: [UInt8]) -> Bool {
        word.count <= line.count && word.indices.allSatisfy { line[$0].uppercased == word[$0] }
    }
}
