import Glibc
import Service
import Testing

@testable import mailrace

/// What the commands say and end with, each in a process of its own: they write to its streams.
@Suite(.serialized) struct CommandTests {
    private func text(_ bytes: [UInt8]?) -> String { String(decoding: bytes ?? [], as: UTF8.self) }

    @Test func aReloadWithoutASocket() async {
        let ended = await #expect(processExitsWith: .exitCode(69), observing: [\.standardErrorContent]) {
            exit(Asking.run(Options(command: .reload, settings: ["runtime.control_socket="]), for: .reload).rawValue)
        }
        let said = text(ended?.standardErrorContent)
        #expect(said.contains("mailrace: runtime.control_socket is empty; send the process a SIGHUP\n"))
    }

    @Test func aReloadThatNobodyHears() async {
        let ended = await #expect(processExitsWith: .exitCode(69), observing: [\.standardErrorContent]) {
            exit(Asking.run(Options(command: .reload, socket: "/nonexistent/control.sock"), for: .reload).rawValue)
        }
        let said = text(ended?.standardErrorContent)
        #expect(said.contains("mailrace: /nonexistent/control.sock: No such file or directory\n"))
    }

    @Test func aReloadOfAWrongConfiguration() async {
        let ended = await #expect(processExitsWith: .exitCode(78), observing: [\.standardErrorContent]) {
            exit(Asking.run(Options(command: .reload, settings: ["runtime.shards=x"]), for: .reload).rawValue)
        }
        let said = text(ended?.standardErrorContent)
        #expect(said.contains("--set: runtime.shards: expected an integer from 0 to 1024, found \"x\"\n"))
    }

    /// Keys are for the service alone: who asks it something has no need of them.
    @Test func keysThatCannotBeReadHinderNobodyFromAsking() async {
        let ended = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let settings = [
                "listener.default.tls=a", "tls.a.certificate=/nonexistent/chain.pem",
                "tls.a.key=$CREDENTIALS_DIRECTORY/key.pem", "runtime.control_socket=/nonexistent/control.sock",
                "admin.listen=unix:/nonexistent/admin.sock",
            ]
            try #require(Asking.run(Options(command: .reload, settings: settings), for: .reload) == .unavailable)
            try #require(Asking.run(Options(command: .upgrade, settings: settings), for: .upgrade) == .unavailable)
            for command in [Options.Command.status, .sessions] {
                try #require(Show.run(Options(command: command, settings: settings)) == .unavailable)
            }
            exit(0)
        }
        let said = text(ended?.standardErrorContent)
        #expect(said.contains("mailrace: /nonexistent/control.sock: No such file or directory\n"))
        #expect(said.contains("/nonexistent/admin.sock") && !said.contains("tls.a"))
    }

    /// Before there is anybody to serve them; whatever the start comes to.
    @Test(arguments: [SIGHUP, SIGUSR1, SIGUSR2]) func aSignalDuringTheStartDoesNotEndIt(_ number: Int32) async {
        await #expect(processExitsWith: .success) { [number] in
            _ = Run.start(Options(command: .run, settings: ["log.file=/nonexistent/mailrace.log"]))
            raise(number)
            exit(0)
        }
    }

    @Test func aStartThatFailsIsSaidBesideTheLog() async {
        let ended = await #expect(processExitsWith: .exitCode(69), observing: [\.standardErrorContent]) {
            let settings = ["log.file=/dev/null", "listener.default.listen=192.0.2.1:25", "runtime.shards=1"]
            exit(Run.start(Options(command: .run, settings: settings)).rawValue)
        }
        let said = text(ended?.standardErrorContent)
        #expect(
            said.contains(
                "mailrace: listener default: cannot listen on 192.0.2.1:25: Cannot assign requested address\n"))
    }

    @Test func aLogThatCannotBeOpened() async {
        let ended = await #expect(processExitsWith: .exitCode(78), observing: [\.standardErrorContent]) {
            exit(Run.start(Options(command: .run, settings: ["log.file=/nonexistent/mailrace.log"])).rawValue)
        }
        let said = text(ended?.standardErrorContent)
        #expect(said.contains("--set: log.file: cannot open /nonexistent/mailrace.log: No such file or directory\n"))
    }

    @Test func aLogThatCouldNotBeOpened() async {
        let ended = await #expect(processExitsWith: .exitCode(78), observing: [\.standardErrorContent]) {
            exit(Check.run(Options(command: .check, settings: ["log.file=/nonexistent/mailrace.log"])).rawValue)
        }
        let said = text(ended?.standardErrorContent)
        #expect(said.contains("--set: log.file: cannot open /nonexistent/mailrace.log: No such file or directory\n"))
        let directory = await #expect(processExitsWith: .exitCode(78), observing: [\.standardErrorContent]) {
            exit(Check.run(Options(command: .check, settings: ["log.file=/tmp"])).rawValue)
        }
        let saidOfIt = text(directory?.standardErrorContent)
        #expect(saidOfIt.contains("--set: log.file: cannot open /tmp: Is a directory\n"))
    }

    @Test func aTranscriptThatCouldNotBeOpened() async {
        let ended = await #expect(processExitsWith: .exitCode(78), observing: [\.standardErrorContent]) {
            let settings = ["log.transcript=commands", "log.transcript_file=/tmp"]
            exit(Check.run(Options(command: .check, settings: settings)).rawValue)
        }
        let said = text(ended?.standardErrorContent)
        #expect(said.contains("log.transcript_file: cannot open /tmp: Is a directory\n"))
        await #expect(processExitsWith: .success) {
            exit(Check.run(Options(command: .check, settings: ["log.transcript_file=/tmp"])).rawValue)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root becomes somebody else")) func aUserThatThereIsNot() async {
        let ended = await #expect(processExitsWith: .exitCode(78), observing: [\.standardErrorContent]) {
            exit(Check.run(Options(command: .check, settings: ["runtime.user=no such"])).rawValue)
        }
        let said = text(ended?.standardErrorContent)
        #expect(said.contains("--set: runtime.user: there is no user no such\n"))
    }

    @Test func aLogIsNotMadeByLookingItOver() async {
        await #expect(processExitsWith: .success) {
            let file = "/tmp/mailrace-check-\(getpid()).log"
            let code = Check.run(Options(command: .check, settings: ["log.file=\(file)"]))
            try #require(access(file, F_OK) != 0)
            exit(code.rawValue)
        }
    }

    @Test func aCertificateThatCannotBeUsed() async {
        let ended = await #expect(processExitsWith: .exitCode(78), observing: [\.standardErrorContent]) {
            let settings = [
                "listener.default.tls=a", "tls.a.certificate=/dev/null", "tls.a.key=/dev/null",
            ]
            exit(Check.run(Options(command: .check, settings: settings)).rawValue)
        }
        let said = text(ended?.standardErrorContent)
        #expect(said.contains("--set: tls.a.certificate: /dev/null: holds no certificate in PEM form\n"))
    }

    @Test func credentialsAreForTheServiceAlone() async {
        let ended = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let name = "$CREDENTIALS_DIRECTORY/pair.pem"
            let settings = ["listener.default.tls=a", "tls.a.certificate=\(name)", "tls.a.key=\(name)"]
            exit(Check.run(Options(command: .check, settings: settings)).rawValue)
        }
        let said = text(ended?.standardErrorContent)
        #expect(said.contains("warning: --set: tls.a.key: cannot read \"$CREDENTIALS_DIRECTORY/pair.pem\": "))
        #expect(said.contains("; certificates and keys are not tried\n"))
    }

    @Test func aGoodConfiguration() async {
        let ended = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            exit(Check.run(Options(command: .check, settings: ["runtime.shards=1"])).rawValue)
        }
        let said = text(ended?.standardOutputContent)
        #expect(said.contains(": 1 listener, 1 upstream, 0 TLS sets\n"))
    }
}
