// A text on which tokenizers that are not the same give different ids: what splits words, numbers, spaces
// and marks in every way that the known ones differ in.

enum HardText {
  static let text = """
    I'll say it's 12345 or 1 234,5; they'VE DON'T we're I'M he'd you'Ll "ok"!
    \tfoo(bar[3]) -> {x: 0x1F, y => 007} // naïveCase camelCaseHTTPServer snake_case_2\r\n\r\n
       three   spaces    and\u{A0}no break\n\n\n  \n end   \t\t tab
    e\u{301}cole école ÉCOLE straße ŒUVRE ǅ ﬁ Ⅷ ½ ٣٤٥ १२३ 一二三 2024年5月 日本語のテキスト 한국어 텍스트
    שלום العربية ไทย हिन्दी русский текст ελληνικά 👩‍👩‍👧‍👦🏳️‍🌈 🌍🌍 … — – “quotes” ‘q’ «g» $1,000.00 €5 50% a+b=c a<=b |x| ^y ~z `code`
    #!/usr/bin/env python3 https://example.com/a?b=c&d=%20e#f user@example.org C++ .NET _private __init__ --flag=1 a/b\\c
    aaaaaaaaaaaaaaaa 00000000000 !!!!!!!! ........ \u{200B}zero\u{FEFF}width \u{3000}wide
    """
}
