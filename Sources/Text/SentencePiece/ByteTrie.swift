// A prefix tree over byte strings: which of them begin at a place in a text. The children of a node
// lie side by side in the order of their bytes, so it takes no more nodes than the strings have
// bytes, whatever they are.

struct ByteTrie: Sendable {
  private var labels: [UInt8] = [0]
  private var values: [Int32] = [-1]
  private var firstChild: [Int32] = [0]
  private var childCount: [UInt16] = [0]

  var isEmpty: Bool { childCount[0] == 0 }

  /// Values must not be negative. Of equal keys, one counts.
  init(_ entries: [(key: [UInt8], value: Int32)]) {
    let sorted = entries.filter { !$0.key.isEmpty }
      .sorted { $0.key.lexicographicallyPrecedes($1.key) }
    var level = [(range: 0..<sorted.count, node: 0)]
    var depth = 0
    while !level.isEmpty {
      var nextLevel: [(range: Range<Int>, node: Int)] = []
      for (range, node) in level {
        firstChild[node] = Int32(labels.count)
        var start = range.lowerBound
        while start < range.upperBound {
          let label = sorted[start].key[depth]
          var end = start + 1
          while end < range.upperBound, sorted[end].key[depth] == label { end += 1 }
          let child = append(label, to: node)
          while start < end, sorted[start].key.count == depth + 1 {
            values[child] = sorted[start].value
            start += 1
          }
          if start < end { nextLevel.append((start..<end, child)) }
          start = end
        }
      }
      level = nextLevel
      depth += 1
    }
  }

  private mutating func append(_ label: UInt8, to node: Int) -> Int {
    labels.append(label)
    values.append(-1)
    firstChild.append(0)
    childCount.append(0)
    childCount[node] += 1
    return labels.count - 1
  }

  /// Visits every string that begins at `start`, the shortest first, with its end and value.
  @inline(__always)
  func forEachMatch(
    in text: UnsafeBufferPointer<UInt8>, from start: Int, _ body: (_ end: Int, Int32) -> Void
  ) {
    var (node, position) = (0, start)
    while position < text.count, let next = child(of: node, text[position]) {
      node = next
      position += 1
      if values[node] >= 0 { body(position, values[node]) }
    }
  }

  func longestMatch(
    in text: UnsafeBufferPointer<UInt8>, from start: Int
  ) -> (end: Int, value: Int32)? {
    var found: (Int, Int32)?
    forEachMatch(in: text, from: start) { found = ($0, $1) }
    return found
  }

  @inline(__always)
  private func child(of node: Int, _ label: UInt8) -> Int? {
    var low = Int(firstChild[node])
    var high = low + Int(childCount[node])
    while low < high {
      let middle = (low + high) / 2
      if labels[middle] < label { low = middle + 1 } else { high = middle }
    }
    let end = Int(firstChild[node]) + Int(childCount[node])
    return low < end && labels[low] == label ? low : nil
  }
}
