// Starts the workers of this machine and watches them. The first one that fails ends all, and so
// does an interrupt: first with SIGTERM, after a grace period with SIGKILL. Nothing outlives
// `run`.
import Configuration
import Essentials
import Foundation

package struct WorkerGroup {
  let command: WorkerCommand
  let plan: LaunchPlan
  private let launched: LaunchedRun
  private let events: LaunchEvents
  private let pumps = DispatchGroup()

  package init(_ command: WorkerCommand, plan: LaunchPlan) {
    self.init(
      command, plan: plan, launched: LaunchedRun(id: UUID().uuidString, round: 1, restarts: 0),
      events: LaunchEvents())
  }

  init(_ command: WorkerCommand, plan: LaunchPlan, launched: LaunchedRun, events: LaunchEvents) {
    (self.command, self.plan, self.launched, self.events) = (command, plan, launched, events)
  }

  package enum Outcome: Sendable, Equatable {
    case succeeded
    /// The user or the system asked the run to end; what its workers have to say about that.
    case interrupted(signal: Int32, report: String?)
  }

  /// How the workers of one round ended.
  enum RoundOutcome {
    case succeeded
    case interrupted(signal: Int32, report: String?)
    /// The host asked for it or is lost, or workers of another node were interrupted.
    case stopped(report: String?)
    case failed(TuneError, NodeFailure)
  }

  /// Blocks until all workers have ended.
  /// - Throws: `TuneError` `.worker` that names the worker which failed first, and its error.
  package func run(signals: EndingSignals? = nil) throws -> Outcome {
    signals?.deliver(to: events)
    switch try runRound() {
    case .succeeded: return .succeeded
    case .interrupted(let signal, let report): return .interrupted(signal: signal, report: report)
    case .stopped: preconditionFailure("nobody stops these workers")
    case .failed(let error, _): throw error
    }
  }

  /// Blocks until all workers of this node have ended.
  /// - Parameter number: of the round, among several nodes.
  /// - Throws: `TuneError` where they cannot be started.
  func runRound(number: Int = 0) throws -> RoundOutcome {
    let folder = try ScratchFolder()
    let scratch = folder.path
    try command.configuration?.handOver(to: configurationFile(scratch))
    guard let lifeline = Pipe() else {
      throw TuneError(.worker, "the process has no file descriptors left")
    }
    // The writing end stays open as long as this process lives; closing it would end the workers.
    defer {
      close(lifeline.readingEnd)
      close(lifeline.writingEnd)
    }
    var workers: [WorkerProcess] = []
    do {
      for environment in plan.workers {
        workers.append(try start(environment, scratch, lifeline.readingEnd))
      }
    } catch {
      var running = Set(workers.indices)
      end(workers, &running)
      throw error
    }
    return watch(workers, scratch, number)
  }

  private func watch(_ workers: [WorkerProcess], _ scratch: String, _ number: Int) -> RoundOutcome {
    var running = Set(workers.indices)
    var watch = HangWatch(
      workers.map(\.pid), files: workers.indices.map { waitingFile(scratch, $0) },
      timeout: plan.timeout)
    defer { watch.close() }
    while !running.isEmpty {
      if let found = watch.look(at: running) {
        end(workers, &running)
        drainOutput()
        let error = hang(found.worker, found.what)
        return .failed(
          error, NodeFailure(text: error.description, isFinal: false, isConsequence: false))
      }
      switch events.next(before: Date(timeIntervalSinceNow: 1)) {
      case .exit(let worker, .code(0)):
        running.remove(worker)
      case .exit(let worker, let exit):
        running.remove(worker)
        // They have agreed to end, because one of them was asked to.
        if let signal = exit.interruption {
          endGently(workers, &running, signal: nil)
          drainOutput()
          let report = report(scratch)
          return number > 0
            ? .stopped(report: report) : .interrupted(signal: signal, report: report)
        }
        var failures = [Failure(worker: worker, exit: exit)]
        failures += failuresAtOnce(&running)
        end(workers, &running)
        return error(of: failures, scratch)
      case .signal(let signal):
        if plan.savesOnInterrupt { StandardStreams.error(Self.savingNote) }
        endGently(workers, &running, signal: SIGTERM)
        drainOutput()
        return .interrupted(signal: signal, report: report(scratch))
      case .host(.stop(let round, let isGentle)) where round == number:
        if isGentle { endGently(workers, &running, signal: SIGTERM) }
        end(workers, &running)
        drainOutput()
        return .stopped(report: report(scratch))
      case .host(.ended(let end)):
        self.end(workers, &running)
        // Whoever waits for the host's word gets it.
        events.post(.host(.ended(end)))
        return .stopped(report: report(scratch))
      case .hostLost:
        end(workers, &running)
        events.post(.hostLost)
        return .stopped(report: nil)
      case .host, .cannotJoin, nil: break
      }
    }
    drainOutput()
    return .succeeded
  }

  private struct Failure {
    let worker: Int
    let exit: WorkerExit
  }

  /// A worker that dies breaks the connections of the others, which then fail within moments, and
  /// the system may report them in any order. So the cause is chosen among all that fail at once.
  private func failuresAtOnce(_ running: inout Set<Int>) -> [Failure] {
    var failures: [Failure] = []
    let deadline = Date(timeIntervalSinceNow: 1)
    while !running.isEmpty, case .exit(let worker, let exit)? = events.next(before: deadline) {
      running.remove(worker)
      if exit != .code(0) { failures.append(Failure(worker: worker, exit: exit)) }
    }
    return failures
  }

  /// SIGTERM, then SIGKILL to those that are left after the grace period or a second interrupt.
  private func end(_ workers: [WorkerProcess], _ running: inout Set<Int>) {
    for worker in running { workers[worker].send(SIGTERM) }
    let seconds = Double(plan.gracePeriod.components.seconds)
    waitForExits(&running, until: Date(timeIntervalSinceNow: seconds))
    killRest(workers, &running)
  }

  /// Gives workers that save first the time to do so; a second interrupt ends them at once.
  private func endGently(_ workers: [WorkerProcess], _ running: inout Set<Int>, signal: Int32?) {
    if let signal { for worker in running { workers[worker].send(signal) } }
    let seconds =
      plan.savesOnInterrupt ? Double(plan.timeout) : Double(plan.gracePeriod.components.seconds)
    waitForExits(&running, until: Date(timeIntervalSinceNow: seconds))
    killRest(workers, &running)
  }

  private func waitForExits(_ running: inout Set<Int>, until deadline: Date) {
    while !running.isEmpty {
      switch events.next(before: deadline) {
      case .exit(let worker, _): running.remove(worker)
      case .host(.ended(let end)):
        events.post(.host(.ended(end)))
        return
      case .host, .cannotJoin: break
      case .hostLost:
        events.post(.hostLost)
        return
      case .signal, nil: return
      }
    }
  }

  private func killRest(_ workers: [WorkerProcess], _ running: inout Set<Int>) {
    for worker in running { workers[worker].send(SIGKILL) }
    var others: [LaunchEvent] = []
    while !running.isEmpty {
      switch events.next() {
      case .exit(let worker, _)?: running.remove(worker)
      case let other?: others.append(other)
      case nil: break
      }
    }
    for other in others { events.post(other) }
  }

  /// What a worker that was interrupted says of it.
  private func report(_ scratch: String) -> String? {
    plan.workers.indices.lazy.compactMap { WorkerErrorFile.read(errorFile(scratch, $0))?.text }
      .first
  }

  /// A signal explains what an error cannot: who was killed died first. Then the earliest error, before any
  /// that only says that another rank has one.
  private func error(of failures: [Failure], _ scratch: String) -> RoundOutcome {
    let reports = failures.map { failure in
      (failure, left: WorkerErrorFile.read(errorFile(scratch, failure.worker)))
    }
    let cause =
      reports.first { if case .signal = $0.0.exit { true } else { false } }
      ?? reports.min { Self.order($0.left) < Self.order($1.left) } ?? reports[0]
    let rank = plan.workers[cause.0.worker].rank
    drainOutput()
    let text = cause.left.map { ":\n" + $0.text } ?? ""
    var remedies = plan.workers.count > 1 ? ["All workers were stopped."] : []
    if cause.0.exit == .signal(SIGKILL) {
      remedies.append("Linux kills processes so when the machine runs out of memory.")
    }
    let message = "rank \(rank) \(cause.0.exit.description)\(text)"
    return .failed(
      TuneError(
        .worker, message, remedy: remedies.isEmpty ? nil : remedies.joined(separator: " ")),
      NodeFailure(
        text: message, isFinal: cause.left?.code?.isFinal ?? false,
        isConsequence: cause.left?.code == .worker))
  }

  private static func order(_ left: WorkerErrorFile.Left?) -> (Int, Date) {
    guard let left else { return (2, .distantFuture) }
    return (left.code == .worker ? 1 : 0, left.date)
  }

  private func hang(_ worker: Int, _ what: String) -> TuneError {
    TuneError(
      .worker,
      "rank \(plan.workers[worker].rank) \(what): for \(plan.timeout) s it has neither computed nor "
        + "waited for another rank",
      remedy:
        "All workers were stopped. Resume from the last save with resume_from_checkpoint=True; "
        + "--timeout gives workers more time.")
  }

  package static let savingNote =
    "\nInterrupted: the run ends after this step, and saves first. A second signal ends it at once.\n"

  /// What is left in the pipes. Something that a worker started and left may hold them open for
  /// ever.
  private func drainOutput() { _ = pumps.wait(timeout: .now() + 2) }

  private func errorFile(_ scratch: String, _ worker: Int) -> String { "\(scratch)/\(worker)" }

  private func waitingFile(_ scratch: String, _ worker: Int) -> String {
    "\(scratch)/\(worker).waits"
  }

  private func configurationFile(_ scratch: String) -> String { scratch + "/configuration.json" }

  private func start(_ environment: WorkerEnvironment, _ scratch: String, _ lifeline: Int32)
    throws -> WorkerProcess
  {
    var command = command
    if command.configuration != nil {
      command.arguments += [ComposedConfiguration.handedOverOption, configurationFile(scratch)]
    }
    command.environment.merge(environment.variables) { $1 }
    command.environment[WorkerErrorFile.variable] = errorFile(scratch, environment.localRank)
    let waiting = waitingFile(scratch, environment.localRank)
    try HangWatch.makeFile(waiting)
    command.environment[HangWatch.variable] = waiting
    command.environment[WorkerTimeout.variable] = "\(plan.timeout)"
    command.environment["TORCHELASTIC_RUN_ID"] = plan.runID ?? "none"
    command.environment.merge(launched.variables(maxRestarts: plan.maxRestarts)) { $1 }
    command.environment[SharedSecret.variable] = nil
    if command.environment["OMP_NUM_THREADS"] == nil {
      let share = LaunchPlan.Machine.current.cores / plan.workers.count
      command.environment["OMP_NUM_THREADS"] = "\(max(1, share))"
    }
    let stdout = try route(.stdout, environment)
    let stderr = try route(.stderr, environment)
    defer {
      // The worker has its own copies; the pumps see the end only when ours are gone.
      for case .pipe(let end) in [stdout, stderr] { close(end) }
    }
    let process = try WorkerProcess(command, stdout: stdout, stderr: stderr, lifeline: lifeline)
    let (events, index) = (events, environment.localRank)
    Thread.detachNewThread { events.post(.exit(worker: index, process.waitForExit())) }
    return process
  }

  private func route(_ stream: LaunchLogs.Stream, _ environment: WorkerEnvironment) throws
    -> WorkerProcess.Route
  {
    let file = plan.logs?.file(for: stream, localRank: environment.localRank)
    if let file {
      try makeFolder(file.path.parentFolder)
      if !file.isAlsoShown { return .file(file.path) }
    }
    // Rank 0 has the terminal itself, where it can draw.
    if file == nil, environment.rank == 0 { return .inherited }
    guard let pipe = Pipe() else {
      throw TuneError(.worker, "the process has no file descriptors left")
    }
    var log: FileHandle?
    if let file {
      _ = FileManager.default.createFile(atPath: file.path, contents: nil)
      log = FileHandle(forWritingAtPath: file.path)
    }
    let prefix = environment.rank == 0 ? "" : "[rank \(environment.rank)] "
    OutputPump(prefix: prefix, console: stream == .stdout ? 1 : 2, log: log)
      .start(from: pipe.readingEnd, pumps)
    return .pipe(writingEnd: pipe.writingEnd)
  }

  private func makeFolder(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true)
    } catch {
      throw TuneError(.disk, "cannot create the folder", at: .init(file: path), cause: error)
    }
  }
}
