import Glibc
import Policy
import Testing
import Wire

/// Files of routes.
@Suite struct CSVTests {
    private func table(
        _ text: String, _ rules: CSVRules = CSVRules(subject: .recipient, upstreams: ["backend"]), split: Int? = nil
    ) throws -> CSVTable {
        var builder = CSVBuilder(rules)
        let bytes = Array(text.utf8)
        let middle = split ?? bytes.count
        try builder.add(bytes.span.extracting(0..<middle))
        try builder.add(bytes.span.extracting(middle..<bytes.count))
        try builder.finish()
        return CSVTable(builder)
    }

    private func server(_ table: CSVTable, _ key: String, _ kind: MapKey.Kind = .address) -> String? {
        table.entry(of: MapKey(kind, Array(key.utf8))).map { String(decoding: $0.server, as: UTF8.self) }
    }

    private static let file = """
        \u{FEFF}key;server;tls_verify\r
        # a comment; of; many; fields
          # another

        Joe@Example.COM ; 192.0.2.1:2525 ; true
        example.com;[2001:db8::1]:25;false\r
        "semi;colon@example.com";"backend";
        *.bücher.example;backend;;;
        .example.net;mx.example.net
        example.org;192.0.2.9
        postmaster@;backend;1
        example.org;192.0.2.10
        """

    @Test func saysWhatStandsInIt() throws {
        let table = try table(Self.file)
        #expect(table.count == 7 && table.reach.upstreams == ["backend"] && table.doubts.isEmpty)
        #expect(server(table, "Joe@example.com") == "192.0.2.1:2525" && server(table, "joe@example.com") == nil)
        #expect(table.entry(of: MapKey(.address, Array("Joe@example.com".utf8)))?.verifiesTLS == true)
        #expect(table.entry(of: MapKey(.domain, Array("example.com".utf8)))?.verifiesTLS == false)
        #expect(server(table, "semi;colon@example.com") == "backend")
        #expect(server(table, "*.xn--bcher-kva.example") == "backend")
        #expect(server(table, ".example.net") == "mx.example.net" && server(table, "example.net") == nil)
        #expect(server(table, "postmaster@") == "backend")
        // The last line of a key, and never the header.
        #expect(server(table, "example.org") == "192.0.2.10" && server(table, "key") == nil)
        #expect(table.entry(of: MapKey(.domain, Array("example.org".utf8)))?.verifiesTLS == nil)
    }

    @Test func isTheSameHoweverItComes() throws {
        let whole = try table(Self.file)
        for split in 0...Self.file.utf8.count {
            let parts = try table(Self.file, split: split)
            #expect(parts.count == whole.count && server(parts, "example.org") == "192.0.2.10")
        }
    }

    @Test(arguments: [
        ("h\na.example", "line 2: no semicolon stands behind the key"),
        ("h\n;192.0.2.1", "line 2: there is no key"),
        ("h\na.example;", "line 2: the server is none; expected one as in 192.0.2.1:25, or the name of an upstream"),
        (
            "h\n\n# c\na.example;b c",
            "line 4: the server is none; expected one as in 192.0.2.1:25, or the name of an upstream"
        ),
        ("h\na.example;b;maybe", "line 2: tls_verify is neither true nor false"),
        ("h\na.example;b;true;more", "line 2: more than three columns"),
        ("h\n@a.example;b", "line 2: nothing stands before the @ of the key; a domain stands alone"),
        ("h\n*.;b", "line 2: the key is neither an address nor a domain"),
        ("h\na b;c", "line 2: the key is neither an address nor a domain"),
        ("h\n*;b", "line 2: a map has no key for everybody; a route with an upstream takes whoever is left"),
        ("\0\0\0", "line 1: a control character is in it"),
        ("key;server\ra.example;b\r", "line 1: a control character is in it"),
        ("", "line 1: there is no header; the first line is one, also where no route follows"),
        ("\n# a comment\n", "line 3: there is no header; the first line is one, also where no route follows"),
    ])
    func aLineThatCannotBeReadIsNamed(_ text: String, _ problem: String) throws {
        let error = #expect(throws: CSVProblem.self) { try table(text) }
        #expect(error?.description == problem)
    }

    @Test func aLongLineIsRefused() {
        let error = #expect(throws: CSVProblem.self) { try table("h\n\(String(repeating: "a", count: 5_000));b") }
        #expect(error?.description == "line 2: the line is too long")
    }

    @Test func aHeaderThatIsARouteIsDoubtful() throws {
        let doubts = try table("joe@example.com;192.0.2.1").doubts
        #expect(doubts == ["line 1: it is taken for the header, and looks like a route"])
        for text in ["example.com;192.0.2.1", "example.com;mx.example.com", "example.com;mx:25", "*.a.example;backend"]
        {
            #expect(try table(text).doubts.count == 1, "\(text)")
        }
        for text in ["key;server", "recipient;host:port;tls", "domain;mx", "# c\nkey;server", "key"] {
            let table = try table(text)
            #expect(table.doubts.isEmpty && table.count == 0, "\(text)")
        }
    }

