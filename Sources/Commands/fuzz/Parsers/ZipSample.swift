// Zip archives whose records are stored plain, as torch.save writes them: taken apart and put together for
// inputs. Only sound archives are taken apart here; the parser under test reads the broken ones.

enum ZipSample {
  static func records(of archive: [UInt8]) -> [(name: String, bytes: [UInt8])] {
    func number(_ place: Int, _ size: Int) -> Int {
      (0..<size).reversed().reduce(0) { $0 << 8 | Int(archive[place + $1]) }
    }
    var records: [(name: String, bytes: [UInt8])] = []
    var place = 0
    while place + 46 <= archive.count {
      guard number(place, 4) == 0x0201_4B50 else {
        place += 1
        continue
      }
      let (size, nameCount, local) = (
        number(place + 24, 4), number(place + 28, 2), number(place + 42, 4)
      )
      let name = text(archive[(place + 46)..<(place + 46 + nameCount)])
      let start = local + 30 + number(local + 26, 2) + number(local + 28, 2)
      if start + size <= archive.count {
        records.append((name, Array(archive[start..<start + size])))
      }
      place += 46 + nameCount
    }
    return records
  }

  static func archive(_ records: [(name: String, bytes: [UInt8])]) -> [UInt8] {
    func number(_ value: Int, _ size: Int) -> [UInt8] {
      (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    var (file, directory): ([UInt8], [UInt8]) = ([], [])
    for (name, bytes) in records {
      let fields =
        number(20, 2) + number(0, 8) + number(0, 4) + number(bytes.count, 4)
        + number(bytes.count, 4)
        + number(name.utf8.count, 2) + number(0, 2)
      directory +=
        number(0x0201_4B50, 4) + number(20, 2) + fields + number(0, 10) + number(file.count, 4)
        + Array(name.utf8)
      file += number(0x0403_4B50, 4) + fields + Array(name.utf8) + bytes
    }
    let end =
      number(0x0605_4B50, 4) + number(0, 4) + number(records.count, 2) + number(records.count, 2)
      + number(directory.count, 4) + number(file.count, 4) + number(0, 2)
    return file + directory + end
  }
}
