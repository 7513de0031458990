public import Wire

/// A database that can be asked.
public enum SQLSource: Sendable, Hashable {
    /// A file, which is only read.
    case sqlite(String)
    /// MariaDB, or MySQL.
    case mariaDB(SQLServer)
    case postgreSQL(SQLServer)
}

/// Where a server of databases is, and who asks it for what.
public struct SQLServer: Sendable {
    public enum Place: Sendable, Hashable {
        /// A name or an IP address.
        case host(String, port: UInt16)
        /// A Unix socket: MariaDB's own path, PostgreSQL's folder (`/run/postgresql`), in which its name has the port.
        case socket(String, port: UInt16 = 0)
        /// PostgreSQL: where it is and all that belongs to that, in words of libpq's (`host=... sslmode=...`, or
        /// `postgresql://...`), which may have user, password and database in them.
        case words(String)
    }

    public var place: Place
    /// Empty where the words say so.
    public var user: String
    /// Nil where the server knows the user otherwise.
    public var password: Secret?
    public var database: String
    /// A file of certificates of authorities, of which one must vouch for the server's in its host's name. Nil: TLS is
    /// as the server likes, or as the words say.
    public var tlsCA: String?

    public init(
        at place: Place, user: String = "", password: Secret? = nil, database: String = "", tlsCA: String? = nil
    ) {
        self.place = place
        self.user = user
        self.password = password
        self.database = database
        self.tlsCA = tlsCA
    }
}

extension SQLServer: Hashable {
    public static func == (left: SQLServer, right: SQLServer) -> Bool {
        left.place == right.place && left.user == right.user && left.database == right.database
            && left.tlsCA == right.tlsCA && left.password.isSame(as: right.password)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(place)
        hasher.combine(user)
        hasher.combine(database)
    }
}

extension Optional<Secret> {
    func isSame(as other: Secret?) -> Bool {
        guard let self, let other else { return self == nil && other == nil }
        return other.withBytes { self.isSame(as: $0) }
    }
}

extension SQLServer.Place: CustomStringConvertible {
    public var description: String {
        switch self {
        case .host(let name, let port): "\(name):\(port)"
        case .socket(let path, _): "unix:\(path)"
        case .words: "as its connection string says"
        }
    }
}

extension SQLSource: CustomStringConvertible {
    /// For people: without user and password.
    public var description: String {
        switch self {
        case .sqlite(let path): path
        case .mariaDB(let server), .postgreSQL(let server): "\(server.place)"
        }
    }
}
