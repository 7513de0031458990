import Lookup
import Testing

@Suite struct SQLTextTests {
    @Test(arguments: [
        ("SELECT a FROM t WHERE k = ?", "SELECT a FROM t WHERE k = $1"),
        ("SELECT a FROM t WHERE k = ? OR k = lower(?)", "SELECT a FROM t WHERE k = $1 OR k = lower($1)"),
        ("SELECT '?', \"?\" FROM t WHERE k=?", "SELECT '?', \"?\" FROM t WHERE k=$1"),
        ("SELECT 'it''s ?' WHERE k=?", "SELECT 'it''s ?' WHERE k=$1"),
        ("SELECT a -- why?\nWHERE k=?", "SELECT a -- why?\nWHERE k=$1"),
        ("SELECT a /* why? */ WHERE k=?", "SELECT a /* why? */ WHERE k=$1"),
        ("SELECT a /*/ ? */ WHERE k=?", "SELECT a /*/ ? */ WHERE k=$1"),
        ("SELECT 'ä?' WHERE k=?", "SELECT 'ä?' WHERE k=$1"), ("", ""), ("?", "$1"),
    ])
    func theKeysPlaceIsNumbered(question: String, numbered: String) {
        #expect(SQLText.numbered(question) == numbered)
    }

    @Test(arguments: [
        ("host=db dbname=mail password='my secret'", true), ("postgresql://joe:hush@db/mail?sslmode=require", true),
        ("mail", true), ("host=db password=my secret", false), ("hots=db", false),
        ("postgresql://joe:hush@db/mail?hush", false),
    ])
    func connectionStringsAreKnown(text: String, isKnown: Bool) {
        #expect(SQLText.isConnectionString(text) == isKnown)
    }

    @Test func placesAreCounted() {
        #expect(SQLText.parameters(of: "SELECT '?' WHERE a=? OR b=? --?") == 2)
        #expect(SQLText.parameters(of: "SELECT \"?\"") == 0)
    }
}
