import Glibc
import Lookup
import Policy
import Ring
import TestSupport
import Testing
import Wire

/// Dovecot's auth service as a test has it.
typealias DovecotPeer = ScriptedServer

extension ScriptedServer {
    static let greeting =
        "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nMECH\tCRAM-MD5\tdictionary\tactive\n"
        + "MECH\tXOAUTH2\nMECH\tOAUTHBEARER\nMECH\tEXTERNAL\nSPID\t17\nCUID\t1\nCOOKIE\t00ff\nDONE\n"
    /// What is told of the client of `sessionFacts`.
    static let facts =
        "service=smtp\tnologin\tsession=\(sessionFacts().id)\tlip=198.51.100.1\tlport=25\trip=192.0.2.1\trport=4711"

    /// Greets a client, and has it greet.
    static func welcome(_ peer: Peer, _ greeting: String = greeting) throws {
        try peer.send(greeting)
        try takeGreeting(peer)
    }

    static func takeGreeting(_ peer: Peer) throws {
        try peer.expect("VERSION\t1\t2\nCPID\t")
        let process = try peer.bareLine()
        guard UInt32(process) ?? 0 >= 1 << 23 else { throw Peer.Failure(description: "a process \(process)") }
    }

    /// A script that greets and then hears and says these lines, their line feeds left out.
    static func dialogue(_ lines: [(heard: String, said: String)]) -> Script {
        { peer in
            try welcome(peer)
            for (heard, said) in lines {
                try peer.expect(heard + "\n")
                if !said.isEmpty { try peer.send(said + "\n") }
            }
            try peer.expectEnd()
        }
    }
}

/// Has `body` ask an authenticator whose Dovecot goes by these scripts.
func askingDovecot<Result: Sendable>(
    _ scripts: [DovecotPeer.Script], timeout: Duration = .seconds(10),
    _ body: @escaping @Sendable (isolated Shard, DovecotAuthenticator) async -> Result
) async throws -> Result {
    let peer = try DovecotPeer(scripts)
    let result = try await askingDovecot(at: peer.address, timeout: timeout, body)
    #expect(peer.finish() == [])
    return result
}

func askingDovecot<Result: Sendable>(
    at address: SocketAddress, timeout: Duration = .seconds(10),
    _ body: @escaping @Sendable (isolated Shard, DovecotAuthenticator) async -> Result
) async throws -> Result {
    signal(SIGPIPE, SIG_IGN)
    return try await onShard { shard in
        let authenticator = DovecotAuthenticator("dovecot", at: address, timeout: timeout, on: shard)
        let result = await body(shard, authenticator)
        await authenticator.closed()
        return result
    }
}

extension DovecotAuthenticator {
    /// What comes of these credentials.
    func answer(_ credentials: Credentials?, _ facts: SessionFacts = sessionFacts()) async -> String {
        await authenticate(AuthenticationAttempt(facts: facts, credentials: credentials)).summary
    }

    /// A challenge, or why there is none.
    var challenge: String {
        get async {
            switch await challenge(for: .cramMD5, sessionFacts(), cancellation: Cancellation()) {
            case .own: "own"
            case .given(let challenge): String(decoding: challenge.bytes, as: UTF8.self)
            case .unavailable(let reply, because: let reason): "\(reply.code): \(reason)"
            }
        }
    }
}

extension AuthenticationOutcome {
    /// In a line.
    var summary: String {
        switch self {
        case .accepted(let acceptance):
            "accepted " + String(decoding: acceptance.login ?? [], as: UTF8.self)
        case .refused(let refusal):
            "refused \(refusal.reply.line)"
                + (refusal.errorDocument.map { " " + String(decoding: $0, as: UTF8.self) } ?? "")
        case .unavailable(let reply, because: let reason): "\(reply.code): \(reason)"
        case .deferred: "deferred"
        case .passedOn: "passed on"
        }
    }
}
