/// An address in the form in which maps have it.
package struct MapAddress: Equatable {
    /// Without its quotes and backslashes: `"joe"` is `joe` (RFC 5321 section 4.1.2).
    package let localPart: [UInt8]
    /// Empty where there is none.
    package let domain: [UInt8]

    /// - Parameters:
    ///   - text: what stands between angle brackets, a source route left out.
    ///   - foldsLocalPart: the case of letters makes no difference there. In `postmaster` it never does (RFC 5321
    ///     section 4.5.1).
    package init(_ text: [UInt8], foldsLocalPart: Bool) {
        var unquoted: [UInt8] = []
        var rest = text[...]
        if text.first == .quote, let end = Self.unquote(text, into: &unquoted) {
            rest = text[end...]
        } else {
            let end = text.lastIndex(of: .at) ?? text.endIndex
            unquoted = Array(text[..<end])
            rest = text[end...]
        }
        let isPostmaster = unquoted.count == Self.postmaster.count && unquoted.map(\.lowercased) == Self.postmaster
        localPart = foldsLocalPart || isPostmaster ? Self.folded(unquoted) : unquoted
        domain = rest.count > 1 ? DomainName.normalised(rest.dropFirst()) : []
    }

    /// With the sign also where there is no domain: `postmaster@` can be taken for no domain.
    package var text: [UInt8] { localPart + [.at] + domain }

    /// Without what follows the delimiter, where that stands first; nil where there is none, or nothing before it.
    package func withoutDetail(behind delimiter: UInt8) -> [UInt8]? {
        guard let index = localPart.firstIndex(of: delimiter), index > 0 else { return nil }
        return localPart[..<index] + [.at] + domain
    }

    private static let postmaster = Array("postmaster".utf8)

    static func folded(_ text: [UInt8]) -> [UInt8] {
        guard text.contains(where: { $0 >= 0x80 }) else { return text.map(\.lowercased) }
        return Array(String(decoding: text, as: UTF8.self).lowercased().utf8)
    }

    /// - Returns: where the quotes end; nil where they do not, or something else than a domain follows.
    private static func unquote(_ text: [UInt8], into content: inout [UInt8]) -> Int? {
        var index = 1
        while index < text.count {
            switch text[index] {
            case .quote:
                let end = index + 1
                return end == text.count || text[end] == .at ? end : nil
            case UInt8(ascii: "\\") where index + 1 < text.count:
                content.append(text[index + 1])
                index += 2
            default:
                content.append(text[index])
                index += 1
            }
        }
        content = []
        return nil
    }
}
