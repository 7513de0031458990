/// A list of algorithms in the configuration, named as its key is.
enum AlgorithmList: String {
    case ciphers
    case ciphersuites
    case groups
    case signatureAlgorithms = "signature_algorithms"

    /// The elements of a list that must each name something by itself. In a cipher list, what excludes (`!RC4`, `-SHA`)
    /// may well name nothing that this OpenSSL still has, `+` only moves, and `@` is a command.
    func elements(of text: String) -> [String] {
        let elements = text.split { $0 == ":" || self == .ciphers && ($0 == "," || $0 == " " || $0 == ";") }
        return elements.map(String.init).filter { self != .ciphers || !"!-+@".contains($0.first ?? "!") }
    }
}
