// The JSON value: what is read, what is written, and where a mistake is reported.
import Essentials
import Testing

@Suite struct JSONTests {
  @Test func valuesSurviveWritingAndReading() throws {
    let value: JSON = [
      "b": [1, -2.5, true, .null, "q\"\\\n\u{1}\u{E9}\u{1F600}"], "a": [:], "c": [[], ["x": 1]],
    ]
    for indented in [false, true] {
      #expect(try JSON.parse(value.text(indented: indented)) == value)
    }
    #expect(value.object?.keys == ["b", "a", "c"])
    #expect(JSON.object(["k": [1, "v"]]).text() == #"{"k":[1,"v"]}"#)
    #expect(JSON.number(.infinity).text() == "null")
  }

  @Test func escapesAndNumbersAreRead() throws {
    #expect(try JSON.parse(#""\u00e9\ud83d\ude00\/\b\f""#) == "\u{E9}\u{1F600}/\u{8}\u{C}")
    // A lone surrogate has no place in a string.
    #expect(try JSON.parse(#""\ud83dx\ude00""#) == "\u{FFFD}x\u{FFFD}")
    #expect(try JSON.parse(#""\ud83d\u0041""#) == "\u{FFFD}A")
    #expect(try JSON.parse(" 12 ").integer == 12)
    #expect(try JSON.parse("-1.5e-3").double == -0.0015)
    #expect(try JSON.parse("123456789012345678901234567890").double == 1.2345678901234568e29)
    #expect(try JSON.parse(#"{"a": 1, "a": 2}"#)["a"]?.integer == 2)
    #expect(try JSON.parse("\u{FEFF}[]") == [])
  }

  @Test(arguments: [
    "", " ", "{", "[1,", "[1 2]", "{\"a\" 1}", "{a: 1}", "tru", "nul", "01", "1.", ".5", "1e", "+1",
    "-", "1e999", "\"a", "\"\\x\"", "\"\\u12\"", "\"\u{1}\"", "[]]", "NaN", "[1,]", "{\"a\":1,}",
    "\"\\", String(repeating: "[", count: 5_000),
  ])
  func brokenTextIsRefused(_ text: String) throws {
    #expect(throws: TuneError.self) { try JSON.parse(text) }
  }

  @Test func theLineOfAMistakeIsReported() throws {
    do {
      _ = try JSON.parse("{\n\"a\": 1,\n\"b\": }\n", file: "f.json")
      Issue.record("expected an error")
    } catch let error as TuneError {
      #expect(error.location.line == 3 && error.location.file == "f.json")
    }
    #expect(throws: TuneError.self) {
      try [0x22, 0xFF, 0x22].withUnsafeBytes { try JSON.parse($0) }
    }
  }

  @Test func objectsKeepTheirOrderThroughChanges() {
    var object = JSONObject()
    for number in 0..<20 { object["k\(number)"] = .integer(number) }
    object["k3"] = nil
    object["k5"] = "changed"
    object["absent"] = nil
    #expect(object.count == 19 && object.keys.first == "k0" && object.keys.last == "k19")
    #expect(object["k3"] == nil && object["k5"] == "changed" && object["k19"] == 19)
    #expect(object.map(\.key) == object.keys)
  }

  /// Swift's strings are equal when they look the same; keys are not.
  @Test func keysAreEqualByTheirBytes() throws {
    var many = JSONObject()
    for number in 0..<20 { many["k\(number)"] = .integer(number) }
    for var object in [JSONObject(), many] {
      let count = object.count
      object["\u{E9}"] = 1
      object["e\u{301}"] = 2
      #expect(object.count == count + 2 && object["\u{E9}"] == 1 && object["e\u{301}"] == 2)
    }
  }
}
