import Wire

/// The Host field of an HTTP request. A page of somebody else's, open in a browser on this machine, can give a name of
/// its own the address of the admin endpoint and read it so (DNS rebinding); its requests then carry that name.
enum HostField {
    /// True where the field is an IP address, `localhost` or one of `names`, with or without a port; also where there
    /// is none, which no browser does.
    static func isTrusted(_ field: String?, names: [String]) -> Bool {
        guard let field, !field.isEmpty else { return true }
        let host: Substring
        if field.hasPrefix("["), let end = field.firstIndex(of: "]") {
            host = field[field.index(after: field.startIndex)..<end]
            return isPort(field[field.index(after: end)...]) && IPAddress(String(host)) != nil
        }
        host = field.prefix { $0 != ":" }
        guard isPort(field[host.endIndex...]) else { return false }
        let name = host.lowercased()
        return name == "localhost" || names.contains { $0.lowercased() == name } || IPAddress(String(host)) != nil
    }

    /// True for nothing, and for a colon with digits.
    private static func isPort(_ text: Substring) -> Bool {
        guard let first = text.first else { return true }
        return first == ":" && text.utf8.dropFirst().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}
