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
        let watch = FileWatch(interval: .milliseconds(5)) { [told] in
            _ = told.push(true)
            return false
        }
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

    @Test func whoWantsToIsToldAgain() throws {
        try folder.write("a", "one")
        let count = BlockingQueue<Int>(limit: 1000)
        let calls = Locked(0)
        let watch = FileWatch(interval: .milliseconds(5)) {
            let number = calls.withLock { number in
                number += 1
                return number
            }
            _ = count.push(number)
            return number < 3
        }
        defer { watch.end() }
        watch.look(after: [folder.path + "/a"])
        #expect([count.pop(), count.pop(), count.pop()] == [1, 2, 3])
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
        let watch = FileWatch(interval: .seconds(3600)) { false }
        let start = Instant.current()
        watch.end()
        #expect(Instant.current().nanoseconds(since: start) < 10_000_000_000)
    }
}
