import Testing

@testable import Telemetry

@Suite struct SessionIDTests {
    struct Form: Sendable {
        let shard: Int
        let milliseconds: Int64
        let counter: UInt64
        let text: String
    }

    @Test(arguments: [
        Form(shard: 0, milliseconds: 0, counter: 0, text: "AAAAAAAAAAAAAA"),
        Form(shard: 0, milliseconds: 0, counter: 31, text: "AAAAAAAAAAAAA7"),
        Form(shard: 1, milliseconds: 0, counter: 26, text: "ABAAAAAAAAAAA2"),
        Form(shard: 1023, milliseconds: 4_398_046_511_103, counter: 262_143, text: "77777777777777"),
        // The time's lowest bits and the counter's highest share a digit: 2 bits and 3.
        Form(shard: 0, milliseconds: 1, counter: 1 << 15, text: "AAAAAAAAAAJAAA"),
        Form(shard: 0, milliseconds: 1 << 42, counter: 1 << 18, text: "AAAAAAAAAAAAAA"),
    ])
    func theFormIsBase32(_ form: Form) {
        let id = SessionID(
            shard: form.shard, time: UTCTime(unixMilliseconds: form.milliseconds), counter: form.counter)
        #expect(id.description == form.text)
        #expect(id.shard == form.shard)
    }

    @Test func idsDiffer() {
        var seen: Set<String> = []
        for shard in 0..<4 {
            for millisecond in 0..<50 {
                for counter in 0..<50 as Range<UInt64> {
                    let time = UTCTime(unixMilliseconds: 1_790_000_000_000 + Int64(millisecond))
                    let text = SessionID(shard: shard, time: time, counter: counter).description
                    #expect(text.utf8.count == SessionID.textLength)
                    #expect(seen.insert(text).inserted)
                }
            }
        }
    }
}

@Suite struct UTCTimeTests {
    struct Moment: Sendable {
        let milliseconds: Int64
        let text: String
    }

    @Test(arguments: [
        Moment(milliseconds: 0, text: "1970-01-01T00:00:00.000Z"),
        Moment(milliseconds: -1, text: "1969-12-31T23:59:59.999Z"),
        Moment(milliseconds: 951_782_399_999, text: "2000-02-28T23:59:59.999Z"),
        Moment(milliseconds: 951_782_400_000, text: "2000-02-29T00:00:00.000Z"),
        Moment(milliseconds: 951_868_800_000, text: "2000-03-01T00:00:00.000Z"),
        Moment(milliseconds: 1_234_567_890_123, text: "2009-02-13T23:31:30.123Z"),
        Moment(milliseconds: 1_709_164_800_000, text: "2024-02-29T00:00:00.000Z"),
        Moment(milliseconds: 1_735_689_599_007, text: "2024-12-31T23:59:59.007Z"),
        Moment(milliseconds: 4_107_542_400_000, text: "2100-03-01T00:00:00.000Z"),
        Moment(milliseconds: 4_107_456_000_000, text: "2100-02-28T00:00:00.000Z"),
    ])
    func theFormIsISO8601(_ moment: Moment) {
        #expect(UTCTime(unixMilliseconds: moment.milliseconds).description == moment.text)
    }

    @Test func everyDayOf400YearsFollowsTheOneBefore() {
        var (year, month, day) = (1970, 1, 1)
        for index in 0..<146_097 {
            let text = UTCTime(unixMilliseconds: Int64(index) * 86_400_000).description
            let expected = [year, month, day].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: "-")
            #expect(text == expected + "T00:00:00.000Z")
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let length = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
            day += 1
            if day > length { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
    }

    @Test func nowIsAfterThisWasWritten() {
        #expect(UTCTime.now() > UTCTime(unixMilliseconds: 1_700_000_000_000))
    }
}
