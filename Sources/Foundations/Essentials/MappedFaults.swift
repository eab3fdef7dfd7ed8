// A mapped file that is cut while it is read: whoever touches a page behind its new end is sent SIGBUS, and
// would die of it without a word. Here the handler looks up whose page it was, says so, and ends the process.
// A handler may neither allocate nor lock, so its texts are ready before.
import Foundation
import Synchronization

package enum MappedFaults {
  private struct Mapping {
    var start: UInt
    var end: UInt
    /// The whole error, as C has it.
    var text: UnsafeMutablePointer<CChar>?
  }
  /// More than a model has files; of more of them a fault is a plain SIGBUS.
  private static let capacity = 4096

  /// Memory that the handler reads, never given back. Unchecked: it is changed under the lock alone, and a
  /// fault in a mapping comes while that mapping is in the table.
  private final class Table: @unchecked Sendable {
    let mappings: UnsafeMutablePointer<Mapping>
    /// Where a launcher wants the error; nil for standard error.
    var errorFile: UnsafeMutablePointer<CChar>?
    var previous = sigaction()
    init() {
      mappings = .allocate(capacity: capacity)
      mappings.initialize(repeating: Mapping(start: 0, end: 0, text: nil), count: capacity)
      var action = sigaction()
      #if os(Linux)
        action.__sigaction_handler.sa_sigaction = handleMappedFault
      #else
        action.__sigaction_u.__sa_sigaction = handleMappedFault
      #endif
      action.sa_flags = Int32(SA_SIGINFO)
      sigaction(SIGBUS, &action, &previous)
    }
  }
  private static let table = Table()
  private static let lock = Mutex(())

  /// Faults are then reported in that file, as a launcher reads it.
  package static func report(toFile path: String) {
    lock.withLock { _ in table.errorFile = strdup(path) }
  }

  static func add(_ start: UnsafeMutableRawPointer, count: Int, path: String) {
    let text =
      "\(path): the file became shorter while it was read\n"
      + "  Leave the files of a model alone while a program reads them, and run it again.\n"
    lock.withLock { _ in
      guard let place = (0..<capacity).first(where: { table.mappings[$0].text == nil }) else {
        return
      }
      let start = UInt(bitPattern: start)
      table.mappings[place] = Mapping(start: start, end: start + UInt(count), text: strdup(text))
    }
  }

  static func remove(_ start: UnsafeMutableRawPointer) {
    lock.withLock { _ in
      let start = UInt(bitPattern: start)
      guard
        let place = (0..<capacity).first(where: {
          table.mappings[$0].text != nil && table.mappings[$0].start == start
        })
      else { return }
      free(table.mappings[place].text)
      table.mappings[place] = Mapping(start: 0, end: 0, text: nil)
    }
  }

  fileprivate static func handle(_ address: UInt) {
    for place in 0..<capacity {
      let mapping = table.mappings[place]
      guard let text = mapping.text, address >= mapping.start, address < mapping.end else {
        continue
      }
      if let path = table.errorFile {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        if file >= 0 { _ = write(file, text, strlen(text)) }
      } else {
        _ = write(STDERR_FILENO, "error: ", 7)
        _ = write(STDERR_FILENO, text, strlen(text))
      }
      _exit(1)
    }
    // Not one of ours: it comes again at once, and ends the process as it would have.
    sigaction(SIGBUS, &table.previous, nil)
  }
}

private func handleMappedFault(
  _ signal: Int32, _ info: UnsafeMutablePointer<siginfo_t>?, _ context: UnsafeMutableRawPointer?
) {
  #if os(Linux)
    MappedFaults.handle(UInt(bitPattern: info?.pointee._sifields._sigfault.si_addr))
  #else
    MappedFaults.handle(UInt(bitPattern: info?.pointee.si_addr))
  #endif
}
