import Testing
import Wire

@testable import Policy

/// Files of passwords as text.
@Suite struct PasswordFileTests {
    static let bcrypt = "$2b$04$abcdefghijklmnopqrstuu"

    private static func file(_ text: String) throws(PasswordFile.Problem) -> PasswordFile {
        try PasswordFile(Array(text.utf8))
    }

    private static func problem(_ text: String) -> PasswordFile.Problem? {
        do throws(PasswordFile.Problem) {
            _ = try file(text)
            return nil
        } catch {
            return error
        }
    }

    @Test func aUserMayHaveALineOfEachKind() throws {
        let file = try Self.file(
            "# people\n\njoe:\(Self.bcrypt)\r\njoe:{PLAIN}a:b \njoe:{EXTERNAL}\nann@example.com:{PLAIN}x\na:b:$y$j9T$y\n"
        )
        #expect(file.count == 3)
        let joe = try #require(file.entry(of: Array("joe".utf8)))
        #expect(joe.hash == Self.bcrypt)
        #expect(joe.sharedSecret?.text == "a:b ")
        #expect(joe.mayShowCertificate)
        let ann = try #require(file.entry(of: Array("ann@example.com".utf8)))
        #expect(ann.hash == nil && ann.sharedSecret?.text == "x" && !ann.mayShowCertificate)
        #expect(file.entry(of: Array("a:b".utf8))?.hash == "$y$j9T$y")
        #expect(file.entry(of: Array("JOE".utf8)) == nil)
        #expect(file.decoy != nil)
    }

    @Test func anEmptyFileKnowsNobody() throws {
        let file = try Self.file("")
        #expect(file.count == 0 && file.decoy == nil)
    }

    @Test(arguments: [
        ("joe", 1, "there is no colon behind the user"), ("\n:$6$a$b", 2, "there is no user"),
        ("joe:secret", 1, "neither a hash"), ("joe:", 1, "neither a hash"), ("joe:!", 1, "neither a hash"),
        ("joe:$1$a$b", 1, "neither a hash"), ("joe:$6$a b", 1, "neither a hash"),
        ("joe:$argon2id$v=19$m=262145,t=3,p=1$c29tZXNhbHRzYWx0$c29tZXNhbHRzYWx0c29tZQ", 1, "neither a hash"),
        ("joe:$argon2id$v=19$m=65536,t=65,p=1$c29tZXNhbHRzYWx0$c29tZXNhbHRzYWx0c29tZQ", 1, "neither a hash"),
        ("joe:$argon2d$v=19$m=65536,t=3,p=1$c29tZXNhbHRzYWx0$c29tZXNhbHRzYWx0c29tZQ", 1, "neither a hash"),
        ("joe:$argon2id$v=19$m=65536,t=3,p=1$c29t$c29tZXNhbHRzYWx0c29tZQ", 1, "neither a hash"),
        ("joe:$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHRzYWx0", 1, "neither a hash"),
        ("joe:$argon2id$v=19$m=1,t=3,p=1$c29tZXNhbHRzYWx0$c29tZXNhbHRzYWx0c29tZQ", 1, "neither a hash"),
        ("joe:$argon2id$", 1, "neither a hash"), ("joe:ab01", 1, "neither a hash"),
        ("joe:{PLAIN}", 1, "there is no secret"), ("joe:{EXTERNAL}x", 1, "neither a hash"),
        ("joe:$6$a$b\njoe:$6$a$c", 2, "the user has had"), ("joe:{PLAIN}a\njoe:{PLAIN}a", 2, "the user has had"),
        ("j\u{1}e:$6$a$b", 1, "the user's name"),
    ])
    func whatCannotBeReadIsSaid(text: String, line: Int, words: String) throws {
        let problem = try #require(Self.problem(text))
        #expect(problem.line == line)
        #expect(problem.text.hasPrefix(words))
        // Nothing of the line is told: it may be a password.
        #expect(!"\(problem)".hasSuffix("secret"))
    }

    /// The cost of a line is everybody's: a password is tried on some hash even where the user is unknown.
    @Test(arguments: [
        ("$2b$16$abcdefghijklmnopqrstuu", true), ("$2b$17$abcdefghijklmnopqrstuu", false),
        ("$2b$31$abcdefghijklmnopqrstuu", false), ("$6$abcd$", true), ("$6$rounds=2000000$abcd$", true),
        ("$6$rounds=2000001$abcd$", false), ("$5$rounds=999999999$abcd$", false), ("$6$rounds=$abcd$", false),
        ("$y$j9T$abcd$", true), ("$y$jFT$abcd$", true), ("$y$jGT$abcd$", false), ("$y$jFU$abcd$", false),
        ("$y$jzz$abcd$", false), ("$y$j9Tz$abcd$", false), ("$gy$j9T$abcd$", true), ("$gy$jzT$abcd$", false),
        ("$7$DU..../....abcd$", false),
    ])
    func costsHaveLimits(hash: String, isTaken: Bool) {
        #expect((Self.problem("joe:\(hash)") == nil) == isTaken)
    }

    @Test func sizesHaveLimits() {
        let user = String(repeating: "u", count: 256)
        #expect(Self.problem("\(user):{EXTERNAL}")?.text.hasPrefix("the user's name") == true)
        #expect(Self.problem("\(user.dropLast()):{EXTERNAL}") == nil)
        let secret = String(repeating: "s", count: 1_024)
        #expect(Self.problem("joe:{PLAIN}\(secret)")?.text == "the line is too long")
    }

    /// The first is by `openssl passwd -6`.
    @Test(arguments: [
        "$6$saltstring$adDbXsJjcDlq2662QPgd.tkSOVmnG9Tt3oXl4HR60SusC3AGjirnDenVZp3DGwLwqy6iYKCzannhaX9DR72nN1",
        "$2b$04$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm",
    ])
    func hashesOfOthersHold(hash: String) {
        let (password, wrong) = (Array("password".utf8), Array("Password".utf8))
        #expect(PasswordHash.matches(hash, Secret(password.span)))
        #expect(!PasswordHash.matches(hash, Secret(wrong.span)))
        #expect(!PasswordHash.matches(String(hash.dropLast()), Secret(password.span)))
        #expect(!PasswordHash.matches("", Secret(password.span)))
    }

    @Test func aHashIsOfItsPasswordAlone() throws {
        let password = Array("correct horse".utf8)
        let wrong = Array("correct horse ".utf8)
        let hash = try #require(PasswordHash.make(Secret(password.span)))
        #expect(hash.hasPrefix("$y$") && PasswordHash.isSound(hash))
        #expect(PasswordHash.matches(hash, Secret(password.span)))
        #expect(!PasswordHash.matches(hash, Secret(wrong.span)))
        #expect(PasswordHash.make(Secret(password.span)) != hash)
    }

    @Test func whatIsNoPasswordHasNoHash() {
        let limit = PasswordHash.passwordLimitBytes
        let tooLong = [UInt8](repeating: 0x61, count: limit + 1)
        let withNUL: [UInt8] = [0x61, 0, 0x62]
        #expect(PasswordHash.make(Secret(tooLong.span)) == nil)
        #expect(PasswordHash.make(Secret(withNUL.span)) == nil)
        #expect(PasswordHash.make(Secret(withNUL.span, in: 0..<0)) == nil)
        #expect(!PasswordHash.matches("$2b$04$abcdefghijklmnopqrstuu", Secret(withNUL.span)))
    }
}
