import Wire

extension SQLServer {
    /// Text that ends with a NUL, for as long as it is lent.
    struct Texts {
        var host: UnsafePointer<CChar>?
        var port: UInt16
        var socket: UnsafePointer<CChar>?
        var words: UnsafePointer<CChar>?
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
        return text.withCString { text in
            user.withCString { user in
                database.withCString { database in
                    (tlsCA ?? "").withCString { tlsCA in
                        phrase.withUnsafeBytes { phrase in
                            var texts = Texts(port: 0)
                            switch place {
                            case .host(_, let port): (texts.host, texts.port) = (text, port)
                            case .socket(_, let port): (texts.socket, texts.port) = (text, port)
                            case .words: texts.words = text
                            }
                            if !self.user.isEmpty { texts.user = user }
                            if password != nil {
                                texts.password = phrase.baseAddress?.assumingMemoryBound(to: CChar.self)
                            }
                            if !self.database.isEmpty { texts.database = database }
                            if self.tlsCA != nil { texts.tlsCA = tlsCA }
                            return body(texts)
                        }
                    }
                }
            }
        }
    }

    private var text: String {
        switch place {
        case .host(let text, _), .socket(let text, _), .words(let text): text
        }
    }
}
