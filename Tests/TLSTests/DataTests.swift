import Ring
import TLS
import Testing

@Suite("Data")
struct DataTests {
    @Test(
        "a mebibyte goes both ways unchanged",
        arguments: [Split.whole, .random(seed: 7, most: 3000), .random(seed: 8, most: 90_000)],
        [TLSVersion.tls12, .tls13])
    func bulk(split: Split, version: TLSVersion) throws {
        var generator = SeededGenerator(state: 5)
        let request = generator.bytes(1 << 20)
        let answer = generator.bytes(1 << 20)
        let pair = try TLSPair.established(server: .only(version), client: .only(version))
        for range in split.ranges(of: request.count) {
            #expect(pair.client.send(Array(request[range])) == .open)
            #expect(pair.server.send(Array(answer[range])) == .open)
        }
        pair.exchange(split: split)
        #expect(pair.server.take() == request)
        #expect(pair.client.take() == answer)
    }

    @Test("a byte more or less than a record", arguments: [1, 16_383, 16_384, 16_385, 32_768, 70_000])
    func recordSizes(count: Int) throws {
        let pair = try TLSPair.established()
        let bytes = [UInt8](repeating: 0x2E, count: count)
        pair.client.send(bytes)
        let ciphertext = pair.client.takeOut()
        let records = (count + 16_383) / 16_384
        #expect(ciphertext.count == count + records * 22)
        pair.server.receive(ciphertext)
        #expect(pair.server.take() == bytes)
    }

    @Test("what is overwritten once it is read arrives whole", arguments: Split.all)
    func secretInput(split: Split) throws {
        let pair = try TLSPair.established()
        #expect(!pair.server.engine.keepsInputSecret)
        pair.server.engine.keepsInputSecret = true
        #expect(pair.server.engine.keepsInputSecret)
        let secret = [UInt8](repeating: 0x2A, count: 20_000)
        pair.client.send(secret)
        pair.exchange(split: split)
        #expect(pair.server.take() == secret)
        pair.server.engine.keepsInputSecret = false
        #expect(!pair.server.engine.keepsInputSecret)
        pair.client.send("more")
        pair.exchange(split: split)
        #expect(pair.server.takeText() == "more")
    }

    @Test("nothing sealed is nothing sent")
    func empty() throws {
        let pair = try TLSPair.established()
        #expect(pair.client.send([]) == .open)
        #expect(pair.client.out.count == 0)
        pair.server.receive([], split: .whole)
        pair.server.begin()
        #expect(pair.server.status == .open)
    }

    @Test("keys can be renewed in the middle of a stream", arguments: Split.all)
    func keyUpdate(split: Split) throws {
        let pair = try TLSPair.established(server: .only(.tls13), client: .only(.tls13))
        pair.client.send("one ")
        #expect(pair.client.engine.updateKeys(ciphertext: &pair.client.out) == .open)
        pair.client.send("two ")
        pair.exchange(split: split)
        #expect(pair.server.engine.updateKeys(ciphertext: &pair.server.out) == .open)
        pair.server.send("three")
        pair.exchange(split: split)
        pair.client.send("four")
        pair.exchange(split: split)
        #expect(pair.server.takeText() == "one two four")
        #expect(pair.client.takeText() == "three")
    }

    @Test("renewing keys does nothing before TLS 1.3")
    func keyUpdateInOldVersion() throws {
        let pair = try TLSPair.established(server: .only(.tls12), client: .only(.tls12))
        #expect(pair.client.engine.updateKeys(ciphertext: &pair.client.out) == .open)
        #expect(pair.client.out.count == 0)
    }
}
