// A Parquet schema as a tree. Its leaves are columns; its inner nodes are structures and lists, whose
// presence the columns note as levels.
// Source: the Apache Parquet format's notes on nested encoding and logical types.
import Archives

/// A column: what its values are and how deep it lies.
package struct ParquetLeaf {
  package var element: ParquetElement
  /// The levels of a value that is present.
  var definition: Int
  var repetition: Int
}

package struct ParquetNode {
  package enum Content {
    case leaf(Int)
    case structure([ParquetNode])
    /// The element; the repetition level of its second and later ones; from which definition level
    /// there is one at all.
    indirect case list(ParquetNode, repetition: Int, definition: Int)
  }
  package var name: String
  /// From this definition level the node is not null; 0 where it cannot be null.
  package var definition: Int
  package var content: Content
  /// The columns below it.
  package var leaves: Range<Int>
}

package struct ParquetSchema {
  package private(set) var leaves: [ParquetLeaf] = []
  package private(set) var columns: [ParquetNode] = []
  private let elements: [ParquetElement]
  private var position = 1
  private static let depthLimit = 48

  package init(_ elements: [ParquetElement]) throws {
    self.elements = elements
    guard let root = elements.first, root.type == nil else {
      throw MalformedBytes("the schema has no root")
    }
    guard root.childCount >= 0, root.childCount < elements.count else { throw Self.wrongCount }
    for _ in 0..<root.childCount { columns.append(try node(0, 0, depth: 1)) }
    guard position == elements.count else { throw Self.wrongCount }
  }

  private mutating func next() throws -> ParquetElement {
    guard position < elements.count else { throw Self.wrongCount }
    defer { position += 1 }
    return elements[position]
  }

  /// The node that comes next, below such levels.
  private mutating func node(
    _ definition: Int, _ repetition: Int, depth: Int
  ) throws -> ParquetNode {
    guard depth < Self.depthLimit else { throw MalformedBytes("the schema is nested too deeply") }
    let element = try next()
    let first = leaves.count
    guard element.repetition == 2 else {
      let own = definition + (element.repetition == 1 ? 1 : 0)
      let content = try content(of: element, own, repetition, depth)
      return ParquetNode(
        name: element.name, definition: element.repetition == 1 ? own : 0, content: content,
        leaves: first..<leaves.count)
    }
    // A repeated field by itself is a list that cannot be null, of elements that cannot be.
    let inner = try content(of: element, definition + 1, repetition + 1, depth)
    let item = ParquetNode(
      name: element.name, definition: 0, content: inner, leaves: first..<leaves.count)
    return ParquetNode(
      name: element.name, definition: 0,
      content: .list(item, repetition: repetition + 1, definition: definition + 1),
      leaves: item.leaves)
  }

  private mutating func content(
    of element: ParquetElement, _ definition: Int, _ repetition: Int, _ depth: Int
  ) throws -> ParquetNode.Content {
    if element.type != nil {
      leaves.append(
        ParquetLeaf(element: element, definition: definition, repetition: repetition))
      return .leaf(leaves.count - 1)
    }
    guard position < elements.count else { throw Self.wrongCount }
    let isList = element.logical == 3 || element.converted == 3
    let isMap = element.logical == 2 || element.converted == 1 || element.converted == 2
    if isList || isMap, element.childCount == 1, elements[position].repetition == 2 {
      return try list(in: element, definition, repetition, depth, isMap: isMap)
    }
    return .structure(try children(of: element, definition, repetition, depth))
  }

  private mutating func children(
    of element: ParquetElement, _ definition: Int, _ repetition: Int, _ depth: Int
  ) throws -> [ParquetNode] {
    guard element.childCount >= 1, element.childCount <= elements.count - position else {
      throw Self.wrongCount
    }
    var children: [ParquetNode] = []
    for _ in 0..<element.childCount {
      children.append(try node(definition, repetition, depth: depth + 1))
    }
    return children
  }

  /// A list is a group around a repeated group around the element; older writers left one out.
  private mutating func list(
    in outer: ParquetElement, _ definition: Int, _ repetition: Int, _ depth: Int, isMap: Bool
  ) throws -> ParquetNode.Content {
    let repeated = try next()
    let first = leaves.count
    let (inner, level) = (definition + 1, repetition + 1)
    let isElement =
      repeated.type != nil || isMap || repeated.childCount != 1 || repeated.name == "array"
      || repeated.name == outer.name + "_tuple"
    let element: ParquetNode
    if isElement {
      let content: ParquetNode.Content =
        repeated.type != nil
        ? try self.content(of: repeated, inner, level, depth + 1)
        : .structure(try children(of: repeated, inner, level, depth + 1))
      element = ParquetNode(
        name: repeated.name, definition: 0, content: content, leaves: first..<leaves.count)
    } else {
      element = try node(inner, level, depth: depth + 2)
    }
    guard !element.leaves.isEmpty else { throw Self.wrongCount }
    return .list(element, repetition: level, definition: inner)
  }

  private static var wrongCount: MalformedBytes {
    MalformedBytes("the schema has a wrong number of fields")
  }
}
