import Wire

/// The key of a line.
enum CSVKey: Equatable {
    /// In the form in which `MapKeys` asks.
    case text([UInt8])
    case network(IPNetwork)
    case refused(String)

    init(_ field: [UInt8], _ rules: CSVRules) {
        guard String(validating: field, as: UTF8.self) != nil else {
            self = .refused("the key is no UTF-8")
            return
        }
        switch rules.subject {
        case .recipient, .sender: self = Self.mail(field, rules)
        case .login: self = .text(rules.foldsLocalParts ? MapAddress.folded(field) : field)
        case .client:
            do throws(IPNetworkError) {
                self = .network(try IPNetwork(String(decoding: field, as: UTF8.self)))
            } catch {
                self = .refused("the key is no network: \(error)")
            }
        }
    }

    private static func mail(_ field: [UInt8], _ rules: CSVRules) -> CSVKey {
        if field == MapKeys.nullPath { return .text(field) }
        if field == [UInt8(ascii: "*")] {
            return .refused("a map has no key for everybody; a route with an upstream takes whoever is left")
        }
        if field.contains(.at) {
            let address = MapAddress(field, foldsLocalPart: rules.foldsLocalParts)
            guard !address.localPart.isEmpty else {
                return .refused("nothing stands before the @ of the key; a domain stands alone")
            }
            return .text(address.text)
        }
        let star = Array("*.".utf8)
        let mark = field.starts(with: star) ? star : field.first == .dot ? [.dot] : []
        let domain = DomainName.normalised(field.dropFirst(mark.count))
        guard domain.contains(where: { $0 != .dot }), !domain.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else {
            return .refused("the key is neither an address nor a domain")
        }
        return .text(mark + domain)
    }
}
