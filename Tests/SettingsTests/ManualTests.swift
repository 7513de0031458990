import Glibc
import Testing

@testable import Settings

@Suite("The manual page and the packaged file")
struct ManualTests {
    /// Keys that all listeners share are those of a listener, and its timeouts are those of all.
    private static let keys = SettingsKey.all.filter {
        !$0.path.hasPrefix("listener_defaults.") && !$0.path.hasPrefix("listener.NAME.timeouts.")
    }

    private func packagingFile(_ name: String) throws -> String {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return String(decoding: try FileReader.read("/\(root)/packaging/\(name)", bytesMax: 1 << 20), as: UTF8.self)
    }

    @Test func theManualHasEveryKeyWithItsDefault() throws {
        var table = ""
        var found: [String: String] = [:]
        for line in try packagingFile("man/mailrace.toml.5").split(separator: "\n") {
            if line.hasPrefix(".SS ") {
                let name = line.dropFirst(4).filter { $0 != "[" && $0 != "]" }
                table = name == "Top level" ? "" : name
            }
            guard line.hasPrefix("\\fB"), let end = line.firstRange(of: "\\fR ") else { continue }
            let key = SettingsKey.join(table, String(line[..<end.lowerBound].dropFirst(3)))
            #expect(found[key] == nil, "\(key) twice")
            found[key] = String(line[end.upperBound...].filter { $0 != "\\" })
        }
        #expect(Set(found.keys) == Set(Self.keys.map(\.path)))
        for key in Self.keys {
            let standard = key.standard.map { "= \($0)" } ?? "(required)"
            #expect(found[key.path] == standard, "\(key.path)")
        }
    }

