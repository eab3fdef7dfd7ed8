// Texts and ids in files that tests and Python programs share: a little-endian int32 length before
// each row.
import Foundation

enum InteropRows {
  static func write(_ rows: [[UInt8]], to path: String) throws {
    var data = Data()
    for row in rows {
      withUnsafeBytes(of: Int32(row.count).littleEndian) { data.append(contentsOf: $0) }
      data.append(contentsOf: row)
    }
    try data.write(to: URL(fileURLWithPath: path))
  }
  static func read(_ path: String) throws -> [[UInt8]] {
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    var (rows, position): ([[UInt8]], Int) = ([], 0)
    while position < bytes.count {
      let count = Int(int32(bytes[position..<position + 4]))
      rows.append(Array(bytes[position + 4..<position + 4 + count]))
      position += 4 + count
    }
    return rows
  }
  static func ids(_ path: String) throws -> [[Int32]] {
    try read(path).map { row in
      stride(from: 0, to: row.count, by: 4).map { int32(row[$0..<$0 + 4]) }
    }
  }
  private static func int32(_ bytes: ArraySlice<UInt8>) -> Int32 {
    Int32(bitPattern: bytes.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
  }
}

extension String {
  /// Every character that is not plain ASCII by its number.
  var escaped: String {
    String(unicodeScalars.flatMap { Array($0.escaped(asASCII: true)) })
  }
}
