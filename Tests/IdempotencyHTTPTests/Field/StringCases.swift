import Testing

/// A field's lines, and the String that they hold; `nil`: they hold none.
struct StringCase: CustomTestStringConvertible {
    let name: String
    let lines: [String]
    let string: String?

    init(_ name: String, _ lines: String..., string: String? = nil) {
        self.name = name
        self.lines = lines
        self.string = string
    }

    var testDescription: String { name }

    /// What the structured field working group's test suite (https://github.com/httpwg/structured-field-tests) covers for
    /// Strings, but for the empty one, which is no key, and one over 255 characters.
    static let ofTestSuite: [StringCase] = [
        StringCase("a String", #""foo bar""#, string: "foo bar"),
        StringCase("spaces alone", #""   ""#, string: "   "),
        StringCase("letters outside of ASCII", #""füü""#),
        StringCase("a tab", "\"\t\""),
        StringCase("a line feed", "\" \n \""),
        StringCase("single quotes", "'foo'"),
        StringCase("no closing quote", #""foo"#),
        StringCase("escaped quotes and backslashes", #""foo \"bar\" \\ baz""#, string: #"foo "bar" \ baz"#),
        StringCase("an escaped comma", #""foo \,""#),
        StringCase("an escaped closing quote", #""foo \""#),
        StringCase("a backslash at the end", #""foo \"#),
        // The suite allows both; here two lines are two fields.
        StringCase("one String over two lines", #""foo"#, #"bar""#),
        StringCase("nothing", ""),
        StringCase("spaces around", #"   "k"  "#, string: "k"),
        StringCase("a tab before", "\t\"k\""),
        StringCase("a tab after", "\"k\"\t"),
        StringCase("a Token", "foo"),
        StringCase("an Integer", "42"),
        StringCase("a Byte Sequence", ":aGVsbG8=:"),
        StringCase("a Boolean", "?1"),
        StringCase("an Inner List", #"("k")"#),
        StringCase("a List", #""a", "b""#),
        StringCase("two lines", #""a""#, #""b""#),
        StringCase("two lines of one key", #""a""#, #""a""#),
        StringCase("more behind it", #""k" x"#),
    ]

    /// One String a byte of ASCII: between spaces, and after a backslash.
    static let ofEachByte: [StringCase] = (UInt8(0)...127).flatMap { byte in
        let character = String(UnicodeScalar(byte))
        let isPlain = (0x20...0x7E).contains(byte) && character != "\"" && character != "\\"
        let isEscapable = character == "\"" || character == "\\"
        return [
            StringCase("byte \(byte)", "\" \(character) \"", string: isPlain ? " \(character) " : nil),
            StringCase("byte \(byte), escaped", "\"\\\(character)\"", string: isEscapable ? character : nil),
        ]
    }

    static let withParameters: [StringCase] =
        [
            #""k";a"#, #""k";a=1"#, #""k"; a=1"#, #""k";  a=1"#, #""k";a=-1.5;b=tok;c="s;,\"";d=?0;e=:aGk=:;f"#,
            #""k";*x=*t"#,
            #""k";a=@1659578233"#, #""k";a=%"f%c3%bc""#, #""k";a=a:b/c"#, #""k";a=1;a=2"#, #""k";a_-.*9=1 "#,
            #""k";a=123456789012.123"#, #""k";a=123456789012345"#,
        ].map { StringCase($0, $0, string: "k") }
        + [
            #""k";"#, #""k"; "#, #""k" ;a"#, #""k";A=1"#, #""k";1=1"#, #""k";a="#, #""k";a=?2"#, #""k";a=:a"#,
            #""k";a="x"#,
            #""k";a=1."#, #""k";a=1.2345"#, #""k";a=1234567890123456"#, #""k";a=1234567890123.1"#, #""k";a=-"#,
            #""k";a=@1.5"#,
            #""k";a=%"%C3%BC""#, #""k";a=%"%c3""#, #""k";a=%x"#, #""k";a=(1)"#, #""k";a=1, "l""#, #""k";;a"#,
            #""k";a =1"#, #""k";a= 1"#,
        ].map { StringCase($0, $0) }
}
