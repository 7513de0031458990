/// What is counted for each listener: events of sessions and bytes. A counter only grows while the process lives.
///
/// Each case says exactly when it moves. The names (`Counter.name`) are part of the interface: dashboards hold on to
/// them. The states are those of a session at tunnel depth (`SessionRecord.Phase`).
public enum Counter: Int, CaseIterable, Sendable {
    /// Once for each accepted connection that becomes a session, before an upstream is known to be there.
    /// A connection turned away over `max_sessions` is no session: see `sessionsRefused`.
    case sessions
    /// The upstream sent bytes, other than a 421 reply, while it was the client's turn (ehlo, starttls). The session is
    /// closed.
    case sessionsUpstreamDesync
    /// The client sent bytes while it was the upstream's turn (greeting, ehloReply): early talkers. The session is
    /// closed.
    case sessionsDownstreamDesync
    /// A command line of the client was no command, empty, or longer than the limit (500). Once a session.
    case sessionsBadLine
    /// Bytes came behind a command that must be the last of its group: the first EHLO or HELO, or STARTTLS (503).
    case sessionsBadPipeline
    /// The first command that is not answered here (QUIT, NOOP, RSET are) was neither EHLO nor HELO (503).
    case sessionsBadEhlo
    /// The client said HELO, and it was passed on.
    case sessionsNonEsmtp
    /// The client spoke ESMTP and the session was handed off to opaque bytes without Mailrace's TLS on the client's
    /// side: STARTTLS was offered and another command came, or the listener offers none. A client that secures the
    /// session end to end, through a listener that offers none, counts too.
    case sessionsEsmtpUnencrypted
    /// A TLS handshake with the client was completed.
    case sessionsDownstreamTerminatedSSL
    /// A TLS handshake with the client was begun (the 220 to STARTTLS was sent) and failed, was given up by the
    /// client, or ran out of time.
    case sessionsDownstreamSSLErr
    /// A TLS handshake with the upstream was completed, whatever the policy.
    case sessionsUpstreamTerminatedSSL
    /// The session ended because a TLS handshake with the upstream failed or ran out of time. One that was done
    /// without, or after which another server was tried, moves `upstream_tls_failures` alone.
    case sessionsUpstreamSSLErr
    /// The upstream answered STARTTLS with another code than 220.
    case sessionsUpstreamSSLCommandErr
    /// The upstream did not list STARTTLS in its reply to EHLO, and the policy asks for it.
    case sessionsUpstreamSSLNotOffered

    /// The client was told 530 because the listener requires STARTTLS.
    case sessionsTLSRequired
    /// The upstream sent what is no reply: syntax, a line or a reply over the limit, differing codes, bytes behind it.
    case sessionsUpstreamBadReply
    /// The upstream closed or reset its connection before the session was handed off to opaque bytes.
    case sessionsUpstreamEarlyClose
    /// No server of the upstream could be connected; the client was told 421 4.3.2, and that once, however many servers
    /// were tried. At envelope depth it was told 451 4.4.1, each time that it asked for what needs one.
    case sessionsUpstreamConnectFail
    /// The upstream sent a 421 reply before the session was handed off; it was relayed.
    case sessionsUpstream421
    /// A connection over `max_sessions` was turned away with a 421. It is not in `sessions`.
    case sessionsRefused
    /// A client was told 421 because its address had as many sessions as it may (`max_sessions_per_address`).
    case sessionsRefusedAddress
    /// A client was told 421 because its address came more often than it may (`max_accepts_per_address`).
    case sessionsRefusedRate
    /// A connection that did not come from a network of `proxy_protocol_trusted` was closed. It is not in `sessions`.
    case sessionsProxyUntrusted
    /// What came in place of a PROXY header was none, or not complete in time.
    case sessionsBadProxyHeader
    /// A PROXY header to an upstream had no room for all its TLVs; some were left out. Once a header.
    case v2TLVsExceedMaxLength
    /// All servers of the upstream had `max_connections` for as long as a session may wait; the client was told 421.
    case sessionsUpstreamFull
    /// The upstream did not greet with 220, or refused EHLO, after the client had been greeted by Mailrace; or it
    /// refused for the time being, and no other server could be connected.
    case sessionsUpstreamRefused
    /// The session was ended by a drain: with a 421 before the hand-off, or without text at the drain's deadline after
    /// it.
    case sessionsDrained
    /// The client or the upstream let a deadline pass before the hand-off (greeting, command or reply), TLS excepted.
    case sessionsCommandTimeout
    /// Neither side sent a byte for `passthrough_idle` after the hand-off.
    case sessionsIdleTimeout
    /// The session had lived for `timeouts.session` after the hand-off.
    case sessionsSessionTimeout
    /// The session, or its client in a message, moved fewer bytes than `minimum_rate` asks for.
    case sessionsTooSlow