    /// The configurations of a page or a file: runs of lines that begin with a mark, of which one is a listener.
    private func examples(_ name: String, mark: String, folder: String = "packaging") throws -> [String] {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let bytes = try FileReader.read("/\(root)/\(folder)/\(name)", bytesMax: 1 << 20)
        var examples = [""]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix(mark) {
                examples[examples.count - 1] += "\(line.dropFirst(mark.count))\n"
            } else if !line.allSatisfy({ $0 == " " || $0 == "#" }) {
                examples.append("")
            }
        }
        return examples.filter { $0.contains("[listener.") }
    }

    /// As `mailrace check` does, but for the files that they name.
    @Test(arguments: [
        ("README.md", "    ", "."), ("mailrace.toml", "#     ", "packaging"), ("man/mailrace.toml.5", "", "packaging"),
    ])
    func examplesAreGood(_ name: String, _ mark: String, _ folder: String) throws {
        var found = try examples(name, mark: mark, folder: folder)
        if mark.isEmpty {
            let text = try #require(found.first)
            let start = try #require(text.firstRange(of: ".nf\n[tls.default]")).lowerBound
            let rest = text[start...].dropFirst(4)
            let end = try #require(rest.firstRange(of: ".fi")).lowerBound
            found = [String(rest[..<end]).replacing("\\(dq", with: "\"")]
        }
        #expect(!found.isEmpty)
        for example in found { #expect(problems(example) == [], "\(example)") }
    }

    // MARK: The migration page

    /// All that the mail modules of nginx have, and what Angie has besides.
    private static let directives = [
        "server", "listen", "protocol", "server_name", "timeout", "resolver", "resolver_timeout", "max_errors",
        "error_log", "max_commands", "error_log_user_tag", "smtp_auth", "smtp_capabilities", "smtp_client_buffer",
        "smtp_greeting_delay", "auth_http", "auth_http_timeout", "auth_http_header", "auth_http_pass_client_cert",
        "proxy", "proxy_buffer", "proxy_timeout", "proxy_pass_error_message", "xclient", "proxy_smtp_auth",
        "proxy_protocol", "starttls", "ssl_certificate", "ssl_certificate_key", "ssl_password_file",
        "ssl_certificate_compression", "ssl_dhparam", "ssl_ecdh_curve", "ssl_protocols", "ssl_ciphers",
        "ssl_prefer_server_ciphers", "ssl_session_cache", "ssl_session_tickets", "ssl_session_ticket_key",
        "ssl_session_timeout", "ssl_verify_client", "ssl_verify_depth", "ssl_client_certificate",
        "ssl_trusted_certificate", "ssl_crl", "ssl_conf_command", "set_real_ip_from",
        "loglevel:", "listen:", "domain:", "read_timeout:", "write_timeout:", "max_message_bytes:", "max_recipients:",
        "recipient_delimiter:", "tls_cert:", "tls_key:", "mappings:", "type: static", "type: csv", "type: sql",
    ]

    @Test func everyDirectiveHasItsKeyOrSaysWhyNot() throws {
        var directive = ""
        var told: [String: String] = [:]
        for line in try packagingFile("man/mailrace-migration.7").split(separator: "\n") {
            if line.hasPrefix(".S") { directive = "" }
            if line.hasPrefix("\\fB"), let end = line.firstRange(of: "\\fR") {
                directive = String(line[..<end.lowerBound].dropFirst(3).filter { $0 != "\\" })
                #expect(told[directive] == nil, "\(directive) twice")
                told[directive] = ""
            } else if !directive.isEmpty {
                told[directive, default: ""] += line
            }
        }
        #expect(Set(told.keys) == Set(Self.directives))
        for (directive, text) in told where directive != "server" {
            #expect(text.contains("\\fI") || text.hasPrefix("none"), "\(directive)")
        }
    }

    @Test func theMigrationPageNamesKeysThatExist() throws {
        let paths = Set(SettingsKey.all.map(\.path))
        var rest = try packagingFile("man/mailrace-migration.7")[...]
        var count = 0
        while let start = rest.firstRange(of: "\\fI"), let end = rest[start.upperBound...].firstRange(of: "\\fR") {
            #expect(paths.contains(rest[start.upperBound..<end.lowerBound].filter { $0 != "\\" }))
            rest = rest[end.upperBound...]
            count += 1
        }
        #expect(count > 40)
    }

    @Test func itsExamplesAreGood() throws {
        var rest = try packagingFile("man/mailrace-migration.7")[...]
        var count = 0
        while let start = rest.firstRange(of: ".nf\nhostname") {
            rest = rest[start.lowerBound...].dropFirst(4)
            let end = try #require(rest.firstRange(of: ".fi")).lowerBound
            let example = String(rest[..<end]).replacing("\\(dq", with: "\"").replacing("\\-", with: "-")
            #expect(problems(example) == [], "\(example)")
            count += 1
        }
        #expect(count == 2)
    }

    @Test func theExampleOfRoutesIsGood() throws {
        #expect(problems(try packagingFile("examples/routes.toml")) == [])
    }

    @Test func thePackagedFileIsAComment() throws {
        #expect(problems(try packagingFile("mailrace.toml")) == ["m.toml: no listener; add a table [listener.NAME]"])
    }

    @Test func thePackagedFileHasEveryKeyWithItsDefault() throws {
        var table = ""
        var found: [String: String] = [:]
        var lines: [Substring] = []
        var shortest: [Substring] = []
        for line in try packagingFile("mailrace.toml").split(separator: "\n")
        where line.hasPrefix("#") && line.count > 1 && !line.hasPrefix("# ") {
            let text = line.dropFirst()
            lines.append(text)
            if text.hasPrefix("[") {
                table = text.split(separator: ".").map { part in
                    let name = part.filter { $0 != "[" && $0 != "]" }
                    return ["default", "mx", "backend", "site", "customers"].contains(name) ? "NAME" : name
                }.joined(separator: ".")
            } else {
                let equals = try #require(text.firstRange(of: " = "))
                let key = SettingsKey.join(table, String(text[..<equals.lowerBound]))
                if table.isEmpty, key.contains(".") {
                    shortest.append(lines.removeLast())
                    continue
                }
                #expect(found[key] == nil, "\(key) twice")
                found[key] = String(text[equals.upperBound...])
            }
        }
        // A route has no default, and the listener of the file is of a depth that has none.
        let keys = Self.keys.map(\.path).filter { !$0.hasPrefix("listener.NAME.route.") }
        #expect(Set(found.keys) == Set(keys))
        for key in Self.keys where key.standard?.hasPrefix("\"") ?? false { #expect(found[key.path] == key.standard) }

        // README.md promises that no more than three lines are to be edited.
        #expect(shortest.count == 3)
        #expect(problems(shortest.joined(separator: "\n")) == [])

        let file = try read(lines.joined(separator: "\n"))
        let plain = try read(
            """
            hostname = "mx.example.com"
            [tls.default]
            certificate = "/etc/mailrace/tls/fullchain.pem"
            key = "/etc/mailrace/tls/key.pem"
            [[tls.default.sni]]
            names = ["mail.example.org", "*.example.net"]
            certificate = "/etc/mailrace/tls/example.org.pem"
            key = "/etc/mailrace/tls/example.org.key"
            [listener.mx]
            listen = ["[::]:25"]
            upstream = "backend"
            [upstream.backend]
            servers = ["mx2.internal", "10.0.0.5:25", "[2001:db8::5]:25"]
            [authenticator.site]
            type = "http"
            url = "http://127.0.0.1:9000/auth"
            [map.customers]
            type = "csv"
            file = "/etc/mailrace/customers.csv"
            """
        ).settings
        #expect(file.settings == plain)
    }
}
