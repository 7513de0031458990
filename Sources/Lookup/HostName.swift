public import Ring

/// The name of a host, as DNS knows it both ways: the address leads to the name, and the name back to the address.
public enum HostName: Sendable, Equatable {
    /// Without a dot at its end.
    case known(String, timeToLive: Duration)
    /// The address has no name, or none that leads back to it.
    case none
    /// DNS did not answer in time or as it should, or the name is written in other characters than host names are.
    case failed

    /// How many names of one address are looked at.
    static let namesLimit = 4
}

extension Resolver {
    /// The name of a host by its address.
    ///
    /// - Parameters:
    ///   - octets: 4 (IPv4) or 16 (IPv6), in network order.
    ///   - deadline: of all questions together; coarse.
    public func hostName(of octets: [UInt8], deadline: Instant) async -> HostName {
        let names: [String]
        do throws(ResolutionError) { names = try await self.names(of: octets, deadline: deadline) } catch {
            return HostName(error)
        }
        var result = HostName.none
        for name in names.prefix(HostName.namesLimit) {
            switch await confirmed(name, octets, deadline) {
            case .known(let name, let timeToLive): return .known(name, timeToLive: timeToLive)
            case .failed: result = .failed
            case .none: continue
            }
        }
        return result
    }

    private func confirmed(_ name: String, _ octets: [UInt8], _ deadline: Instant) async -> HostName {
        let name = name.hasSuffix(".") ? String(name.dropLast()) : name
        guard HostName.isWellFormed(name) else { return .failed }
        do throws(ResolutionError) {
            // With the dot no domain of ours completes it.
            let found = try await addresses(of: name + ".", deadline: deadline)
            return found.addresses.contains(octets) ? .known(name, timeToLive: found.timeToLive) : .none
        } catch {
            return HostName(error)
        }
    }
}

extension HostName {
    /// The outcome where there is no answer, or one that says so.
    fileprivate init(_ error: ResolutionError) {
        self = error == .notFound || error == .noAddress ? .none : .failed
    }

    /// RFC 1123 section 2.1, for what is written into protocols and logs: nothing else than this.
    static func isWellFormed(_ name: String) -> Bool {
        (1...253).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }
}
