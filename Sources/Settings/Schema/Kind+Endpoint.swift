extension Kind where Value == Endpoint {
    /// An IP address with a port; without a port, `standard`, if there is one.
    static func endpoint(ports: ClosedRange<Int>, default standard: UInt16? = nil) -> Kind {
        .string("an address, as in \"192.0.2.1:25\" or \"[2001:db8::1]:25\"") { text in
            Endpoint.parse(text, defaultPort: standard, ports: ports)
        } format: { endpoint in
            endpoint.description
        }
    }
}
