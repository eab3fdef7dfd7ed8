// How much this process has read of tensors in files, headers not counted. A run that can be refused is
// refused before it reads any, and tests hold it to that.
import Synchronization

package enum TensorReads {
  private static let bytesByPath = Mutex([String: Int]())

  static func add(_ bytes: Int, of path: String) {
    bytesByPath.withLock { $0[path, default: 0] += bytes }
  }

  /// The bytes of all files below `folder`; those that are read again count again.
  package static func bytes(below folder: String) -> Int {
    bytesByPath.withLock {
      $0.reduce(0) { $0 + ($1.key.hasPrefix(folder + "/") ? $1.value : 0) }
    }
  }
}
