import Settings

/// Any bytes as a configuration file: settings or problems, never a trap; and what was printed is read as the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSettings(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let loaded: LoadedSettings
    do throws(SettingsProblems) {
        loaded = try Settings.read(bytes, file: "fuzz.toml")
    } catch {
        precondition(!error.list.isEmpty && error.list.allSatisfy { !$0.description.isEmpty })
        return 0
    }
    let again = try? Settings.read(Array(loaded.printed().utf8), file: "printed.toml")
    precondition(again?.settings == loaded.settings)
    return 0
}
