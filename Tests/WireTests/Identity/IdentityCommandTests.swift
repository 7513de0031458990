import Testing
import Wire

@Suite struct IdentityCommandTests {
    private static let everything = Set(IdentityAttribute.allCases)

    private var client: ClientIdentity {
        var client = ClientIdentity()
        client.name = .known(bytes("client.example"))
        client.address = .known(IPAddress(ipv4: 0xC000_0201))
        client.port = .known(4_711)
        client.dialogue = .known(.esmtp)
        client.helo = .known(bytes("laptop"))
        client.login = .known(bytes("u+v=w"))
        client.localAddress = .known(IPAddress("2001:db8::25")!)
        client.localPort = .known(587)
        client.identifier = .known(bytes("2ABC"))
        client.source = .known(.remote)
        return client
    }

    private func texts(_ lines: IdentityCommands.Lines) -> [String] {
        lines.lines.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func tellsWhatIsOfferedAndNothingElse() {
        #expect(
            texts(IdentityCommands.xclient(client, offered: Self.everything)) == [
                "XCLIENT ADDR=192.0.2.1 PORT=4711 NAME=client.example LOGIN=u+2Bv+3Dw HELO=laptop PROTO=ESMTP "
                    + "DESTADDR=IPV6:2001:db8::25 DESTPORT=587\r\n"
            ])
        #expect(
            texts(IdentityCommands.xclient(client, offered: [.address, .name]))
                == ["XCLIENT ADDR=192.0.2.1 NAME=client.example\r\n"])
        #expect(IdentityCommands.xclient(client, offered: []) == IdentityCommands.Lines())
        #expect(IdentityCommands.xclient(ClientIdentity(), offered: Self.everything) == IdentityCommands.Lines())
        #expect(
            texts(IdentityCommands.xforward(client, offered: Self.everything)) == [
                "XFORWARD NAME=client.example ADDR=192.0.2.1 PORT=4711 PROTO=ESMTP HELO=laptop IDENT=2ABC SOURCE=REMOTE\r\n"
            ])
    }

    @Test func saysThatSomethingIsNotThere() {
        var client = client
        client.name = .temporarilyUnavailable
        client.login = .unavailable
        #expect(
            texts(IdentityCommands.xclient(client, offered: [.name, .login]))
                == ["XCLIENT NAME=[TEMPUNAVAIL] LOGIN=[UNAVAILABLE]\r\n"])
    }

    @Test func aNameIsNoMarker() throws {
        for name in ["[UNAVAILABLE]", "[tempunavail]"] {
            var client = ClientIdentity()
            client.helo = .known(bytes(name))
            let line = IdentityCommands.xclient(client, offered: [.helo]).lines[0]
            #expect(line == bytes("XCLIENT HELO=+5B\(name.dropFirst())\r\n"))
            #expect(try IdentityCommands.xclient(argument: Command(line: line.span).argument) == client)
        }
    }

    /// The destination goes ahead; names of any length are never cut, and a login is not passed over in silence.
    @Test func longValuesDoNotMakeLongLines() {
        for name in 0...260 {
            for login in [0, 60, 120, 255, 256] {
                var client = client
                client.name = .known([UInt8](repeating: 0x61, count: name))
                client.helo = .known([UInt8](repeating: 0x62, count: name))
                client.login = .known([UInt8](repeating: 0x2B, count: login))
                let result = IdentityCommands.xclient(client, offered: Self.everything)
                #expect(result.lines.allSatisfy { $0.count <= 512 } && 1...2 ~= result.lines.count)
                let last = String(decoding: result.lines.last!, as: UTF8.self)
                #expect(last.contains("ADDR=192.0.2.1 PORT=4711 NAME="))
                let isNameThere = last.contains("NAME=\(repeated("a", name)) ") && name > 0
                #expect(isNameThere != last.contains("NAME=[UNAVAILABLE]"))
                #expect(result.omitted.contains(.name) != isNameThere)
                #expect(
                    result.omitted.contains(.login) != (last.contains("LOGIN=" + repeated("+2B", login)) && login > 0))
                if result.lines.count == 2 {
                    let first = String(decoding: result.lines[0], as: UTF8.self)
                    #expect(first == "XCLIENT DESTADDR=IPV6:2001:db8::25 DESTPORT=587\r\n")
                }
            }
        }
    }

    @Test func forwardsInAsManyLinesAsItTakes() throws {
        var client = client
        client.name = .known(bytes(repeated("n.", 127) + "n"))
        client.helo = .known(bytes(repeated("h", 255)))
        client.identifier = .known(bytes(repeated("=", 200)))
        let result = IdentityCommands.xforward(client, offered: Self.everything)
        #expect(result.lines.count == 2 && result.omitted == [.identifier])
        #expect(result.lines.allSatisfy { $0.count <= 512 })
        var told = ClientIdentity()
        for line in result.lines {
            let command = try Command(line: line.span)
            #expect(command.verb == .xforward)
            let part = try IdentityCommands.xforward(argument: command.argument)
            told.name = part.name ?? told.name
            told.helo = part.helo ?? told.helo
            told.source = part.source ?? told.source
        }
        #expect(told.name == client.name && told.helo == client.helo && told.source == client.source)
    }

    @Test func whatIsWrittenIsRead() throws {
        let line = IdentityCommands.xclient(client, offered: Self.everything).lines[0]
        let read = try IdentityCommands.xclient(argument: try Command(line: line.span).argument)
        var expected = client
        expected.identifier = nil
        expected.source = nil
        #expect(read == expected)
    }

    @Test func readsWhatOthersWrite() throws {
        let text = "addr=ipv6:2001:DB8::1  name=[unavailable] LOGIN=gr+c3+a5 PROTO=smtp HELO=[TempUnavail]"
        let read = try IdentityCommands.xclient(argument: bytes(text))
        #expect(read.address == .known(IPAddress("2001:db8::1")!) && read.name == .unavailable)
        #expect(read.login == .known(bytes("grå")) && read.dialogue == .known(.smtp))
        #expect(read.helo == .temporarilyUnavailable && read.port == nil && read.login?.value == bytes("grå"))
        let forwarded = try IdentityCommands.xforward(argument: bytes("IDENT=x SOURCE=local"))
        #expect(forwarded.identifier == .known(bytes("x")) && forwarded.source == .known(.local))
    }

    @Test(
        arguments: [
            ("", .noAttribute), (" ", .noAttribute), ("ADDR", .badAttribute), ("=x", .badAttribute),
            ("COLOUR=x", .badAttribute), ("NAME=a NAME=b", .badAttribute), ("IDENT=x", .badAttribute),
            ("ADDR=", .badValue), ("ADDR=2001:db8::1", .badValue), ("ADDR=IPV6:192.0.2.1", .badValue),
            ("ADDR=192.0.2.256", .badValue), ("PORT=65536", .badValue), ("PORT=-1", .badValue), ("PORT=x", .badValue),
            ("PROTO=LMTP", .badValue), ("NAME=a+20b", .badValue), ("NAME=[192.0.2.1]", .badValue),
            ("NAME=a..b", .badValue),
            ("HELO=a+20b", .badValue), ("LOGIN=a+0Ab", .badValue), ("LOGIN=a+00", .badValue), ("LOGIN=a+1", .badValue),
            ("LOGIN=a=b", .badValue), ("DESTPORT=", .badValue),
        ] as [(Text, IdentityError)]) func refusesWhatIsNone(_ argument: Text, _ error: IdentityError)
    {
        #expect(throws: error) { try IdentityCommands.xclient(argument: bytes(argument.string)) }
        #expect(error.reply.code == 501 && !"\(error)".isEmpty)
    }

    @Test func eachCommandHasItsOwnAttributes() {
        for word in ["LOGIN=x", "DESTADDR=192.0.2.1", "DESTPORT=1", "REVERSE_NAME=x"] {
            #expect(throws: IdentityError.badAttribute) { try IdentityCommands.xforward(argument: bytes(word)) }
            #expect((try? IdentityCommands.xclient(argument: bytes(word))) != nil)
        }
    }

    @Test func readsWhatIsOffered() throws {
        let reply = try #require(
            try Reply("250-mx XCLIENT LOGIN\r\n250-XCLIENT name ADDR COLOUR\r\n250-XFORWARD\r\n250 XCLIENTX PORT\r\n"))
        #expect(reply.offeredAttributes(of: .xclient) == [.name, .address])
        #expect(reply.offeredAttributes(of: .xforward) == [])
        #expect(reply.offeredAttributes(of: .dsn) == nil)
        #expect(try Reply("550 XCLIENT ADDR\r\n")?.offeredAttributes(of: .xclient) == nil)
    }
}
