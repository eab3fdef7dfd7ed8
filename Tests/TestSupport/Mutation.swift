// Broken files from good ones, by a seed.
import Essentials

/// A few bytes changed, doubled, cut out or cut off.
package func mutate(_ bytes: [UInt8], _ random: inout MersenneTwister) -> [UInt8] {
  var bytes = bytes
  for _ in 0...random.next32() % 3 {
    guard !bytes.isEmpty else { break }
    let place = Int(random.next32()) % bytes.count
    let end = min(bytes.count, place + 1 + Int(random.next32() % 12))
    switch random.next32() % 5 {
    case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next32())
    case 1: bytes[place] ^= 1 << (random.next32() % 8)
    case 2: bytes.removeSubrange(place..<end)
    case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
    default: if random.next32() % 4 == 0 { bytes.removeSubrange(place...) }
    }
  }
  return bytes
}
