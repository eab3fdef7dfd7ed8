// The parent of a path, also of such as NSString ends the process for.
import Essentials
import Testing

@Suite struct PathTests {
  @Test(arguments: [
    ("x", ""), ("", ""), ("/", "/"), ("/x", "/"), ("x/", ""), ("a/b", "a"), ("a//b/", "a"),
    ("/a/b", "/a"), ("./x", "."), ("ä/ö", "ä"),
  ])
  func parentIsWhatStandsBeforeTheLastComponent(path: String, parent: String) {
    #expect(path.parentFolder == parent)
  }
}
