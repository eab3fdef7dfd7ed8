// Why an operation on files failed, for the cause of a `TuneError`.
import Foundation

/// What the system says, without Foundation's wrapping.
package struct SystemReason: Error, CustomStringConvertible {
  package let description: String

  package init(_ error: any Error) {
    let outer = error as NSError
    let inner =
      outer.userInfo[NSUnderlyingErrorKey].flatMap { $0 as? any Error }
      .map { $0 as NSError } ?? outer
    description =
      inner.domain == NSPOSIXErrorDomain
      ? String(cString: strerror(Int32(inner.code))) : inner.localizedDescription
  }
}
