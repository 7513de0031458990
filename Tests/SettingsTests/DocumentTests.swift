import Testing

@testable import Settings

@Suite("The text of the file")
struct DocumentTests {
    private let good = "\(relay)listen = [\"127.0.0.1:25\"]\n"

    @Test func linesMayEndInCRLF() throws {
        let text = good.split(separator: "\n").joined(separator: "\r\n")
        #expect(try read(text).settings == read(good).settings)
        #expect(problems("\(text)\r\nx = 1") == ["m.toml:6:1: listener.mx.x: unknown key"])
    }

    @Test func aByteOrderMarkIsSkipped() throws {
        #expect(try read("\u{FEFF}\(good)").settings == read(good).settings)
    }

    @Test(arguments: [
        ("a = 1\na = 2\n", "m.toml:2:"), ("a = [1\n", "m.toml:"), ("a = \"\u{1}\"", "m.toml:1:"),
        ("\0", "m.toml:1:1: "),
        ("[a]\n[a]\n", "m.toml:2:"), ("a = 99999999999999999999", "m.toml:1:"),
    ])
    func syntaxHasAPlace(_ text: String, _ place: String) {
        let found = problems(text)
        #expect(found.count == 1 && found[0].hasPrefix(place), "\(found)")
    }

    @Test func bytesThatAreNoUTF8AreRefused() {
        #expect(throws: SettingsProblems.self) {
            try Settings.read(Array("a = \"".utf8) + [0xC3, 0x28, 0x22], file: "m.toml")
        }
    }

    @Test func aFileHasALimit() {
        let text = good + String(repeating: "#", count: TomlText.bytesMax - good.utf8.count)
        #expect(problems(text) == [])
        #expect(problems(text + "#") == ["m.toml: the file is longer than 1 MiB"])
    }

    @Test(arguments: [
        ("a = " + String(repeating: "[", count: 100_000), "m.toml:1:21: nested deeper than 16 levels"),
        ("a = " + String(repeating: "{b=", count: 17), "m.toml:1:53: nested deeper than 16 levels"),
        (String(repeating: "a.", count: 500_000) + "a = 1", "m.toml:1:32: nested deeper than 16 levels"),
        ("#\n[" + String(repeating: "'.' . ", count: 16) + "a]", "m.toml:2:96: nested deeper than 16 levels"),
        (
            "a = \"\\\\\\\"]\"\nb = '''\n'''''\nc = \"\"\"\n\\\n\\\"\"\"\"\n" + String(repeating: "c.", count: 16),
            "m.toml:7:32: nested deeper than 16 levels"
        ),
    ])
    func deepNestingIsRefused(_ text: String, _ problem: String) {
        #expect(problems(text) == [problem])
    }

    @Test(arguments: [
        "# \(String(repeating: "[", count: 99))\n", "#\(String(repeating: "a.", count: 99))\n",
        "hostname = 'a' # \(String(repeating: "{", count: 99))",
        "[log]\nfile = '\(String(repeating: "[.", count: 99))'",
        "[log]\nfile = \"\"\"\\\n\(String(repeating: "[.", count: 99))\"\"\"",
    ])
    func whatIsNotNestedIsNotCounted(_ text: String) {
        #expect(problems("\(text)\n\(good)") == [])
    }

    @Test func onlyOurTableOfASharedFileIsRead() throws {
        let text = """
            [other]
            anything = 1
            [mailrace.upstream.a]
            servers = ["127.0.0.2"]
            [mailrace.listener.b]
            listen = ["127.0.0.1:25"]
            upstream = "a"
            """
        #expect(try read(text).settings.listeners.map(\.name) == ["b"])
        #expect(problems("\(text)\nx = 1") == ["m.toml:8:1: listener.b.x: unknown key"])
        #expect(problems("[mailrace]\n[listener.mx]") == ["m.toml:1:1: no listener; add a table [listener.NAME]"])
    }

    @Test func tablesKeepTheOrderOfTheFile() throws {
        let text = """
            [upstream.z]
            servers = ["127.0.0.3", "[::1]:2525", "127.0.0.1:27"]
            [upstream.a]
            servers = ["127.0.0.1"]
            [listener.y]
            listen = ["127.0.0.1:26"]
            upstream = "a"
            [listener.b]
            listen = ["127.0.0.1:25"]
            upstream = "z"
            """
        let settings = try read(text).settings
        #expect(settings.listeners.map(\.name) == ["y", "b"])
        #expect(settings.upstreams.map(\.name) == ["z", "a"])
        #expect(settings.upstreams[0].servers.map(\.description) == ["127.0.0.3:25", "[::1]:2525", "127.0.0.1:27"])
    }

    @Test func thousandsOfProblemsAreCut() {
        let text = (0..<5_000).map { "k\($0) = 1\n" }.joined()
        #expect(problems(text).count == ProblemCollector.problemsMax)
    }
}
