import Wire

extension SQLServer {
    /// Text that ends with a NUL, for as long as it is lent.
    struct Texts {
        var host: UnsafePointer<CChar>?
        var port: UInt16
        var socket: UnsafePointer<CChar>?
        var user: UnsafePointer<CChar>?
        var password: UnsafePointer<CChar>?
        var database: UnsafePointer<CChar>?
        var tlsCA: UnsafePointer<CChar>?
    }

    /// Lends what a client in C wants to have; of the password there is no copy afterwards.
    func withTexts<Result>(_ body: (Texts) -> Result) -> Result {
        var phrase: [UInt8] = []
        phrase.reserveCapacity((password?.count ?? 0) + 1)
        password?.append(to: &phrase)
        phrase.append(0)
        defer { phrase.wipe() }
        let (place, port) = placeAndPort
        return place.withCString { place in
            user.withCString { user in
                database.withCString { database in
                    (tlsCA ?? "").withCString { tlsCA in
                        phrase.withUnsafeBytes { phrase in
                            body(
                                Texts(
                                    host: isSocket ? nil : place, port: port, socket: isSocket ? place : nil,
                                    user: user,
                                    password: password == nil
                                        ? nil : phrase.baseAddress?.assumingMemoryBound(to: CChar.self),
                                    database: database, tlsCA: self.tlsCA == nil ? nil : tlsCA))
                        }
                    }
                }
            }
        }
    }

    private var isSocket: Bool { if case .socket = place { true } else { false } }

    private var placeAndPort: (String, UInt16) {
        switch place {
        case .host(let name, let port): (name, port)
        case .socket(let path, let port): (path, port)
        }
    }
}
