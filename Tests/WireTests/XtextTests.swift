import Testing
import Wire

@Suite struct XtextTests {
    @Test(
        arguments: [
            ("", ""), ("abc", "abc"), ("a+b", "a+2Bb"), ("a=b", "a+3Db"), ("a b", "a+20b"), ("\r\n", "+0D+0A"),
            ("\u{7f}", "+7F"), ("grå", "gr+C3+A5"), ("~!", "~!"),
        ] as [(Text, Text)]) func goesBothWays(_ plain: Text, _ xtext: Text)
    {
        #expect(Xtext.encoded(bytes(plain.string)) == bytes(xtext.string))
        #expect(Xtext.decoded(bytes(xtext.string)) == bytes(plain.string))
    }

    @Test func everyByteButNULSurvives() {
        let all = (UInt8(1)...255).map { $0 }
        let xtext = Xtext.encoded(all)
        #expect(xtext.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "=") })
        #expect(Xtext.decoded(xtext) == all)
        #expect(Xtext.encoded([0]) == bytes("+00"))
    }

    @Test(arguments: ["+", "+4", "+4G", "a+00", "a b", "a=b", "\u{1}", "å", "\u{7f}", "++2B"])
    func whatIsNoneIsRefused(_ text: Text) {
        #expect(Xtext.decoded(bytes(text.string)) == nil)
    }

    @Test func smallDigitsPass() { #expect(Xtext.decoded(bytes("+2b+3D")) == bytes("+=")) }
}