    @Test func serversNeedSettings() throws {
        let rules = CSVRules(subject: .recipient, upstreams: ["backend"], namesUpstreamsAlone: true)
        #expect(try table("h\na.example;backend", rules).count == 1)
        let error = #expect(throws: CSVProblem.self) { try table("h\na.example;mx.example", rules) }
        #expect(error?.line == 2)
    }

    @Test func ofNetworksTheSmallestCounts() throws {
        let text = "h\n192.0.2.0/24;a\n192.0.2.128/25;b\n0.0.0.0/0;c\n2001:db8::/32;d\n192.0.2.200;e"
        let table = try table(text, CSVRules(subject: .client))
        let found = ["192.0.2.1", "192.0.2.129", "198.51.100.1", "2001:db8::1", "2001:db9::1", "192.0.2.200"].map {
            server(table, $0, .client)
        }
        #expect(found == ["a", "b", "c", "d", nil, "e"])
        #expect(throws: CSVProblem.self) { try self.table("h\n192.0.2.1/24;a", CSVRules(subject: .client)) }
    }

    @Test func loginsAreNoAddresses() throws {
        let text = "h\nJoe@Example.com;a\nann;b"
        let exact = try table(text, CSVRules(subject: .login))
        #expect(server(exact, "Joe@Example.com", .login) == "a" && server(exact, "Ann", .login) == nil)
        let folded = try table(text, CSVRules(subject: .login, foldsLocalParts: true))
        #expect(server(folded, "joe@example.com", .login) == "a" && server(folded, "ann", .login) == "b")
    }

    @Test func manyLinesAreAllFound() throws {
        let lines = (0..<5_000).map { "u\($0)@example.com;192.0.2.1:\(1 + $0 % 7)" }
        let table = try table("h\n" + lines.joined(separator: "\n"))
        #expect(table.count == 5_000)
        let wrong = (0..<5_000).filter { server(table, "u\($0)@example.com") != "192.0.2.1:\(1 + $0 % 7)" }
        #expect(wrong.isEmpty && server(table, "u5000@example.com") == nil)
    }

    // MARK: Files that change

    private func write(_ text: String, to path: String) throws {
        let file = try #require(fopen(path + ".new", "w"))
        fputs(text, file)
        fclose(file)
        rename(path + ".new", path)
    }

    @Test func aFileIsReadAgainAndABadOneIsNot() throws {
        var template = Array("/tmp/mailrace-csv-XXXXXX".utf8CString)
        let folder = String(cString: try #require(mkdtemp(&template)))
        let path = "\(folder)/routes.csv"
        defer {
            unlink(path)
            rmdir(folder)
        }
        let store = CSVStore(path, CSVRules(subject: .recipient))
        #expect(store.refresh() && store.problem == "No such file or directory" && !store.refresh())
        try write("h\na.example;b", to: path)
        #expect(store.refresh() && store.problem == nil && store.count == 1 && !store.refresh())
        try write("h\na.example;b\nrubbish", to: path)
        #expect(store.refresh() && store.problem == "line 3: no semicolon stands behind the key")
        #expect(store.count == 1 && !store.refresh())
        unlink(path)
        #expect(store.refresh() && store.count == 1)
        try write("h\na.example;b\nb.example;c", to: path)
        #expect(store.refresh() && store.problem == nil && store.count == 2)
    }

    /// Half of it can look like a whole one.
    @Test func aFileThatIsBeingWrittenIsLookedAtLater() throws {
        var template = Array("/tmp/mailrace-csv-XXXXXX".utf8CString)
        let folder = String(cString: try #require(mkdtemp(&template)))
        let path = "\(folder)/routes.csv"
        defer {
            unlink(path)
            rmdir(folder)
        }
        let store = CSVStore(path, CSVRules(subject: .recipient))
        try write("h\na.example;b\nb.example;c", to: path)
        // Where there are no routes, any are better.
        #expect(store.look() == .new && store.count == 2)
        try write("h\na.example;b", to: path)
        #expect(store.look() == .later && store.count == 2)
        let old = [timespec(tv_sec: 1_000_000, tv_nsec: 0), timespec(tv_sec: 1_000_000, tv_nsec: 0)]
        #expect(utimensat(AT_FDCWD, path, old, 0) == 0)
        #expect(store.look() == .new && store.count == 1 && store.look() == .same)
        // Who never stops writing is not waited for without an end.
        let looks = (0..<20).map { _ in
            utimensat(AT_FDCWD, path, nil, 0)
            return store.look()
        }
        #expect(looks.contains(.new) && looks.contains(.later))
        unlink(path)
        #expect(store.look() == .new && store.problem != nil && store.count == 1)
    }
}
