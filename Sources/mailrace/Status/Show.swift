import Glibc
import Lookup
import Service
import Settings
import Telemetry

/// `mailrace status` and `mailrace sessions`: what the admin endpoint of the running process shows.
enum Show {
    static func run(_ options: Options) -> ExitCode {
        let client: AdminClient
        switch address(options) {
        case .success(let address): client = AdminClient(address: address)
        case .failure(let ending): return ending.code
        }
        let view = View(client: client, options: options)
        return options.watches ? LiveView(view).run() : once(view)
    }

    private static func once(_ view: View) -> ExitCode {
        do throws(AdminClient.Failure) {
            let answer = try view.answer()
            return Terminal.show((view.isJSON ? [answer.json] : answer.lines).map { "\($0)\n" }.joined())
        } catch { return unavailable(error.reason).code }
    }

    /// A way to end, said already.
    private struct Ending: Error {
        let code: ExitCode
    }

    /// Where the endpoint is, by the command line or the configuration.
    private static func address(_ options: Options) -> Result<Settings.ListenAddress, Ending> {
        if let address = options.admin { return .success(address) }
        do throws(SettingsProblems) {
            guard let address = try Settings.loadWithoutNamedFiles(options.sources).settings.admin.listen else {
                return .failure(unavailable("admin.listen is empty: that Mailrace shows nothing of itself"))
            }
            guard address.endpoint?.port != 0 else {
                return .failure(
                    unavailable("admin.listen has port 0: the log tells the one chosen; give it to --admin"))
            }
            return .success(address)
        } catch {
            error.show()
            return .failure(Ending(code: .configuration))
        }
    }

    private static func unavailable(_ reason: String) -> Ending {
        Terminal.writeError("mailrace: \(reason)\n")
        return Ending(code: .unavailable)
    }
}

/// What is shown: one page of the endpoint, in the forms that it can be shown in.
struct View {
    let client: AdminClient
    let options: Options

    struct Answer {
        let json: String
        /// For a pipe that is fed again and again.
        let line: String
        let lines: [String]
    }

    var isJSON: Bool { options.printsJSON }

    /// Blocks until the endpoint has answered.
    func answer() throws(AdminClient.Failure) -> Answer {
        if options.command == .sessions {
            let document = try client.document("/sessions?limit=\(options.limit ?? Options.limitStandard)")
            let text = SessionsText(document: document.root)
            return Answer(json: document.line, line: text.line, lines: text.lines)
        }
        let document = try client.document("/status.json")
        let text = StatusText(status: document.root)
        return Answer(json: document.line, line: text.line, lines: text.lines)
    }
}