    /// A recipient of a transaction was accepted.
    case recipientsAccepted
    /// A recipient was put off (452 4.5.3) because its mail goes elsewhere than that of the first.
    case multiRouteDeferred
    /// A message was passed on whole, and what the upstream server says of it was lost; the client was told 451 4.4.2.
    case ambiguousTotal
    /// Bytes of the messages that upstream servers have accepted (RFC 1870 section 5).
    case messageBytesAccepted

    /// Bytes received from clients, without TLS framing. Added at the latest when the session ends; so are the next
    /// three.
    case downstreamRxBytes
    /// Bytes sent to clients, without TLS framing.
    case downstreamTxBytes
    /// Bytes received from upstreams.
    case upstreamRxBytes
    /// Bytes sent to upstreams.
    case upstreamTxBytes
    /// Bytes of a flow without TLS, of either direction, that went from one connection to the other by splice(2). They
    /// are part of the bytes sent.
    case splicedBytes

    /// Connections accepted, those that were turned away included.
    case downstreamCxTotal
    /// Sessions for which no server was found: none was reachable, or none had room.
    case downstreamCxNoRoute
    /// Reading from one side was put off because the other side does not take what has been read.
    case flowControlPausedReadingTotal
    /// Reading went on after that.
    case flowControlResumedReadingTotal
    /// Sessions in which the client sent something before it was greeted.
    case earlyDataReceivedCountTotal
    /// Sessions whose client had ended its direction while bytes for the upstream were still to be sent.
    case upstreamFlushTotal
}

extension Counter {
    /// What is counted where a client is turned away for what it is, or for want of room, before it has done anything.
    public static let refusals: [Counter] = [
        .sessionsRefused, .sessionsRefusedAddress, .sessionsRefusedRate, .sessionsProxyUntrusted,
    ]

    /// The name in snapshots: lower case with underscores, never changed once released.
    public var name: String { definition.name }

    /// One sentence for the person who reads a snapshot.
    public var help: String { definition.help }

