import CLinux
import Glibc
import Ring
public import Settings

/// The user that a process which was started as root goes on as.
public struct ServiceUser: Sendable, Equatable {
    let name: String
    let user: UInt32
    let group: UInt32

    /// What is to become of root.
    public enum Plan: Sendable, Equatable {
        /// It is somebody else's process already, or stays root's as the configuration wants it.
        case stay
        /// It stays root's, for this reason.
        case stayAsRoot(String)
        case become(ServiceUser)
    }

    /// - Throws: a user that the configuration names and the system does not know.
    public static func plan(_ loaded: LoadedSettings) throws(SettingsProblems) -> Plan {
        try plan(loaded, isRoot: geteuid() == 0)
    }

    static func plan(_ loaded: LoadedSettings, isRoot: Bool) throws(SettingsProblems) -> Plan {
        let name = loaded.settings.runtime.user
        guard isRoot, !name.isEmpty else { return .stay }
        var ids: (user: UInt32, group: UInt32) = (0, 0)
        let result = linux_find_user(name, &ids.user, &ids.group)
        if result >= 0 { return .become(ServiceUser(name: name, user: ids.user, group: ids.group)) }
        let reason = result == -ENOENT ? "there is no user \(name)" : systemErrorText(-result)
        guard !loaded.has("runtime.user") else {
            throw SettingsProblems(list: [loaded.problem(with: "runtime.user", reason)])
        }
        return .stayAsRoot("runs as root: \(reason) (runtime.user)")
    }

    /// Has this thread, and all that are started from now on, get no more privileges. To be called before there are
    /// other threads.
    public func renounce() {
        _ = linux_renounce_new_privileges()
    }

    /// Becomes that user, for good.
    ///
    /// - Parameter files: those of root that the process goes on with: the log, the control socket.
    /// - Returns: why that cannot be, as an errno; 0 where it is done.
    func become(takingAlong files: [String]) -> Int32 {
        for file in files { _ = linux_change_owner(file, user, group) }
        let result = linux_become(name, user, group)
        return result < 0 ? -result : 0
    }

    /// What the next reload will not be able to read.
    func doubts(about loaded: LoadedSettings) -> [String] {
        let files = [loaded.file].compactMap { $0 } + loaded.settings.namedFiles.filter { !$0.hasPrefix("$") }
        return files.filter { access($0, R_OK) != 0 }.map { file in
            "\(file) was read as root, and \(name) may not: the next reload will be refused"
        }
    }
}
