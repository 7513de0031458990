import Settings

/// Any bytes as a configuration file, or as values of keys: settings or problems, never a trap; and what was printed is
/// read as the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSettings(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let loaded: LoadedSettings
    do throws(SettingsProblems) {
        // No text of UTF-8 begins with this byte.
        if bytes.first == 0xFF {
            loaded = try Settings.read(Array(base.utf8), file: "base.toml", options: options(bytes.dropFirst()))
        } else {
            loaded = try Settings.read(bytes, file: "fuzz.toml")
        }
    } catch {
        precondition(!error.list.isEmpty && error.list.allSatisfy { !$0.description.isEmpty })
        return 0
    }
    let again = try? Settings.read(Array(loaded.printed().utf8), file: "printed.toml")
    precondition(again?.settings == loaded.settings)
    return 0
}

/// What each key can be laid over.
private let base = """
    [tls.NAME]
    certificate = "c"
    key = "k"
    [upstream.NAME]
    servers = ["192.0.2.1"]
    [listener.NAME]
    listen = ["127.0.0.1:25"]
    upstream = "NAME"
    """

/// Lines of which the first byte chooses the key, and the rest is its value.
private func options(_ bytes: ArraySlice<UInt8>) -> [String] {
    bytes.split(separator: UInt8(ascii: "\n")).map { line in
        let key = SettingsKey.all[Int(line.first ?? 0) % SettingsKey.all.count]
        return "\(key.path)=\(String(decoding: line.dropFirst(), as: UTF8.self))"
    }
}
