// How a tokenizer.json cuts a normalized text into the pieces that the model encodes one by one.
import Essentials

/// The pre-tokenizers of a file, those of sequences one after another.
struct PreTokenizers: Sendable {
  private let steps: [PreTokenizer]

  init(_ component: Component) throws { steps = try Self.steps(component) }

  private static func steps(_ component: Component) throws -> [PreTokenizer] {
    if component.json.isNull { return [] }
    if try component.type == "Sequence" {
      return try component.parts("pretokenizers").flatMap { try steps($0) }
    }
    return [try PreTokenizer(component)]
  }

  func apply(to pieces: inout Pieces) throws {
    for step in steps where !pieces.bounds.isEmpty { try step.apply(to: &pieces) }
  }
}

enum PreTokenizer: Sendable {
  case byteLevel(addsSpace: Bool, expression: RegularExpression?)
  case split(TextPattern, Pieces.SplitBehavior, isInverted: Bool)
  case characters(CharacterClass, Pieces.SplitBehavior)
  /// Words, and runs of what is neither a word nor a space.
  case whitespace
  case bert
  case metaspace(Metaspace)
  case scripts(ScriptTable)
  case fixedLength(Int)

  init(_ component: Component) throws {
    switch try component.type {
    case "ByteLevel":
      let isCut = try component.bool("use_regex", default: true)
      self = .byteLevel(
        addsSpace: try component.bool("add_prefix_space"),
        expression: isCut ? try Self.gpt2.get() : nil)
    case "Split":
      self = .split(
        try TextPattern(component.child("pattern")), try Self.behavior(component),
        isInverted: try component.bool("invert"))
    case "Digits":
      let isSingle = try component.bool("individual_digits")
      self = .characters(.numeric, isSingle ? .isolated : .contiguous)
    case "Punctuation":
      let behavior = component.json["behavior"] == nil ? .isolated : try Self.behavior(component)
      self = .characters(.punctuation, behavior)
    case "CharDelimiterSplit":
      self = .characters(.character(try component.character("delimiter")), .removed)
    case "WhitespaceSplit": self = .characters(.space, .removed)
    case "Whitespace": self = .whitespace
    case "BertPreTokenizer": self = .bert
    case "Metaspace": self = .metaspace(try Metaspace(component))
    case "UnicodeScripts": self = .scripts(ScriptTable())
    case "FixedLength":
      let length = try component.count("length", default: 5)
      if length == 0 { throw component.child("length").malformed("pieces must not be empty") }
      self = .fixedLength(length)
    case let type: throw component.unsupported("the pre-tokenizer \(type) is not supported")
    }
  }

  private static let gpt2 = Result {
    let place = TuneError.Location(key: "pre_tokenizer")
    return try RegularExpression(
      pattern: try OnigurumaPattern.translate(PieceSplitter.gpt2Pattern, at: place), at: place)
  }

  private static func behavior(_ component: Component) throws -> Pieces.SplitBehavior {
    let name = try component.string("behavior")
    guard let behavior = Pieces.SplitBehavior(rawValue: name) else {
      throw component.child("behavior").unsupported("the behavior \(name) is not supported")
    }
    return behavior
  }

  func apply(to pieces: inout Pieces) throws {
    switch self {
    case .byteLevel(let addsSpace, let expression):
      if addsSpace {
        pieces.rewrite { piece, _, output in
          if piece.first != 0x20 { output.append(0x20) }
          output.append(contentsOf: piece)
        }
      }
      if let expression { try Self.split(&pieces, by: expression, .isolated, isInverted: false) }
      pieces.rewrite { piece, _, output in ByteAlphabet.appendUTF8(of: piece, to: &output) }
    case .split(.expression(let expression), let behavior, let isInverted):
      try Self.split(&pieces, by: expression, behavior, isInverted: isInverted)
    case .split(let pattern, let behavior, let isInverted):
      try pieces.split(behavior) { piece, spans in
        var finder = SpanFinder(count: piece.count, isInverted: isInverted)
        try pattern.forEachMatch(in: piece) { finder.match($0, $1, &spans) }
        finder.finish(&spans)
      }
    case .characters(let characters, let behavior):
      Self.split(&pieces, by: characters, behavior)
    case .whitespace:
      pieces.split(.removed) { piece, spans in Self.words(of: piece, &spans) }
    case .bert:
      Self.split(&pieces, by: .space, .removed)
      Self.split(&pieces, by: .punctuation, .isolated)
    case .metaspace(let metaspace): metaspace.apply(to: &pieces)
    case .scripts(let table): try table.apply(to: &pieces)
    case .fixedLength(let length):
      pieces.split(.isolated) { piece, spans in
        var (start, position, count) = (0, 0, 0)
        while position < piece.count {
          position += decodeScalar(piece, at: position).width
          count += 1
          if count == length || position == piece.count {
            spans.append(.init(range: start..<position, isMatch: true))
            (start, count) = (position, 0)
          }
        }
      }
    }
  }

  private static func split(
    _ pieces: inout Pieces, by expression: RegularExpression, _ behavior: Pieces.SplitBehavior,
    isInverted: Bool
  ) throws {
    try expression.withMatcher { matcher in
      try pieces.split(behavior) { piece, spans in
        var finder = SpanFinder(count: piece.count, isInverted: isInverted)
        try matcher.forEachMatch(in: piece) { finder.match($0, $1, &spans) }
        finder.finish(&spans)
      }
    }
  }

  static func split(
    _ pieces: inout Pieces, by characters: CharacterClass, _ behavior: Pieces.SplitBehavior
  ) {
    pieces.split(behavior) { piece, spans in
      var finder = SpanFinder(count: piece.count, isInverted: false)
      var position = 0
      while position < piece.count {
        let (scalar, width) = decodeScalar(piece, at: position)
        if characters.contains(scalar) { finder.match(position, position + width, &spans) }
        position += width
      }
      finder.finish(&spans)
    }
  }

  private static func words(
    of piece: UnsafeBufferPointer<UInt8>, _ spans: inout [Pieces.Span]
  ) {
    var (start, position) = (0, 0)
    var kind = 0
    while position < piece.count {
      let (scalar, width) = decodeScalar(piece, at: position)
      let itsKind = isWhitespace(scalar) ? 1 : isWordCharacter(scalar) ? 2 : 3
      if itsKind != kind, start < position {
        spans.append(.init(range: start..<position, isMatch: kind == 1))
        start = position
      }
      kind = itsKind
      position += width
    }
    spans.append(.init(range: start..<position, isMatch: kind == 1))
  }
}

/// Lists the matches in a piece and what lies between them.
private struct SpanFinder {
  let count: Int
  let isInverted: Bool
  private var covered = 0

  init(count: Int, isInverted: Bool) { (self.count, self.isInverted) = (count, isInverted) }

  @inline(__always)
  mutating func match(_ start: Int, _ end: Int, _ spans: inout [Pieces.Span]) {
    if covered < start { spans.append(.init(range: covered..<start, isMatch: isInverted)) }
    spans.append(.init(range: start..<end, isMatch: !isInverted))
    covered = end
  }

  func finish(_ spans: inout [Pieces.Span]) {
    if covered < count { spans.append(.init(range: covered..<count, isMatch: isInverted)) }
  }
}
