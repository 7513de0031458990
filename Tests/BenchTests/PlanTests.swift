import Ring
import Testing
import Wire

@testable import mailrace_bench

/// What runs are planned by: sizes, paces, faults, chunks, made-up clients.
@Suite struct PlanTests {
    @Test func sizesComeInTheirShares() throws {
        let mix = try SizeMix("4k:80,64k:15,1M:5")
        #expect(mix.description == "4096:80,65536:15,1048576:5")
        let counts = (0..<10_000 as Range<UInt64>).reduce(into: [0, 0, 0]) { $0[mix.part(of: $1)] += 1 }
        for (count, share) in zip(counts, [8_000, 1_500, 500]) { #expect(abs(count - share) < 200) }
        #expect(try SizeMix("2k,3k").parts.map(\.weight) == [1, 1])
        #expect(SizeMix(bytes: 7).bytes(of: 3) == 7)
        for text in ["", "4k:", "4k:0", "x:1", "4k:1:1", "4k:1,"] {
            #expect(throws: UsageError.self) { try SizeMix(text) }
        }
    }

    @Test func aPaceIsEvenBehindItsRamp() {
        let even = Pace(rate: 100, ramp: .zero)
        #expect((0...3).map { even.due($0) } == [0, 10, 20, 30].map { Duration.milliseconds($0) })
        let growing = Pace(rate: 100, ramp: .seconds(4))
        // Half of what the full rate would bring within the ramp.
        #expect(growing.due(200) == .seconds(4))
        #expect(growing.due(50) == .seconds(2))
        #expect(growing.due(300) == .seconds(5))
        for number in 0..<300 { #expect(growing.due(number) <= growing.due(number + 1)) }
    }

    @Test(arguments: [1, 2, 3, 100, 2_140, 2_141, 2_142, 100_000]) func chunksMakeTheMessage(_ chunkBytes: Int) {
        let content = content(bodyBytes: 2_000)
        var cutter = ChunkCutter(content, number: 5, chunkBytes: chunkBytes)
        var message: [UInt8] = []
        while true {
            let chunk = cutter.next()
            message += chunk.bytes
            #expect(chunk.isLast || chunk.bytes.count == chunkBytes)
            if chunk.isLast { break }
        }
        #expect(message == received(wireForm(content, 5), cutAt: [])?.message)
    }

    @Test func madeUpClientsTakeTurns() throws {
        var clients = MadeUpClients(version: .v1, network: try IPNetwork("192.0.2.252/30"))
        #expect((0..<5).map { "\(clients.address($0))" }.map { $0.suffix(3) } == ["252", "253", "254", "255", "252"])
        let header = clients.header(1, to: .loopback(port: 25))
        #expect(String(decoding: header, as: UTF8.self) == "PROXY TCP4 192.0.2.253 127.0.0.1 1025 25\r\n")
        clients.network = try IPNetwork("2001:db8::/32")
        #expect("\(clients.address(258))" == "2001:db8::102")
    }

    @Test func readsFaults() throws {
        #expect(try Fault.refusal("rcpt") == Fault(phase: .rcpt, action: .refuse(451), share: 1))
        #expect(try Fault.refusal("helo:550") == Fault(phase: .ehlo, action: .refuse(550), share: 1))
        #expect(try Fault.refusal("rcpt:451:10%") == Fault(phase: .rcpt, action: .refuse(451), share: 0.1))
        #expect(try Fault.refusal("rcpt:2.5%").share == 0.025)
        #expect(try Fault.drop("body") == Fault(phase: .body, action: .drop(.close), share: 1))
        #expect(try Fault.drop("quit:reset:1%") == Fault(phase: .quit, action: .drop(.reset), share: 0.01))
        #expect(try Fault.delay("end:2s") == Fault(phase: .end, action: .delay(.seconds(2)), share: 1))
        for text in ["", "x", "rcpt:", "rcpt:250", "rcpt:451:1", "rcpt:101%", "rcpt:-1%", "rcpt:451:10%:1"] {
            #expect(throws: UsageError.self) { try Fault.refusal(text) }
        }
        for text in ["rcpt", "rcpt:10%", "rcpt:x"] { #expect(throws: UsageError.self) { try Fault.delay(text) } }
        #expect(throws: UsageError.self) { try Fault.drop("rcpt:451") }
    }

    @Test func faultsMeetTheirShareOfTheCases() throws {
        var numbers = RandomNumbers(seed: 1)
        let faults = SinkFaults([try .delay("rcpt:1s"), try .delay("rcpt:2s"), try .refusal("rcpt:451:10%")])
        let met = (0..<10_000).map { _ in faults.meet(.rcpt, &numbers) }
        #expect(met.allSatisfy { $0.delay == .seconds(3) && $0.drop == nil })
        #expect((800...1_200).contains(met.filter { $0.refusal == 451 }.count))
        #expect(faults.meet(.mail, &numbers) == SinkFaults.Case())
    }

    @Test(arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")])
    func base64GoesBothWays(_ plain: String, _ encoded: String) {
        #expect(Base64.encoded(bytes(plain)) == encoded)
        #expect(Base64.decoded(bytes(encoded)) == bytes(plain))
    }

    @Test(arguments: ["Z", "Zg", "Zg=", "====", "Zg==Zg==", "Z*8="]) func whatIsNotBase64IsRefused(_ text: String) {
        #expect(Base64.decoded(bytes(text)) == nil)
    }
}
