// Splits select the records that Hugging Face datasets would.
import Essentials
import TestSupport
import Testing

@testable import Records

@Suite struct SplitSelectionTests {
  @Test(arguments: [
    ("train", 10, 0..<10), ("train[:95%]", 10, 0..<10), ("train[95%:]", 10, 10..<10),
    ("train[:95%]", 51_760, 0..<49_172), ("train[95%:]", 51_760, 49_172..<51_760),
    // Halves go to the even number: 0.5 -> 0, 1.5 -> 2, 2.5 -> 2.
    ("train[:5%]", 10, 0..<0), ("train[:15%]", 10, 0..<2), ("train[:25%]", 10, 0..<2),
    ("train[:64]", 10, 0..<10), ("train[3:7]", 10, 3..<7), ("train[-3:]", 10, 7..<10),
    ("train[:-3]", 10, 0..<7), ("train[-20%:]", 10, 8..<10), ("train[7:3]", 10, 7..<7),
    ("train[:50%](pct1_dropremainder)", 250, 0..<100), ("train[-99:]", 10, 0..<10),
  ])
  func ranges(_ text: String, _ count: Int, _ expected: Range<Int>) throws {
    let part = try #require(try SplitSelection(text).parts.first)
    #expect(part.name == "train")
    #expect(part.range(of: count) == expected)
  }

  @Test(arguments: [
    "", "train[", "train[]", "train[5]", "train[:5%", "train[10%:20]", "train[:101%]",
    "train[:99999999999999999999]", "train[:5](floor)", "train+", "tr ain",
  ])
  func nonsenseIsRefused(_ text: String) throws {
    #expect(try tuneError { _ = try SplitSelection(text) }.location.key == "split")
  }
}
