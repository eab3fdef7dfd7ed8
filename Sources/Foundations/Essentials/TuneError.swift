// The one error type for what a user can cause: configuration, files, network, workers.
// It says what is wrong, where (file, line, key, rank) and how to mend it. What only we can
// cause (a shape misuse inside the model) traps instead, with the caller's line.

/// An error that a user can act on.
public struct TuneError: Error, Sendable, CustomStringConvertible {
  /// What kind of mistake it is.
  public enum Code: String, Sendable {
    /// The command line cannot be understood; the process exits with 64.
    case usage
    /// A configuration key, value, component or combination is wrong.
    case configuration
    /// A file or folder that is not there.
    case missingFile
    /// A file is there but its content is broken, truncated or lies about itself.
    case malformedFile
    /// A tensor is missing or has another shape or dtype than the model needs.
    case checkpointMismatch
    /// A dataset is empty or one of its records cannot be used.
    case data
    /// A device that is not there, or that failed.
    case device
    /// The host or the device has no more memory.
    case memory
    /// Writing failed: a full disk, a read-only folder.
    case disk
    /// A download that failed.
    case network
    /// A worker process or a collective failed.
    case worker
    /// Training produced NaN or infinity.
    case nonFinite
    /// The input is sound, and something in it is not supported.
    case unsupported
  }
  /// Where it was found, as far as that is known.
  public struct Location: Sendable, Equatable {
    /// The path of the file.
    public var file: String?
    /// The line in the file, counted from 1.
    public var line: Int?
    /// The dotted key in the file or the configuration.
    public var key: String?
    /// The rank of the process that found it, counted from 0.
    public var rank: Int?
    /// A place; each part may be unknown.
    public init(file: String? = nil, line: Int? = nil, key: String? = nil, rank: Int? = nil) {
      self.file = file
      self.line = line
      self.key = key
      self.rank = rank
    }
  }

  /// The kind of the error.
  public var code: Code
  /// What is wrong, without the place.
  public var message: String
  /// What the user can do about it; a full sentence.
  public var remedy: String?
  /// Where it was found.
  public var location: Location
  /// The error of another library that led to this one.
  public var cause: (any Error)?

  /// An error.
  /// - Parameters:
  ///   - code: its kind.
  ///   - message: what is wrong, without the place.
  ///   - remedy: what the user can do about it; a full sentence.
  ///   - location: where it was found.
  ///   - cause: the error of another library that led to it.
  public init(
    _ code: Code, _ message: String, remedy: String? = nil, at location: Location = Location(),
    cause: (any Error)? = nil
  ) {
    self.code = code
    self.message = message
    self.remedy = remedy
    self.location = location
    self.cause = cause
  }

  /// `file:line: key 'k': message (cause). remedy`, each part only where known.
  public var description: String {
    var text = ""
    if let file = location.file {
      text += file + (location.line.map { ":\($0)" } ?? "") + ": "
    }
    if let key = location.key { text += "key '\(key)': " }
    text += message
    if let cause { text += " (\(cause))" }
    if let rank = location.rank { text += " [rank \(rank)]" }
    if let remedy { text += "\n  " + remedy }
    return HiddenValues.hidden(in: text)
  }

  /// The process exit code this error leads to: 64 for usage, 1 for everything else.
  public var exitCode: Int32 { code == .usage ? 64 : 1 }
}
