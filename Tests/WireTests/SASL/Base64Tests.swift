import Testing
import Wire

@Suite struct Base64Tests {
    @Test(
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"), ("\0\0", "AAA="), ("ÿ", "w78="),
        ] as [(Text, String)]) func goesBothWays(_ plain: Text, _ text: String)
    {
        #expect(base64(plain.string) == text)
        #expect(Base64.encodedCount(plain.string.utf8.count) == text.utf8.count)
        #expect(decoded(text)?.shown == plain.string)
    }

    @Test(arguments: [
        "Z", "Zg", "Zg=", "Zm8", "=", "==", "====", "Z===", "Zg==Zg==", "Zm8=Zm8=", "Zm9v\r\n", "Zm 9", "Zm9-", "Zm9_",
        "Zh==", "Zm9=", "Zg=g", "Zg==\0", "*", "å===",
    ]) func whatTwoCouldReadDifferentlyIsRefused(_ text: Text) {
        #expect(decoded(text.string) == nil)
    }

    @Test func allBytesOfAllLengthsSurvive() {
        let all = (0...UInt8.max).map { $0 }
        for start in 0..<4 {
            for end in 250...256 {
                let part = Array(all[start..<end])
                let text = Base64.encoded(part.span)
                let decoded = Base64.decoded(text.span)
                #expect(decoded?.isSame(part) == true)
            }
        }
    }

    /// A text has one spelling: whatever is decoded is encoded to the same again.
    @Test func everySpellingIsTheOnlyOne() throws {
        let symbols = bytes("AQgwBZz+/9=")
        var texts: [[UInt8]] = [[]]
        for _ in 0..<4 { texts = texts.flatMap { text in symbols.map { text + [$0] } } }
        for text in texts {
            guard let decoded = Base64.decoded(text.span) else { continue }
            #expect(decoded.withBytes { Base64.encoded($0) } == text)
        }
    }
}
