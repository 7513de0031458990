extension Kind where Value: CustomStringConvertible {
    /// A value that is written as its description says.
    static func described(_ expected: String, parse: @escaping @Sendable (String) -> Parsed<Value>) -> Kind {
        .string(expected, parse: parse) { $0.description }
    }
}

extension Kind where Value == Endpoint {
    /// An IP address with a port; without a port, `standard`, if there is one.
    static func endpoint(ports: ClosedRange<Int>, default standard: UInt16? = nil) -> Kind {
        .described("an address, as in \"192.0.2.1:25\" or \"[2001:db8::1]:25\"") { text in
            Endpoint.parse(text, defaultPort: standard, ports: ports)
        }
    }
}

extension Kind where Value == Settings.ListenAddress {
    static var listenAddress: Kind {
        .described(
            "an address, as in \"192.0.2.1:25\", \"[2001:db8::1]:25\" or \"unix:/run/x.sock\"",
            parse: Settings.ListenAddress.parse)
    }
}

extension Kind where Value == Settings.ListenAddress? {
    /// As of a listener; `""` is none.
    static var optionalListenAddress: Kind {
        .string("an address, as in \"127.0.0.1:9125\" or \"unix:/run/x.sock\", or \"\"") { text in
            text.isEmpty ? .value(nil) : Settings.ListenAddress.parse(text).map(Optional.some)
        } format: { address in
            address?.description ?? ""
        }
    }
}

extension Kind where Value == Settings.ServerAddress {
    static var serverAddress: Kind {
        .described(
            "a server, as in \"192.0.2.1:25\", \"[2001:db8::1]:25\", \"mx.example.com\" or \"unix:/run/x.sock\"",
            parse: Settings.ServerAddress.parse)
    }
}

extension Kind where Value == Settings.Address {
    static var address: Kind { .described("an IP address", parse: Settings.Address.parse) }
}

extension Kind where Value == Settings.Network {
    static var network: Kind {
        .described("a network, as in \"192.0.2.0/24\" or \"2001:db8::/32\"", parse: Settings.Network.parse)
    }
}

extension Kind where Value == [Settings.Network] {
    static var networks: Kind { .list(of: .network, named: "networks, as in [\"192.0.2.0/24\"]", mayBeEmpty: true) }
}

extension Kind where Value == Settings.SocketPath? {
    /// A Unix socket of Mailrace's own, without a prefix; `""` is none.
    static var optionalSocketPath: Kind {
        .string("the path of a Unix socket, or \"\"") { text in
            text.isEmpty ? .value(nil) : Settings.SocketPath.parse(text[...], writtenAs: text).map(Optional.some)
        } format: { path in
            path?.text ?? ""
        }
    }
}

extension Kind where Value == Settings.ListenAddress? {
    /// A service that is met by a Unix socket, without a prefix, or at an IP address; `""` is none.
    static var optionalService: Kind {
        .string("the path of a Unix socket, an address as in \"127.0.0.1:12345\", or \"\"") { text in
            if text.isEmpty { return .value(nil) }
            let isPath = text.hasPrefix("/") || text.hasPrefix("@")
            guard !isPath, !text.hasPrefix(Settings.SocketPath.prefix) else {
                let path = isPath ? text[...] : text.dropFirst(Settings.SocketPath.prefix.count)
                return Settings.SocketPath.parse(path, writtenAs: text).map { .unix($0) }
            }
            return Endpoint.parse(text, defaultPort: nil, ports: 1...65_535).map { .ip($0) }
        } format: { address in
            if case .unix(let path) = address { path.text } else { address?.description ?? "" }
        }
    }
}
