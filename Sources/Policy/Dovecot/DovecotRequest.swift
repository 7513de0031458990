import Lookup
import Ring

/// A request that Dovecot works at.
final class DovecotRequest {
    let id: UInt32
    /// What Dovecot had said in all when it was last told something about the request.
    var wordsBefore: UInt64
    /// What it has said, where nobody has heard it yet.
    var line: DovecotLine?
    private(set) var failure: ConnectionFailure?
    /// It has said yes or no.
    private(set) var isOver = false
    /// What its client is to sign.
    var challenge: [UInt8]?
    /// Of who waits for it.
    var alarm: Alarm?

    init(id: UInt32, after wordsHeard: UInt64) {
        self.id = id
        wordsBefore = wordsHeard
    }

    /// False where the line before has not been heard.
    func take(_ line: DovecotLine) -> Bool {
        // While its client is to answer a challenge, it may lose patience.
        if case .refused = line {} else if self.line != nil { return false }
        if case .challenge = line {} else { isOver = true }
        self.line = line
        alarm.take()?.turnOff()
        return true
    }

    func fail(_ failure: ConnectionFailure) {
        self.failure = failure
        alarm.take()?.turnOff()
    }
}
