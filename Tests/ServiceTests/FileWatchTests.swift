import Glibc
import Ring
import Testing

@testable import Service

@Suite struct FileWatchTests {
    private let folder: TemporaryFolder
    private let told = BlockingQueue<Bool>(limit: 1000)

    init() throws {
        folder = try TemporaryFolder()
    }

    private func watch(_ names: [String]) -> FileWatch {
        let watch = FileWatch(interval: .milliseconds(5)) { [told] in _ = told.push(true) }
        watch.look(after: names.map { folder.path + "/" + $0 })
        return watch
    }

    @Test func everyChangeIsTold() throws {
        try folder.write("a", "one")
        try folder.write("b", "one")
        let watch = watch(["a", "b"])
        defer { watch.end() }
        _ = told.pop()  // The first look.
        try folder.write("a", "longer")
        _ = told.pop()
        try folder.write("new", "of another file")
        rename(folder.path + "/new", folder.path + "/b")
        _ = told.pop()
        unlink(folder.path + "/b")
        _ = told.pop()
        try folder.write("b", "again")
        _ = told.pop()
        chmod(folder.path + "/a", 0o600)
        _ = told.pop()
    }

    @Test func aLinkThatIsTurnedIsAChange() throws {
        try folder.write("a", "same")
        try folder.write("b", "same")
        let link = folder.path + "/link"
        symlink("a", link)
        defer { unlink(link) }
        let watch = watch(["link"])
        defer { watch.end() }
        _ = told.pop()
        symlink("b", link + ".new")
        rename(link + ".new", link)
        _ = told.pop()
    }

    @Test func otherFilesAreLookedAtAfresh() throws {
        try folder.write("a", "")
        let watch = watch(["a"])
        defer { watch.end() }
        _ = told.pop()
        watch.look(after: [folder.path + "/b"])
        _ = told.pop()
    }

    @Test func theEndIsAtOnce() {
        let watch = FileWatch(interval: .seconds(3600)) {}
        let start = Instant.current()
        watch.end()
        #expect(Instant.current().nanoseconds(since: start) < 10_000_000_000)
    }
}
