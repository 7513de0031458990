import Glibc
import Testing

@testable import Settings

@Suite("Files that the configuration names")
struct FileTests {
    /// A folder that goes with its owner.
    private final class Folder {
        let path: String

        init() throws {
            var template = Array("/tmp/mailrace-settings-XXXXXX".utf8CString)
            path = try #require(mkdtemp(&template).map { String(cString: $0) })
        }

        deinit {
            for name in ["m.toml", "c.pem", "k.pem", "password", "ca.pem", "c2.pem", "k2.pem", "password2"] {
                unlink("\(path)/\(name)")
            }
            rmdir(path)
        }

        func write(_ name: String, _ text: String) throws -> String {
            let file = try #require(fopen("\(path)/\(name)", "w"))
            fputs(text, file)
            fclose(file)
            return "\(path)/\(name)"
        }
    }

    private func configuration(_ folder: Folder) -> String {
        """
        \(relay)listen = ["127.0.0.1:25"]
        tls = "a"
        [tls.a]
        certificate = "\(folder.path)/c.pem"
        key = ["\(folder.path)/k.pem"]
        key_password_file = "\(folder.path)/password"
        """
    }

    @Test func commandsThatDoNotServeOpenNone() throws {
        let folder = try Folder()
        let text = configuration(folder) + "\n[runtime]\ncontrol_socket = \"/x/y.sock\"\n"
        let sources = SettingsSources(file: try folder.write("m.toml", text))
        #expect(throws: SettingsProblems.self) { try Settings.load(sources) }
        #expect(try Settings.readAlone(sources).runtime.controlSocket?.text == "/x/y.sock")
    }

    @Test func areRead() throws {
        let folder = try Folder()
        let certificate = try folder.write("c.pem", "certificate")
        _ = try folder.write("k.pem", "key")
        _ = try folder.write("password", "secret\r\nnote\n")
        let file = try folder.write("m.toml", configuration(folder))

        let loaded = try Settings.load(SettingsSources(file: file))
        #expect(loaded.file == file)
        let files = try #require(loaded.tlsFiles.first)
        #expect(files.name == "a")
        #expect(files.identity.certificates.map(\.path) == [certificate])
        #expect(files.identity.certificates.map(\.bytes) == [Array("certificate".utf8)])
        #expect(files.identity.keys.map(\.bytes) == [Array("key".utf8)])
        #expect(files.identity.keyPassword == Array("secret".utf8))
        #expect(!loaded.printed().contains("secret"))
        let problem = loaded.problem(with: files.identity.keys[0].key, index: files.identity.keys[0].index, "no match")
        #expect(problem.description == "\(file):9:8: tls.a.key: no match")
        #expect(loaded.problem(with: "tls.a.key", index: 7, "x").description == "\(file):9:7: tls.a.key: x")
        #expect(loaded.problem(with: "runtime.shards", "x").description == "runtime.shards: x")
    }