    private var definition: (name: String, help: String) {
        switch self {
        case .sessions: ("sessions", "Sessions begun.")
        case .sessionsUpstreamDesync: ("sessions_upstream_desync", "The upstream spoke out of turn.")
        case .sessionsDownstreamDesync: ("sessions_downstream_desync", "The client spoke out of turn.")
        case .sessionsBadLine: ("sessions_bad_line", "The client sent a command line that is none, or too long.")
        case .sessionsBadPipeline:
            ("sessions_bad_pipeline", "The client pipelined behind EHLO, HELO, STARTTLS or DATA.")
        case .sessionsBadEhlo: ("sessions_bad_ehlo", "The client began with another command than EHLO or HELO.")
        case .sessionsNonEsmtp: ("sessions_non_esmtp", "The client said HELO.")
        case .sessionsEsmtpUnencrypted: ("sessions_esmtp_unencrypted", "ESMTP went on without our TLS.")
        case .sessionsDownstreamTerminatedSSL:
            ("sessions_downstream_terminated_ssl", "TLS handshakes with clients completed.")
        case .sessionsDownstreamSSLErr: ("sessions_downstream_ssl_err", "TLS handshakes with clients failed.")
        case .sessionsUpstreamTerminatedSSL:
            ("sessions_upstream_terminated_ssl", "TLS handshakes with upstreams completed.")
        case .sessionsUpstreamSSLErr:
            ("sessions_upstream_ssl_err", "Sessions ended by a failed TLS handshake with the upstream.")
        case .sessionsUpstreamSSLCommandErr:
            ("sessions_upstream_ssl_command_err", "The upstream refused STARTTLS.")
        case .sessionsUpstreamSSLNotOffered:
            ("sessions_upstream_ssl_not_offered", "The upstream did not offer STARTTLS where it is wanted.")
        case .sessionsTLSRequired: ("sessions_tls_required", "The client was told that STARTTLS is required.")
        case .sessionsUpstreamBadReply: ("sessions_upstream_bad_reply", "The upstream sent a malformed reply.")
        case .sessionsUpstreamEarlyClose: ("sessions_upstream_early_close", "The upstream left before the hand-off.")
        case .sessionsUpstreamConnectFail: ("sessions_upstream_connect_fail", "No upstream server could be reached.")
        case .sessionsUpstream421: ("sessions_upstream_421", "The upstream closed with a 421 before the hand-off.")
        case .sessionsRefused: ("sessions_refused", "Connections turned away over max_sessions.")
        case .sessionsRefusedAddress:
            ("sessions_refused_address", "Sessions refused because their address had too many.")
        case .sessionsRefusedRate:
            ("sessions_refused_rate", "Sessions refused because their address came too often.")
        case .sessionsProxyUntrusted:
            ("sessions_proxy_untrusted", "Connections closed that came from no trusted proxy.")
        case .sessionsBadProxyHeader:
            ("sessions_bad_proxy_header", "Sessions without a valid PROXY header in time.")
        case .v2TLVsExceedMaxLength:
            ("v2_tlvs_exceed_max_length", "PROXY headers to upstreams that had no room for all their TLVs.")
        case .sessionsUpstreamFull:
            ("sessions_upstream_full", "All servers of the upstream had as many connections as they may.")
        case .sessionsUpstreamRefused:
            ("sessions_upstream_refused", "The upstream refused a client, and Mailrace told it so.")
        case .sessionsDrained: ("sessions_drained", "Sessions ended by a drain.")
        case .sessionsCommandTimeout: ("sessions_command_timeout", "A deadline passed before the hand-off.")
        case .sessionsIdleTimeout: ("sessions_idle_timeout", "Sessions idle for too long after the hand-off.")
        case .sessionsSessionTimeout: ("sessions_session_timeout", "Sessions that had lived for as long as they may.")
        case .sessionsTooSlow: ("sessions_too_slow", "Sessions that moved fewer bytes than they must.")
        case .recipientsAccepted: ("recipients_accepted", "Recipients accepted.")
        case .multiRouteDeferred:
            ("multi_route_deferred_total", "Recipients put off because their mail goes elsewhere than the first's.")
        case .ambiguousTotal: ("ambiguous_total", "Messages passed on whole whose final reply was lost.")
        case .messageBytesAccepted: ("message_bytes_accepted", "Bytes of messages that were accepted.")
        case .downstreamRxBytes: ("downstream_rx_bytes", "Bytes received from clients.")
        case .downstreamTxBytes: ("downstream_tx_bytes", "Bytes sent to clients.")
        case .upstreamRxBytes: ("upstream_rx_bytes", "Bytes received from upstreams.")
        case .upstreamTxBytes: ("upstream_tx_bytes", "Bytes sent to upstreams.")
        case .splicedBytes: ("spliced_bytes", "Bytes that were relayed without being copied.")
        case .downstreamCxTotal: ("downstream_cx_total", "Connections accepted.")
        case .downstreamCxNoRoute: ("downstream_cx_no_route", "Sessions for which no server was found.")
        case .flowControlPausedReadingTotal:
            ("flow_control_paused_reading_total", "Times that reading was put off for a slow reader.")
        case .flowControlResumedReadingTotal:
            ("flow_control_resumed_reading_total", "Times that reading went on after that.")
        case .earlyDataReceivedCountTotal:
            ("early_data_received_count_total", "Sessions whose client spoke before it was greeted.")
        case .upstreamFlushTotal:
            ("upstream_flush_total", "Sessions whose client was done while bytes for the upstream still waited.")
        }
    }
}
