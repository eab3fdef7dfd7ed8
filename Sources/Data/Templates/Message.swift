// One turn of a conversation, and the rules for which turn may follow which.
import Essentials

/// One turn of a conversation: who speaks, what is said, and how it is trained on.
public struct Message: Sendable, Equatable {
  /// Who speaks. `ipython` and `tool` are what a tool answered.
  public enum Role: String, Sendable, CaseIterable {
    /// The roles of torchtune's messages; `ipython` and `tool` say what a tool answered.
    case system, user, assistant, ipython, tool
  }
  /// Who speaks.
  public var role: Role
  /// The pieces of text it consists of. Each becomes tokens for itself, as in torchtune.
  public var parts: [String]
  /// The text; setting it makes it one piece.
  public var content: String {
    get { parts.joined() }
    set { parts = [newValue] }
  }
  /// Not trained on.
  public var masked: Bool
  /// A call of a tool, written after the python tag. Assistant only.
  public var ipython: Bool
  /// Ends the turn (`<|eot_id|>`), else only the message (`<|eom_id|>`).
  public var eot: Bool
  /// What else a chat template reads of the message: `tool_calls`, `tool_call_id`, `name`. A message with
  /// `tool_calls` and no parts has no content.
  package var templateValues = JSONObject()

  /// A message of one piece of text.
  public init(
    _ role: Role, _ content: String, masked: Bool = false, ipython: Bool = false, eot: Bool = true
  ) {
    self.init(role, parts: [content], masked: masked, ipython: ipython, eot: eot)
  }
  /// A message of several pieces of text, which become tokens each for itself.
  public init(
    _ role: Role, parts: [String], masked: Bool = false, ipython: Bool = false, eot: Bool = true
  ) {
    self.role = role
    self.parts = parts
    self.masked = masked
    self.ipython = ipython
    self.eot = eot
  }

  /// What is wrong with the order of turns, or nil: at least two messages, the system's first if at
  /// all, the assistant only after the user or a tool's answer.
  package static func mistake(in messages: [Message]) -> String? {
    if messages.count < 2 {
      return "a conversation needs at least 2 messages, found \(messages.count)"
    }
    var last = Role.assistant
    for (position, message) in messages.enumerated() {
      switch message.role {
      case .assistant where last == .assistant || last == .system:
        return "message \(position + 1) is the assistant's, but the user has not spoken before it"
      case .user where last == .user:
        return "messages \(position) and \(position + 1) are both the user's"
      case .system where position > 0:
        return "message \(position + 1) is the system's, which may only be the first"
      default: break
      }
      last = message.role
    }
    return nil
  }
}