    /// More keys of the set `a`, and an upstream with files.
    @Test func mayBeCredentialsOfTheServiceManager() throws {
        let folder = try Folder()
        _ = try folder.write("c.pem", "certificate")
        _ = try folder.write("k.pem", "key")
        _ = try folder.write("password", "secret")
        let text = configuration(folder).replacing(folder.path, with: "$CREDENTIALS_DIRECTORY")
        let file = try folder.write("m.toml", text)

        let variables = ["CREDENTIALS_DIRECTORY": folder.path]
        let loaded = try Settings.load(SettingsSources(file: file, environment: variables))
        #expect(loaded.tlsFiles[0].identity.keys.map(\.bytes) == [Array("key".utf8)])
        #expect(loaded.tlsFiles[0].identity.keys.map(\.path) == ["$CREDENTIALS_DIRECTORY/k.pem"])
        _ = try folder.write("k.pem", "another")
        let again = try loaded.withFilesReadAgain()
        #expect(again.tlsFiles[0].identity.keys.map(\.bytes) == [Array("another".utf8)])

        #expect {
            try Settings.load(SettingsSources(file: file))
        } throws: { error in
            (error as? SettingsProblems)?.list.map(\.description).dropFirst().first
                == "\(file):9:8: tls.a.key: cannot read \"$CREDENTIALS_DIRECTORY/k.pem\": CREDENTIALS_DIRECTORY is not "
                + "set; systemd sets it where the unit has LoadCredential="
        }
    }

    private func more(_ folder: Folder) -> String {
        """
        client_ca = "\(folder.path)/ca.pem"
        client_certificates = "request"
        [[tls.a.sni]]
        names = ["b.example"]
        certificate = "\(folder.path)/c2.pem"
        key = ["\(folder.path)/k2.pem"]
        key_password_file = "\(folder.path)/password2"
        [upstream.b]
        servers = ["b.example"]
        tls_ca = "\(folder.path)/ca.pem"
        tls_certificate = "\(folder.path)/c2.pem"
        tls_key = "\(folder.path)/k2.pem"
        tls_key_password_file = "\(folder.path)/password2"
        """
    }

    @Test func ofServerNamesClientsAndUpstreamsAreRead() throws {
        let folder = try Folder()
        for name in ["c.pem", "k.pem", "password", "ca.pem", "c2.pem", "k2.pem", "password2"] {
            _ = try folder.write(name, "\(name)\n")
        }
        let file = try folder.write("m.toml", "\(configuration(folder))\n\(more(folder))")
        let loaded = try Settings.load(SettingsSources(file: file))
        let set = try #require(loaded.tlsFiles.first)
        #expect(set.clientCA?.bytes == Array("ca.pem\n".utf8))
        #expect(set.sni.map { $0.certificates.map(\.path) } == [["\(folder.path)/c2.pem"]])
        #expect(set.sni.map { $0.keys.map(\.bytes) } == [[Array("k2.pem\n".utf8)]])
        #expect(set.sni.map(\.keyPassword) == [Array("password2".utf8)])
        #expect(loaded.upstreamFiles.map(\.name) == ["backend", "b"])
        #expect(loaded.upstreamFiles[0].ca == nil && loaded.upstreamFiles[0].identity.certificates.isEmpty)
        let upstream = loaded.upstreamFiles[1]
        #expect(upstream.ca?.bytes == Array("ca.pem\n".utf8) && upstream.ca?.key == "upstream.b.tls_ca")
        #expect(upstream.identity.certificates.map(\.path) == ["\(folder.path)/c2.pem"])
        #expect(upstream.identity.keys.map(\.key) == ["upstream.b.tls_key"])
        #expect(upstream.identity.keyPassword == Array("password2".utf8))
        let key = set.sni[0].keys[0]
        #expect(
            loaded.problem(with: key.key, index: key.index, "no match").description
                == "\(file):16:8: tls.a.sni.key: no match")
    }

    @Test func ofServerNamesClientsAndUpstreamsAreReported() throws {
        let folder = try Folder()
        for name in ["c.pem", "k.pem", "password"] { _ = try folder.write(name, name) }
        let file = try folder.write("m.toml", "\(configuration(folder))\n\(more(folder))")
        let problems = #expect(throws: SettingsProblems.self) { try Settings.load(SettingsSources(file: file)) }
        let places = [
            ("11:13: tls.a.client_ca", "ca.pem"), ("15:15: tls.a.sni.certificate", "c2.pem"),
            ("16:8: tls.a.sni.key", "k2.pem"), ("17:21: tls.a.sni.key_password_file", "password2"),
            ("20:10: upstream.b.tls_ca", "ca.pem"), ("21:19: upstream.b.tls_certificate", "c2.pem"),
            ("22:11: upstream.b.tls_key", "k2.pem"), ("23:25: upstream.b.tls_key_password_file", "password2"),
        ]
        #expect(
            problems?.list.map(\.description)
                == places.map { place, name in
                    "\(file):\(place): cannot read \"\(folder.path)/\(name)\": No such file or directory"
                })
    }

    @Test func foldersAndWhatIsBehindFilesAreReported() throws {
        let folder = try Folder()
        let certificate = try folder.write("c.pem", "certificate")
        let options = ["tls.a.certificate=\(folder.path)", "tls.a.key=\(certificate)/k.pem"]
        let text = "\(relay)listen = [\"127.0.0.1:25\"]"
        let file = try folder.write("m.toml", text)
        let problems = #expect(throws: SettingsProblems.self) {
            try Settings.load(SettingsSources(file: file, options: options))
        }
        #expect(
            problems?.list.map(\.description) == [
                "--set: tls.a.certificate: cannot read \"\(folder.path)\": Is a directory",
                "--set: tls.a.key: cannot read \"\(certificate)/k.pem\": Not a directory",
            ])
    }

    @Test func areReportedTogetherWithAllElse() throws {
        let folder = try Folder()
        let file = try folder.write("m.toml", "\(configuration(folder))\nx = 1")
        _ = try folder.write("k.pem", String(repeating: "k", count: (1 << 20) + 1))
        let problems = #expect(throws: SettingsProblems.self) { try Settings.load(SettingsSources(file: file)) }
        #expect(
            problems?.list.map(\.description) == [
                "\(file):8:15: tls.a.certificate: cannot read \"\(folder.path)/c.pem\": No such file or directory",
                "\(file):9:8: tls.a.key: cannot read \"\(folder.path)/k.pem\": the file is longer than 1024 KiB",
                "\(file):10:21: tls.a.key_password_file: cannot read \"\(folder.path)/password\": No such file"
                    + " or directory",
                "\(file):11:1: tls.a.x: unknown key",
            ])
    }

    /// The other end of a pipe may be held by somebody who never writes.
    @Test func aPipeIsReadToItsEndOrGivenUp() throws {
        let folder = try Folder()
        let path = "\(folder.path)/m.toml"
        mkfifo(path, 0o600)
        #expect(try FileReader.read(path, bytesMax: 100) == [])
        let end = open(path, O_RDWR)
        defer { close(end) }
        write(end, "half", 4)
        let error = #expect(throws: FileReader.Failure.self) {
            try FileReader.read(path, bytesMax: 100, patienceMilliseconds: 20)
        }
        #expect(error?.description == "Connection timed out")
    }

    /// An editor may take the file away for a moment, and a reload come in that moment.
    @Test func aConfigurationThatWasThereMustStayThere() throws {
        let folder = try Folder()
        let file = try folder.write("m.toml", "\(relay)listen = [\"127.0.0.1:25\"]")
        let loaded = try Settings.load(SettingsSources(), standardFile: file)
        let again = loaded.sourcesAgain(SettingsSources(options: ["runtime.shards=1"]))
        #expect(try Settings.load(again, standardFile: file).settings.runtime.shards == 1)
        unlink(file)
        let problems = #expect(throws: SettingsProblems.self) { try Settings.load(again, standardFile: file) }
        #expect(problems?.description == "\(file): cannot read the file: No such file or directory")
    }

    @Test func aConfigurationMayComeLater() throws {
        let folder = try Folder()
        let path = "\(folder.path)/m.toml"
        let loaded = try Settings.load(SettingsSources(), standardFile: path)
        #expect(loaded.file == nil)
        _ = try folder.write("m.toml", "\(relay)listen = [\"127.0.0.1:25\"]")
        let again = try Settings.load(loaded.sourcesAgain(SettingsSources()), standardFile: path)
        #expect(again.file == path)
    }

    @Test(arguments: [
        ("/nonexistent/m.toml", "No such file or directory"), ("/", "Is a directory"),
        ("/dev/zero", "the file is longer than 1024 KiB"),
    ])
    func aNamedConfigurationMustBeThere(_ file: String, _ reason: String) {
        let problems = #expect(throws: SettingsProblems.self) { try Settings.load(SettingsSources(file: file)) }
        #expect(problems?.description == "\(file): cannot read the file: \(reason)")
    }
}
