// One worker as a process of its own group, so that a Ctrl-C at the terminal reaches the launcher
// only and each worker exactly once through it.
import Configuration
import Essentials
import Foundation

/// What every worker runs.
package struct WorkerCommand: Sendable {
  package var executable: String
  package var arguments: [String]
  package var environment: [String: String]
  /// Handed over in a file, which the last argument names.
  package var configuration: ComposedConfiguration?

  package init(
    executable: String, arguments: [String], environment: [String: String],
    configuration: ComposedConfiguration? = nil
  ) {
    self.executable = executable
    self.arguments = arguments
    self.environment = environment
    self.configuration = configuration
  }
}

/// How a process ended.
enum WorkerExit: Equatable {
  case code(Int32)
  case signal(Int32)

  init(status: Int32) {
    let signal = status & 0x7f
    self = signal == 0 ? .code(status >> 8 & 0xff) : .signal(signal)
  }

  var description: String {
    switch self {
    case .code(let code): "ended with exit code \(code)"
    case .signal(let number):
      "was killed by signal \(number)" + (Self.names[number].map { " (\($0))" } ?? "")
    }
  }

  /// The signal of a worker that saved and ended because it was asked to.
  var interruption: Int32? {
    switch self {
    case .code(128 + SIGINT): SIGINT
    case .code(128 + SIGTERM): SIGTERM
    default: nil
    }
  }

  private static let names: [Int32: String] = [
    SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT", SIGILL: "SIGILL",
    SIGTRAP: "SIGTRAP", SIGABRT: "SIGABRT", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE",
    SIGKILL: "SIGKILL", SIGSEGV: "SIGSEGV", SIGPIPE: "SIGPIPE", SIGALRM: "SIGALRM",
    SIGTERM: "SIGTERM", SIGXCPU: "SIGXCPU", SIGXFSZ: "SIGXFSZ",
  ]
}

struct WorkerProcess {
  let pid: pid_t

  /// Where a standard stream of the worker leads.
  enum Route {
    case inherited
    case file(String)
    case pipe(writingEnd: Int32)
  }

  /// - Parameter lifeline: The reading end that the worker watches.
  init(_ command: WorkerCommand, stdout: Route, stderr: Route, lifeline: Int32) throws {
    var actions = SpawnActions()
    defer { actions.destroy() }
    // A background process group that read the terminal would be stopped.
    actions.open(0, "/dev/null", O_RDONLY)
    actions.route(1, stdout)
    actions.route(2, stderr)
    // Last, because the other descriptors may have this number.
    actions.duplicate(lifeline, to: Lifeline.descriptor)

    var environment = command.environment
    environment[Lifeline.variable] = "\(Lifeline.descriptor)"
    let arguments = ([command.executable] + command.arguments).map { strdup($0) } + [nil]
    let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var pid: pid_t = 0
    let status = actions.spawn(&pid, command.executable, arguments, variables)
    guard status == 0 else {
      throw TuneError(
        .worker, "cannot start a worker: \(String(cString: strerror(status)))",
        at: .init(file: command.executable))
    }
    self.pid = pid
  }

  /// Blocks until the process has ended.
  func waitForExit() -> WorkerExit {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 {
      if errno != EINTR { return .code(1) }
    }
    return WorkerExit(status: status)
  }

  /// To the worker and everything it started.
  func send(_ signal: Int32) { kill(-pid, signal) }
}

/// posix_spawn's attributes and file actions, whose types differ between systems.
private struct SpawnActions {
  #if canImport(Darwin)
    private var actions: posix_spawn_file_actions_t?
    private var attributes: posix_spawnattr_t?
  #else
    private var actions = posix_spawn_file_actions_t()
    private var attributes = posix_spawnattr_t()
  #endif

  init() {
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    // The launcher blocks the signals it waits for; its workers must not.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var reset = sigset_t()
    sigemptyset(&reset)
    for signal in [SIGINT, SIGTERM, SIGPIPE] { sigaddset(&reset, signal) }
    posix_spawnattr_setsigdefault(&attributes, &reset)
    posix_spawnattr_setpgroup(&attributes, 0)
    let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
    posix_spawnattr_setflags(&attributes, Int16(flags))
  }

  mutating func open(_ descriptor: Int32, _ path: String, _ flags: Int32) {
    posix_spawn_file_actions_addopen(&actions, descriptor, path, flags, 0o644)
  }

  mutating func duplicate(_ source: Int32, to target: Int32) {
    posix_spawn_file_actions_adddup2(&actions, source, target)
  }

  mutating func route(_ descriptor: Int32, _ route: WorkerProcess.Route) {
    switch route {
    case .inherited: break
    case .file(let path): open(descriptor, path, O_WRONLY | O_CREAT | O_TRUNC)
    case .pipe(let end): duplicate(end, to: descriptor)
    }
  }

  mutating func spawn(
    _ pid: inout pid_t, _ path: String, _ arguments: [UnsafeMutablePointer<CChar>?],
    _ environment: [UnsafeMutablePointer<CChar>?]
  ) -> Int32 {
    posix_spawn(&pid, path, &actions, &attributes, arguments, environment)
  }

  mutating func destroy() {
    posix_spawn_file_actions_destroy(&actions)
    posix_spawnattr_destroy(&attributes)
  }
}
