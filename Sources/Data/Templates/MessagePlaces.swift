// Where each message stands in a rendered conversation, for templates that do not say it. The
// rendering of the first messages ends where the next message begins, if it is how the full text
// begins. Templates that treat the last message differently need another way: the full text is
// rendered again with a mark as the message's content, and what both renderings share is not it.
import Essentials
import Foundation
import JinjaTemplates

struct MessagePlaces {
  private let conversation: ChatConversation
  private let template: ChatTemplate
  private let full: [UInt8]
  private let now: Date?
  /// Where the assistant's last message ended.
  private var end = 0
  /// No conversation has this text; a template finds nothing to trim in it.
  private static let mark = "\u{F8FE}\u{F8FD}mark\u{F8FD}\u{F8FE}"

  init(_ conversation: ChatConversation, _ template: ChatTemplate, _ full: [UInt8], now: Date?) {
    (self.conversation, self.template, self.full, self.now) = (conversation, template, full, now)
  }

  private func failure(_ position: Int) -> TuneError {
    TuneError(
      .unsupported,
      "cannot tell where message \(position + 1) stands in the text that the chat template makes",
      remedy: "Mark what the assistant says with {% generation %} and {% endgeneration %} in the "
        + "template.", at: .init(file: template.file))
  }

  /// The text of the first messages, or nil where the template does not take them alone.
  private func text(first count: Int, isPrompt: Bool = false) throws -> [UInt8]? {
    if count == 0, !isPrompt { return [] }
    var first = conversation
    first.messages = Array(conversation.messages.prefix(count))
    do {
      return Array(try first.render(template, addGenerationPrompt: isPrompt, now: now).text.utf8)
    } catch let error as TuneError where error.code == .data || error.code == .malformedFile {
      return nil
    }
  }

  /// All of some messages that follow each other.
  func range(from first: Int, through last: Int) throws -> Range<Int> {
    let start = try first == 0 ? 0 : text(first: first).flatMap(prefixCount)
    var end = try text(first: last + 1).flatMap(prefixCount)
    if last == conversation.messages.count - 1 { end = full.count }
    guard let start, let end, start <= end, holds(start..<end, first...last) else {
      throw failure(first)
    }
    return start..<end
  }
  private func prefixCount(_ text: [UInt8]) -> Int? {
    full.starts(with: text) ? text.count : nil
  }

  /// What the assistant says in a message, with what ends its turn. Ask in the messages' order.
  mutating func said(in position: Int) throws -> Range<Int> {
    guard let through = try text(first: position + 1) else { throw failure(position) }
    let prompt = try text(first: position, isPrompt: true)
    var range: Range<Int>?
    if full.starts(with: through), let prompt, through.starts(with: prompt),
      prompt.count >= end
    {
      range = prompt.count..<through.count
    } else {
      range = try marked(position, through, prompt) ?? closed(position, prompt)
    }
    guard let range, holds(range, position...position) else { throw failure(position) }
    end = range.upperBound
    return range
  }

  /// Whether the last line of each message's text stands in the range, as far as one exists. Templates may
  /// leave out thoughts before it.
  private func holds(_ range: Range<Int>, _ positions: ClosedRange<Int>) -> Bool {
    let text = String(decoding: full[range], as: UTF8.self)
    return positions.allSatisfy { position in
      let content = conversation.messages[position]["content"]?.string?.strippedLikePython ?? ""
      guard let line = content.split("\n", .max, fromEnd: false).last else { return true }
      return text.firstRange(of: line.strippedLikePython) != nil
    }
  }

  /// The place by comparison with a rendering in which a mark is the message's content.
  private func marked(
    _ position: Int, _ through: [UInt8], _ prompt: [UInt8]?
  ) throws -> Range<Int>? {
    guard conversation.messages[position]["content"]?.string?.isEmpty == false else { return nil }
    var other = conversation
    other.messages[position]["content"] = .string(Self.mark)
    let whole = Array(try other.render(template, now: now).text.utf8)
    other.messages.removeSubrange((position + 1)...)
    let alone = Array(try other.render(template, now: now).text.utf8)
    let search = Jinja.ByteSearch(Self.mark)
    guard let markStart = search.first(in: whole[...]),
      let aloneStart = search.first(in: alone[...]),
      search.all(in: whole, limit: 2).count == 1
    else { return nil }
    let count = Self.mark.utf8.count
    // What follows the content is the same in both renderings, what precedes it too.
    let after = whole[(markStart + count)...]
    guard full.count >= after.count, full.suffix(after.count).elementsEqual(after) else {
      return nil
    }
    let contentEnd = full.count - after.count
    let before = zip(full, whole).prefix { $0 == $1 }.count
    let ending = alone[(aloneStart + count)...]
    guard before <= contentEnd, full[contentEnd...].starts(with: ending),
      through.suffix(ending.count).elementsEqual(ending)
    else { return nil }
    guard let start = try start(position, prompt, latest: min(before, contentEnd)) else {
      return nil
    }
    return start..<contentEnd + ending.count
  }

  /// The place where a template ends the last message in another way than those before it: what stands before
  /// the prompt for one more answer ends as in a longer conversation.
  private func closed(_ position: Int, _ prompt: [UInt8]?) throws -> Range<Int>? {
    guard let prompt, prompt.count >= end, full.starts(with: prompt),
      let before = try text(first: position).flatMap({ opening($0, prompt) }),
      let next = try text(first: position + 1, isPrompt: true)
    else { return nil }
    let header = prompt[before.count...]
    guard !header.isEmpty, next.suffix(header.count).elementsEqual(header) else { return nil }
    let through = next.dropLast(header.count)
    guard through.count > prompt.count, full.starts(with: through) else { return nil }
    return prompt.count..<through.count
  }

  /// What a text and its prompt for an answer share: all of the text, but for the end-of-text token that some
  /// templates write where they write no prompt.
  private func opening(_ text: [UInt8], _ prompt: [UInt8]) -> [UInt8]? {
    if prompt.starts(with: text) { return text }
    let eos = Array((conversation.variables["eos_token"]?.string ?? "").utf8)
    guard !eos.isEmpty, text.suffix(eos.count).elementsEqual(eos) else { return nil }
    let before = Array(text.dropLast(eos.count))
    return prompt.starts(with: before) ? before : nil
  }

  /// After the header of a message, which is what the prompt for an answer adds.
  private func start(_ position: Int, _ prompt: [UInt8]?, latest: Int) throws -> Int? {
    guard let prompt, let before = try text(first: position), prompt.starts(with: before),
      prompt.count > before.count
    else { return nil }
    let common = zip(full, prompt).prefix { $0 == $1 }.count
    // The prompt may go further than the header: it may open the model's thoughts.
    if common > before.count, common >= end { return min(common, latest) }
    let header = String(decoding: prompt[before.count...], as: UTF8.self)
    guard end < latest,
      let found = Jinja.ByteSearch.allFromEnd(
        of: header, in: Array(full[end..<latest]), limit: 1
      ).first
    else { return nil }
    return end + found + header.utf8.count
  }
}
