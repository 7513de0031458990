import CLinux
import Glibc
import Telemetry

/// A view that goes on until somebody ends it: redrawn in place on a terminal, one line a second elsewhere.
struct LiveView {
    private let view: View
    private let isTerminal: Bool

    private static let intervalSeconds: UInt32 = 1

    init(_ view: View) {
        self.view = view
        isTerminal = isatty(STDOUT_FILENO) == 1
    }

    /// Ends on SIGINT, SIGTERM, SIGHUP or SIGQUIT, or when nobody reads any more. The first answer has to come; later
    /// the view tells that there is none, and goes on: the process may be restarted.
    func run() -> ExitCode {
        signal(SIGPIPE, SIG_IGN)
        let canvas = Canvas(isTerminal: isTerminal)
        canvas.takeSignals()
        var answer: Result<View.Answer, AdminClient.Failure>
        do throws(AdminClient.Failure) { answer = .success(try view.answer()) } catch {
            Terminal.writeError("mailrace: \(error.reason)\n")
            return .unavailable
        }
        while true {
            let errno = canvas.draw { isTerminal ? Screen.drawn(lines(of: answer)) : line(of: answer) + "\n" }
            if let errno { return canvas.ended(by: errno) }
            sleep(Self.intervalSeconds)
            do throws(AdminClient.Failure) { answer = .success(try view.answer()) } catch { answer = .failure(error) }
        }
    }

    private func lines(of answer: Result<View.Answer, AdminClient.Failure>) -> [String] {
        switch answer {
        case .success(let answer): view.isJSON ? [answer.json] : answer.lines
        case .failure(let failure): [failure.reason]
        }
    }

    private func line(of answer: Result<View.Answer, AdminClient.Failure>) -> String {
        switch answer {
        case .success(let answer): view.isJSON ? answer.json : "\(UTCTime.now()) \(answer.line)"
        case .failure(let failure): view.isJSON ? "{}" : "\(UTCTime.now()) \(failure.reason)"
        }
    }
}

/// Control sequences (ECMA-48) that every terminal of today knows.
enum Screen {
    /// Another screen, so that what stood there comes back at the end; no cursor.
    static let begin = "\u{1b}[?1049h\u{1b}[?25l"
    static let end = "\u{1b}[?25h\u{1b}[?1049l"

    /// The lines over what stands there, cut to the terminal's size.
    static func drawn(_ lines: [String]) -> String {
        var height: UInt16 = 0
        var width: UInt16 = 0
        let isKnown = linux_terminal_size(STDOUT_FILENO, &height, &width) == 0 && height > 0 && width > 0
        return drawn(lines, height: isKnown ? Int(height) : 24, width: isKnown ? Int(width) : 80)
    }

    /// From the upper left corner, each line cleared to its end, then all below.
    static func drawn(_ lines: [String], height: Int, width: Int) -> String {
        let shown = lines.prefix(height).map { "\($0.prefix(width))\u{1b}[K" }
        return "\u{1b}[H\(shown.joined(separator: "\r\n"))\u{1b}[J"
    }
}
