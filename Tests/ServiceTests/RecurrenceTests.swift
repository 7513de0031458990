import Ring
import Testing

@testable import Service

@Suite struct RecurrenceTests {
    @Test func theFirstIsToldAndThenOnceAMinuteHowManyThereWere() {
        var recurrence = Recurrence()
        let start = Instant.current()
        #expect(recurrence.told(at: start) == 1)
        for tenths in 1..<600 { #expect(recurrence.told(at: start + .milliseconds(tenths * 100)) == nil) }
        #expect(recurrence.told(at: start + .seconds(60)) == 600)
        #expect(recurrence.told(at: start + .seconds(61)) == nil)
        #expect(recurrence.told(at: start + .seconds(3600)) == 2)
    }
}
