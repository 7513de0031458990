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

    /// Opens files with the rights of that user alone, on this thread: a folder that is the user's may have links in it
    /// to files that are not.
    ///
    /// - Parameter user: nil: opens them as it is.
    /// - Throws: what `open` throws, or why that user's rights cannot be had.
    public static func open<Opened>(
        as user: ServiceUser?, for loaded: LoadedSettings, _ open: () throws(SettingsProblems) -> Opened
    ) throws(SettingsProblems) -> Opened {
        guard let user else { return try open() }
        let result = linux_lend_rights(user.name, user.user, user.group)
        guard result >= 0 else {
            let reason = "cannot become \(user.name): \(systemErrorText(-result))"
            throw SettingsProblems(list: [loaded.problem(with: "runtime.user", reason)])
        }
        defer { linux_regain_rights() }
        return try open()
    }

    /// Becomes that user, for good.
    ///
    /// - Parameter socket: one of root's that the process goes on with.
    /// - Returns: why that cannot be, as an errno; 0 where it is done.
    func become(takingAlong socket: ListeningSocket?) -> Int32 {
        socket?.give(toUser: user, group: group)
        let result = linux_become(name, user, group)
        return result < 0 ? -result : 0
    }

    /// What the next reload will not be able to read, and passwords that are read only when somebody comes with one.
    func doubts(about loaded: LoadedSettings) -> [String] {
        let files = [loaded.file].compactMap { $0 } + loaded.settings.namedFiles.filter { !$0.hasPrefix("$") }
        let passwords = loaded.settings.authenticators.filter { $0.type == .file }.map(\.file)
        return files.filter { access($0, R_OK) != 0 }.map { file in
            "\(file) was read as root, and \(name) may not: the next reload will be refused"
        }
            + passwords.filter { access($0, R_OK) != 0 }.map { file in
                "\(file) cannot be read by \(name): nobody's password will be known"
            }
    }
}
