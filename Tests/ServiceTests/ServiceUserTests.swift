import Glibc
import Settings
import Testing

@testable import Service

@Suite struct ServiceUserTests {
    private func plan(_ runtime: String, isRoot: Bool = true) throws -> ServiceUser.Plan {
        let text = """
            [runtime]
            \(runtime)
            [listener.mx]
            listen = ["127.0.0.1:0"]
            upstream = "backend"
            [upstream.backend]
            servers = ["127.0.0.1:1"]
            """
        return try ServiceUser.plan(Settings.read(Array(text.utf8), file: "m.toml"), isRoot: isRoot)
    }

    @Test func rootBecomesTheUser() throws {
        let nobody = try #require(getpwnam("nobody")).pointee
        let user = ServiceUser(name: "nobody", user: nobody.pw_uid, group: nobody.pw_gid)
        #expect(try plan("user = \"nobody\"") == .become(user))
    }

    @Test func othersStayWhoTheyAre() throws {
        #expect(try plan("user = \"nobody\"", isRoot: false) == .stay)
        #expect(try plan("user = \"nobody-of-this-name\"", isRoot: false) == .stay)
    }

    @Test func rootMayBeWanted() throws {
        #expect(try plan("user = \"\"") == .stay)
    }

    @Test func aUserThatIsNotThere() throws {
        #expect {
            try plan("user = \"nobody-of-this-name\"")
        } throws: { error in
            (error as? SettingsProblems)?.list.map(\.description)
                == ["m.toml:2:8: runtime.user: there is no user nobody-of-this-name"]
        }
    }

    @Test(.enabled(if: getpwnam("mailrace") == nil)) func theDefaultMayBeMissing() throws {
        #expect(try plan("") == .stayAsRoot("runs as root: there is no user mailrace (runtime.user)"))
    }
}
