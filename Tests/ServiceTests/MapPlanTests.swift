import Glibc
import Policy
import Settings
import TestSupport
import Testing

@testable import Service

/// Maps through a change of the configuration.
@Suite struct MapPlanTests {
    private static func text(file: String, password: String, more: String = "") -> String {
        """
        [listener.mx]
        listen = ["127.0.0.1:0"]
        depth = "envelope"
        [[listener.mx.route]]
        map = "customers"
        [upstream.backend]
        servers = ["127.0.0.1:2500"]
        [map.customers]
        type = "csv"
        file = "\(file)"
        upstream_settings = "backend"
        [map.db]
        type = "mysql"
        host = "127.0.0.1"
        password_file = "\(password)"
        query = "SELECT server FROM route WHERE recipient = ?"
        \(more)
        """
    }

    private final class Folder {
        let path: String

        init() throws {
            var template = Array("/tmp/mailrace-maps-XXXXXX".utf8CString)
            path = String(cString: try #require(mkdtemp(&template)))
        }

        deinit {
            for name in ["routes.csv", "password"] { unlink("\(path)/\(name)") }
            rmdir(path)
        }

        func write(_ name: String, _ text: String) throws -> String {
            let file = try #require(fopen("\(path)/\(name)", "w"))
            fputs(text, file)
            fclose(file)
            return "\(path)/\(name)"
        }
    }

    private func load(_ text: String) throws -> LoadedSettings { try Settings.load(SettingsSources(text: text)) }

    private func pool(of plan: LoadedPlan) throws -> AnyObject {
        guard case .sql(let pool) = plan.maps[1].kind else { throw NoPool() }
        return pool
    }

    private struct NoPool: Error {}

    @Test func whatIsTheSameStays() throws {
        let folder = try Folder()
        let text = Self.text(
            file: try folder.write("routes.csv", "key;server\na.example;backend\n"),
            password: try folder.write("password", "one\n"))
        let first = try load(text).planned(after: nil)
        let second = try load(text).planned(after: first)
        #expect(second.maps[0].store != nil && second.maps[0].store === first.maps[0].store)
        #expect(try pool(of: second) === pool(of: first))
        // Another password is another connection, and another list of upstreams another reading of the file.
        _ = try folder.write("password", "two\n")
        let third = try load(text + "\n[upstream.other]\nservers = [\"127.0.0.1:2501\"]").planned(after: second)
        #expect(try pool(of: third) !== pool(of: second))
        #expect(third.maps[0].store !== second.maps[0].store && third.maps[0].store?.count == 1)
    }

    @Test func aBadFileIsAProblemOfTheConfiguration() throws {
        let folder = try Folder()
        let file = try folder.write("routes.csv", "key;server\na.example;backend\nrubbish\n")
        let text = Self.text(file: file, password: try folder.write("password", "one\n"))
        let error = #expect(throws: SettingsProblems.self) { try load(text).planned(after: nil) }
        let expected = "configuration:10:8: map.customers.file: \(file): line 3: no semicolon stands behind the key"
        #expect(error?.list.map(\.description) == [expected])
    }

    @Test func aHeaderThatIsARouteIsWarnedOf() throws {
        let folder = try Folder()
        let file = try folder.write("routes.csv", "joe@a.example;backend\n")
        let plan = try load(Self.text(file: file, password: try folder.write("password", "one\n"))).planned(after: nil)
        #expect(plan.warnings.count == 1 && plan.warnings[0].description.contains("line 1: it is taken for the header"))
    }
}
