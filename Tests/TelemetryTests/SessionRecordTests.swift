import Testing

@testable import Telemetry

@Suite struct SessionRecordTests {
    private static func record() -> SessionRecord {
        let start = UTCTime(unixMilliseconds: 1_234_567_890_123)
        return SessionRecord(
            id: SessionID(shard: 1, time: start, counter: 7), listener: "mx", start: start, client: "192.0.2.1:4711")
    }

    private static func line(_ record: SessionRecord) -> LogLine {
        LogLine(
            time: UTCTime(unixMilliseconds: 1_234_567_891_000), level: .info, message: nil, fields: record.fields)
    }

    @Test func aSessionThatHadNothingSaysSo() {
        let line = Self.line(Self.record())
        #expect(
            line.rendered(.text) == """
                2009-02-13T23:31:31.000Z info session=AB\(Self.record().id.description.dropFirst(2)) shard=1 \
                listener=mx start=2009-02-13T23:31:30.123Z duration_ms=0 client=192.0.2.1:4711 proxy=- \
                upstream=- greeting=- name=- login=- decision=- tls=- cipher=- resumed=- tls_failure=- \
                client_certificate=- upstream_tls=- \
                upstream_cipher=- upstream_tls_failure=- bytes_up=0 bytes_down=0 phase=connect end=internal_error \
                ended_by=mailrace

                """)
        #expect(
            line.rendered(.json).contains(
                #""upstream":null,"greeting":null,"name":null,"login":null,"decision":null,"tls":null,"cipher":null,"resumed":null"#
            ))
    }

    @Test func aFullSessionSaysAll() {
        var record = Self.record()
        record.durationMilliseconds = 877
        record.upstream = "[2001:db8::1]:25"
        record.greeting = .ehlo
        record.greetingName = "x end=quit \"ended_by=client\r\n"
        record.login = "joe"
        record.decision = "accepted"
        record.tls = .init(version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384", resumed: true)
        record.bytesUpstream = .max
        record.bytesDownstream = 512
        record.phase = .passthrough
        record.end = .completed
        record.endedBy = .client
        let line = Self.line(record)
        #expect(
            line.rendered(.text).hasSuffix(
                """
                 duration_ms=877 client=192.0.2.1:4711 proxy=- upstream=[2001:db8::1]:25 greeting=EHLO \
                name="x end=quit \\"ended_by=client\\x0d\\x0a" login=joe decision=accepted tls=TLSv1.3 \
                cipher=TLS_AES_256_GCM_SHA384 resumed=true tls_failure=- client_certificate=- upstream_tls=- \
                upstream_cipher=- upstream_tls_failure=- bytes_up=9223372036854775807 bytes_down=512 \
                phase=passthrough end=completed ended_by=client

                """))
        #expect(
            line.rendered(.json).hasSuffix(
                #""resumed":true,"tls_failure":null,"client_certificate":null,"upstream_tls":null,"upstream_cipher":null,"#
                    + #""upstream_tls_failure":null,"bytes_up":9223372036854775807,"bytes_down":512,"#
                    + #""phase":"passthrough","end":"completed","ended_by":"client"}"# + "\n"))
    }

    @Test func labelsAreDistinctWords() {
        for labels in [
            SessionRecord.End.allCases.map(\.rawValue), SessionRecord.Phase.allCases.map(\.rawValue),
            SessionRecord.Party.allCases.map(\.rawValue),
        ] {
            for label in labels {
                #expect(
                    label.utf8.allSatisfy { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || "_421".utf8.contains($0) })
            }
        }
    }
}
