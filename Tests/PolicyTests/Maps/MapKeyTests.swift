import Lookup
import Policy
import Ring
import Testing
import Wire

/// What maps are asked for.
@Suite struct MapKeyTests {
    /// Each as `kind text`.
    private func keys(
        of recipient: String, _ kinds: [MapKey.Kind] = [.address, .addressWithoutDetail, .domain], folds: Bool = false
    ) -> [String] {
        let facts = sessionFacts()
        facts.candidate = EnvelopePath(command: [], address: Array(recipient.utf8))
        let keys = MapKeys(kinds, delimiter: UInt8(ascii: "+"), foldsLocalParts: folds).keys(of: facts)
        return keys.map { String(decoding: $0.text, as: UTF8.self) }
    }

    @Test(arguments: [
        ("Joe@Example.COM", ["Joe@example.com", "example.com"]),
        ("joe+news@example.com", ["joe+news@example.com", "joe@example.com", "example.com"]),
        // The first delimiter counts, and only in the local part.
        ("joe+a+b@ex+ample.com", ["joe+a+b@ex+ample.com", "joe@ex+ample.com", "ex+ample.com"]),
        ("+joe@example.com", ["+joe@example.com", "example.com"]),
        ("joe@example.com.", ["joe@example.com", "example.com"]),
        // Without a domain nothing could be taken for one.
        ("postmaster", ["postmaster@"]), ("example.com", ["example.com@"]),
        // One name has no case of letters.
        ("PostMaster", ["postmaster@"]), ("Postmaster@example.com", ["postmaster@example.com", "example.com"]),
        ("\"joe\"@example.com", ["joe@example.com", "example.com"]),
        ("\"a@b\\\"+c\"@example.com", ["a@b\"+c@example.com", "a@b\"@example.com", "example.com"]),
        ("\"a@b\"", ["a@b@"]),
        ("joe@[192.0.2.1]", ["joe@[192.0.2.1]", "[192.0.2.1]"]),
        ("joe@BÜCHER.example", ["joe@xn--bcher-kva.example", "xn--bcher-kva.example"]),
        ("joe@XN--Bcher-KVA.example", ["joe@xn--bcher-kva.example", "xn--bcher-kva.example"]),
        ("joe@faß.example", ["joe@xn--fa-hia.example", "xn--fa-hia.example"]),
        ("jös@example.com", ["jös@example.com", "example.com"]),
        // Nobody's domain is another one's address.
        ("eve@joe＠example.com", ["eve@joe＠example.com", "joe＠example.com"]),
        ("eve@＊.example.com", ["eve@＊.example.com", "＊.example.com"]),
        ("eve@ex。example．com", ["eve@ex.example.com", "ex.example.com"]),
    ])
    func ofARecipient(_ recipient: String, _ expected: [String]) {
        #expect(keys(of: recipient) == expected)
    }

    @Test func localPartsAreFoldedWhereThatIsWanted() {
        #expect(keys(of: "JOE+X@example.com", folds: true) == ["joe+x@example.com", "joe@example.com", "example.com"])
        #expect(keys(of: "JÖS@example.com", [.address], folds: true) == ["jös@example.com"])
    }

    @Test func domainsAboveAreAskedForToo() {
        let parents: [MapKey.Kind] = [.parentDomain, .wildcard]
        #expect(keys(of: "a@b.c.example", parents) == [".c.example", ".example", "*.c.example", "*.example"])
        #expect(keys(of: "a@example", parents).isEmpty && keys(of: "a@[192.0.2.1]", parents).isEmpty)
        #expect(keys(of: "postmaster", parents).isEmpty)
        // The general ones are not lost to the depth of a name.
        let deep = keys(of: "a@\(String(repeating: "x.", count: 100))example.com", [.parentDomain])
        #expect(deep.count == 10 && deep.last == ".com" && deep.dropLast().last == ".example.com")
    }

    @Test func ofOthersThanRecipients() {
        let facts = sessionFacts()
        facts.login = Array("Joe".utf8)
        facts.reversePath = EnvelopePath(command: [], address: Array("Ann@Example.COM".utf8))
        let all: [MapKey.Kind] = [.login, .client, .sender, .senderDomain]
        func texts(folds: Bool = false) -> [String] {
            MapKeys(all, foldsLocalParts: folds).keys(of: facts).map { String(decoding: $0.text, as: UTF8.self) }
        }
        #expect(texts() == ["Joe", "192.0.2.1", "Ann@example.com", "example.com"])
        #expect(texts(folds: true) == ["joe", "192.0.2.1", "ann@example.com", "example.com"])
        facts.login = nil
        facts.reversePath = EnvelopePath(command: [], address: [])
        #expect(texts() == ["192.0.2.1", "<>"])
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1:25"), ("192.0.2.1:2525", "192.0.2.1:2525"), (" 192.0.2.1 ", "192.0.2.1:25"),
        ("[2001:db8::1]:2525", "[2001:db8::1]:2525"), ("[2001:db8::1]", "[2001:db8::1]:25"),
        ("2001:DB8::1", "[2001:db8::1]:25"), ("MX.Example.com", "mx.example.com:25"), ("mx:587", "mx:587"),
        ("backend:25", "backend:25"), ("unix:/run/lmtp", "unix:/run/lmtp"),
    ])
    func placesAreServers(_ text: String, _ server: String) throws {
        guard case .server(let address) = MapPlace(Array(text.utf8), upstreams: ["backend"]) else {
            throw MapFailure()
        }
        #expect(address.description == server)
    }

    @Test func placesAreUpstreamsFirst() {
        #expect(MapPlace(Array(" backend ".utf8), upstreams: ["backend"]) == .upstream("backend"))
    }

    @Test(arguments: [
        "", " ", "a b", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:", "192.0.2", "256.0.2.1", "[192.0.2.1]", "[::1",
        "[::1]25", "[::1]:", ":25", "-a", "a-.b", "a..b", "http://a", "unix:", "unix:run", "ä.example", "a\u{0}b",
        "a/b",
        "2001:db8::1:x",
    ])
    func otherThingsAreNone(_ text: String) {
        #expect(MapPlace(Array(text.utf8), upstreams: ["backend"]) == nil)
    }
}

struct MapFailure: Error {}
