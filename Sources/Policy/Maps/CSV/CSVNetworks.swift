import Wire

/// Networks and what stands behind them: of those that hold an address, the smallest counts.
struct CSVNetworks: Sendable {
    /// A network without the bits behind its prefix.
    private struct Prefix: Hashable {
        let bits: UInt128
        let length: Int
        let isIPv4: Bool

        init(_ address: IPAddress, length: Int) {
            let width = address.isIPv4 ? 32 : 128
            let bits = address.octets.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
            self.bits = length == 0 ? 0 : bits >> (width - length)
            self.length = length
            isIPv4 = address.isIPv4
        }
    }

    private var entries: [Prefix: Int] = [:]
    /// Those that there are, the longest first.
    private var lengths: (ipv4: [Int], ipv6: [Int]) = ([], [])

    var count: Int { entries.count }

    mutating func add(_ network: IPNetwork, _ entry: Int) {
        entries[Prefix(network.address, length: network.prefixLength)] = entry
        if network.address.isIPv4 {
            Self.note(network.prefixLength, in: &lengths.ipv4)
        } else {
            Self.note(network.prefixLength, in: &lengths.ipv6)
        }
    }

    private static func note(_ length: Int, in lengths: inout [Int]) {
        guard !lengths.contains(length) else { return }
        lengths.append(length)
        lengths.sort(by: >)
    }

    func entry(of address: IPAddress) -> Int? {
        for length in address.isIPv4 ? lengths.ipv4 : lengths.ipv6 {
            if let entry = entries[Prefix(address, length: length)] { return entry }
        }
        return nil
    }
}
