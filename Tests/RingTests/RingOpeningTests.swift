import CLinux
import CUring
import Glibc
import Testing

@testable import Ring

/// RLIMIT_MEMLOCK, which Glibc's module leaves out.
private let lockedMemory = __rlimit_resource_t(8)

/// Rings that cannot be had, and what the administrator is told.
@Suite struct RingOpeningTests {
    @Test(arguments: [
        (ENOSYS, "Linux 6.1"), (EINVAL, "Linux 6.1"), (EMFILE, "LimitNOFILE"), (ENOMEM, "LimitMEMLOCK"),
    ])
    func theMessageNamesTheRemedy(errno: Int32, remedy: String) {
        let message = RingUnavailable(errno).description
        #expect(message.hasPrefix("io_uring is not available: "))
        #expect(message.contains(remedy))
        #expect(!message.contains("\n"))
    }

    private static let plain = RingUnavailable.Circumstances(
        kernel: "6.12.1-1-amd64", disabled: 0, group: -1, seccomp: 2, lockedBytesMax: 8 << 20, user: 998)

    private static func with(_ change: (inout RingUnavailable.Circumstances) -> Void) -> RingUnavailable.Circumstances {
        var circumstances = plain
        change(&circumstances)
        return circumstances
    }

    @Test(arguments: [
        (EPERM, with { $0.disabled = 2 }, "switches it off for every process: set kernel.io_uring_disabled=0"),
        (
            EPERM,
            with {
                $0.disabled = 1
                $0.group = 77
            }, "kernel.io_uring_group (77)"
        ),
        (EPERM, plain, "allow @aio in SystemCallFilter="), (EPERM, with { $0.disabled = nil }, "seccomp"),
        (EPERM, with { $0.seccomp = 0 }, "a security module may"), (EACCES, plain, "SELinux, AppArmor"),
        (ENOSYS, with { $0.kernel = "4.19.0" }, "this kernel (4.19.0) is too old"),
        (ENOSYS, with { $0.kernel = "5.0.21" }, "too old"), (ENOSYS, with { $0.kernel = "5.1" }, "CONFIG_IO_URING"),
        (ENOSYS, plain, "gVisor"), (ENOMEM, plain, "(8192 KiB for user 998, shared by all its processes)"),
        (EINVAL, plain, "this kernel (6.12.1-1-amd64) lacks"), (ENFILE, plain, "LimitNOFILE="),
    ])
    func theCauseIsFoundOut(errno: Int32, _ circumstances: RingUnavailable.Circumstances, words: String) {
        let message = RingUnavailable(errno, circumstances).description
        #expect(message.contains(words))
        #expect(message.contains(systemErrorText(errno)))
    }

    @Test func otherErrorsAreTheSystemsWords() {
        #expect(RingUnavailable(EIO).description.contains(systemErrorText(EIO)))
        #expect(systemErrorText(12_345) != "")
    }

    @Test func aProcessWithoutDescriptorsIsTold() async {
        await #expect(processExitsWith: .success) {
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
            var usual = rlimit()
            precondition(getrlimit(resource, &usual) == 0)
            var few = rlimit(rlim_cur: 3, rlim_max: usual.rlim_max)
            precondition(setrlimit(resource, &few) == 0)
            // What the process does at its end may want a descriptor.
            defer { setrlimit(resource, &usual) }
            do throws(RingUnavailable) {
                _ = try Shard()
                preconditionFailure("a ring without a descriptor")
            } catch {
                precondition(error.errno == EMFILE, error.description)
            }
        }
    }

    /// Where locked memory counts (an unprivileged user on recent kernels), a ring of the usual size does not fit into
    /// a small limit: smaller ones are tried before giving up.
    @Test(arguments: [64, 4_096, 262_144] as [Int])
    func littleLockedMemoryGivesSmallerRingsOrAMessage(limitBytes: Int) async {
        await #expect(processExitsWith: .success) { [limitBytes] in
            var limit = rlimit(rlim_cur: rlim_t(limitBytes), rlim_max: rlim_t(limitBytes))
            precondition(setrlimit(lockedMemory, &limit) == 0)
            guard getuid() != 0 || setuid(65_534) == 0 else {
                print("skipped: this process cannot give its privileges away")
                return
            }
            let start = Instant.current()
            do throws(RingUnavailable) {
                let ring = try Ring(sizes: Ring.Sizes())
                if Instant.current().nanoseconds(since: start) < 1_000_000_000 {
                    print("skipped: this kernel does not count rings as locked memory")
                } else {
                    precondition(ring.buffers.count < 256)
                }
            } catch {
                precondition(error.errno == ENOMEM, error.description)
                precondition(error.description.contains("LimitMEMLOCK"))
            }
        }
    }

    @Test func aRingReportsWhatItCanDo() {
        let lines = RingReport.lines
        #expect(lines.first?.name == "io_uring" && lines.first?.value == "available")
        #expect(lines.count == 1 + RingFeatures.names.count)
    }

    @Test func featuresCanBeKeptBack() throws {
        let ring = try Ring(allowing: .kernel61)
        #expect(ring.features == .kernel61)
        #expect(RingFeatures.kernel61.isEmpty)
    }
}
