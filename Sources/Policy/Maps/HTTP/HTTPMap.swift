public import Lookup
public import Ring
public import Telemetry

/// Asks a server of HTTP with a GET request for each key; its answer is JSON (`HTTPMapAnswer`). Redirects are not
/// followed: who could make the server send one would say where mail goes.
public final class HTTPMap: Map {
    private let settings: HTTPMapSettings
    private let client: HTTPClient
    private let ring: Ring
    private let report: (String) -> Void

    /// - Throws: `failed` where libcurl cannot be used.
    public convenience init(
        _ settings: HTTPMapSettings, _ configuration: HTTPConfiguration, on ring: Ring, _ resolver: Resolver?,
        _ log: Log
    ) throws(HTTPError) {
        var configuration = configuration
        configuration.bodyLimitBytes = HTTPMapAnswer.bodyLimitBytes
        var warning = MapWarning(settings.name)
        self.init(settings, try HTTPClient(ring, resolver, configuration), on: ring) { reason in
            warning.note("a map does not answer", reason, to: log, at: ring.now)
        }
    }

    /// - Parameters:
    ///   - client: closed when the map goes.
    ///   - report: told why there was no answer, each time; neither key nor URL is in it.
    package init(
        _ settings: HTTPMapSettings, _ client: HTTPClient, on ring: Ring, report: @escaping (String) -> Void
    ) {
        self.settings = settings
        self.client = client
        self.ring = ring
        self.report = report
    }

    deinit { client.close() }

    public var name: String { settings.name }

    /// Who asks from now on hears that nobody can say.
    public func close() { client.close() }

    public func look(up key: MapKey, cancellation: Cancellation) async -> MapAnswer {
        guard let server = settings.url.server(for: key) else {
            report("the URL is too long with the key in it")
            return .failed
        }
        let own = [HTTPRequest.Field("Accept", "application/json")]
        let request = HTTPRequest(fields: own + settings.fields.map { HTTPRequest.Field($0.name, $0.value) })
        let answer: HTTPAnswer
        do throws(HTTPError) {
            answer = try await client.answer(
                to: request, of: server, deadline: ring.now + settings.timeout, cancellation: cancellation)
        } catch {
            if error != .cancelled { report("\(error)") }
            return .failed
        }
        do throws(HTTPMapAnswer.Failure) {
            let entry = try HTTPMapAnswer.entry(
                status: answer.status, body: answer.body, upstreams: settings.upstreams)
            return entry.map(MapAnswer.found) ?? .missing
        } catch {
            report("no valid answer: \(error.reason)")
            return .failed
        }
    }
}
