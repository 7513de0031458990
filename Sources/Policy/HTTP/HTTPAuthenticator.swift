public import Lookup
public import Ring
import Wire

/// Asks a server of HTTP, in the manner of nginx's `auth_http`: all that is known goes into fields of the request, all
/// that is answered comes in fields.
///
/// The status code is not looked at, and neither is the body, just as nginx does it: servers written for that go on
/// working.
public final class HTTPAuthenticator: Authenticator {
    private let settings: HTTPAuthentication
    private let client: HTTPClient
    private let ring: Ring
    /// Of each server.
    private var downUntil: [Instant]

    /// How often a server may have a client wait before it says yes or no.
    static let waitsLimit = 20
    /// The longest wait at once.
    static let waitLimit = Duration.seconds(300)

    public init(_ settings: HTTPAuthentication, _ client: HTTPClient, on ring: Ring) {
        self.settings = settings
        self.client = client
        self.ring = ring
        downUntil = settings.servers.map { _ in Instant(nanoseconds: 0) }
    }

    public var name: String { settings.name }
    public var needsClientName: Bool { true }

    public func authenticate(_ attempt: AuthenticationAttempt) async -> AuthenticationOutcome {
        var fields = AuthenticationFields(attempt, settings).fields
        fields += settings.fields.map { HTTPRequest.Field($0.name, $0.value) }
        for _ in 0...Self.waitsLimit {
            let answer: HTTPAnswer
            do throws(HTTPError) {
                answer = try await ask(fields, attempt.cancellation)
            } catch {
                return .unavailable(attempt.unavailableReply, because: "\(error)")
            }
            switch AuthenticationAnswer(answer, to: attempt, needsServer: settings.needsServer) {
            case .decided(let outcome): return outcome
            case .wait(let duration):
                guard await wait(min(duration, Self.waitLimit), attempt.cancellation) else {
                    return .unavailable(attempt.unavailableReply, because: "\(HTTPError.cancelled)")
                }
            }
        }
        return .unavailable(attempt.unavailableReply, because: "told to wait more than \(Self.waitsLimit) times")
    }

    /// False where the question was taken back.
    private func wait(_ duration: Duration, _ cancellation: Cancellation) async -> Bool {
        guard !cancellation.isCancelled else { return false }
        let alarm = Alarm()
        await cancellation.whileWatched({ alarm.turnOff() }) {
            await alarm.sleep(on: ring, until: ring.now + duration)
        }
        return !cancellation.isCancelled
    }

    // MARK: Servers

    /// The answer of the first server that gives one; each is given its share of the time that is left.
    private func ask(
        _ fields: [HTTPRequest.Field], _ cancellation: Cancellation
    ) async throws(HTTPError) -> HTTPAnswer {
        let end = ring.now + settings.timeout
        var failure = HTTPError.failed("no server to ask")
        let order = order()
        for (place, number) in order.enumerated() {
            let left = Duration.nanoseconds(Int64(clamping: end.nanoseconds(since: ring.now)))
            let server = settings.servers[number]
            var request = HTTPRequest(fields: [HTTPRequest.Field("Host", server.hostField)] + fields)
            request.wantsHeaderAlone = true
            request.needsNoStatusLine = true
            do throws(HTTPError) {
                return try await client.answer(
                    to: request, of: server, deadline: ring.now + left / (order.count - place),
                    cancellation: cancellation)
            } catch {
                failure = error
                guard error.isAboutServer else { throw error }
                downUntil[number] = ring.now + settings.pauseAfterFailure
            }
        }
        throw failure
    }

    /// The numbers of the servers: those that answered, or may by now, before those that did not.
    private func order() -> [Int] {
        let now = ring.now
        let numbers = settings.servers.indices
        return numbers.filter { downUntil[$0] <= now } + numbers.filter { downUntil[$0] > now }
    }
}

extension HTTPServer {
    /// As nginx sends it: without the port.
    fileprivate var hostField: String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host }
}

extension HTTPError {
    /// Another server may answer.
    fileprivate var isAboutServer: Bool {
        switch self {
        case .unreachable, .timedOut, .insecure, .broken, .tooLarge: true
        case .badRequest, .tooManyRequests, .cancelled, .closed, .failed: false
        }
    }
}
