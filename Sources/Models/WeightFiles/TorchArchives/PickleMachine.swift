// Reads the pickle in a torch archive without executing it: a machine for the few instructions that
// torch.save writes, which knows tensors, ordered maps, lists, tuples, strings and numbers. A file
// that asks for anything else by name is refused, and the name told. Work and memory are bounded by
// the length of the pickle, which is bounded itself.
import Essentials

struct PickleMachine {
  /// Of tuples and lists.
  private(set) var sequences: [[PickleValue]] = []
  private(set) var maps: [[(key: PickleValue, value: PickleValue)]] = []

  private let bytes: UnsafeRawBufferPointer
  private let path: String
  private var position = 0
  private var stack: [PickleValue] = []
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]

  /// Some 16,000 tensors' worth; the largest models have 1,500.
  private static let lengthLimit = 4 << 20
  /// Of values on the stack, of remembered ones, and of containers.
  private static let countLimit = 1 << 20

  /// - Parameter bytes: the pickle; must live as long as the machine.
  init(_ bytes: UnsafeRawBufferPointer, path: String) throws {
    self.bytes = bytes
    self.path = path
    guard bytes.count <= Self.lengthLimit else {
      throw failure("its pickle has \(bytes.count) bytes; at most \(Self.lengthLimit) are read")
    }
  }

  func failure(_ message: String) -> TuneError {
    TuneError(
      .malformedFile, "not a sound torch archive: " + message,
      remedy: "The file may be truncated: download or write it again.", at: .init(file: path))
  }

  private func refusal(_ name: String) -> TuneError {
    TuneError(
      .unsupported, "the archive asks for '\(name)', which is no tensor: it is not read",
      remedy:
        "Nothing in a checkpoint is executed here. Use one that holds tensors only, such as a "
        + ".safetensors file or torch.save of a plain state dict.", at: .init(file: path))
  }

  /// What the pickle describes.
  mutating func run() throws -> PickleValue {
    while true {
      guard max(stack.count, memo.count, sequences.count + maps.count) <= Self.countLimit else {
        throw failure("its pickle makes too many values")
      }
      let instruction = try next()
      if instruction == UInt8(ascii: ".") {
        guard stack.count == 1, marks.isEmpty else { throw failure("its pickle ends too early") }
        return stack[0]
      }
      if try push(instruction) || collect(instruction) || remember(instruction) { continue }
      try build(instruction)
    }
  }

  // MARK: Reading

  private mutating func next() throws -> UInt8 {
    guard position < bytes.count else { throw failure("its pickle has no end") }
    defer { position += 1 }
    return bytes[position]
  }
  private mutating func number(_ size: Int) throws -> Int {
    let value = try CheckedBytes(bytes, path: path).number(position, size)
    position += size
    return value
  }
  private mutating func signed(_ size: Int) throws -> Int {
    guard size <= 8, size <= bytes.count - position else { throw failure("a number is too long") }
    var value: UInt64 = 0
    for index in 0..<size { value |= UInt64(bytes[position + index]) << (8 * index) }
    position += size
    let unused = 64 - 8 * size
    return unused == 64 ? 0 : Int(Int64(bitPattern: value << unused) >> unused)
  }
  private mutating func text(_ size: Int) throws -> String {
    let text = try CheckedBytes(bytes, path: path).text(position, size)
    position += size
    return text
  }
  private mutating func line() throws -> String {
    let start = position
    while try next() != UInt8(ascii: "\n") {}
    return try CheckedBytes(bytes, path: path).text(start, position - 1 - start)
  }

  private mutating func pop() throws -> PickleValue {
    guard stack.count > (marks.last ?? 0), let value = stack.popLast() else {
      throw failure("its pickle takes what is not there")
    }
    return value
  }
  private mutating func popToMark() throws -> [PickleValue] {
    guard let mark = marks.popLast() else { throw failure("its pickle has no mark") }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }
  private func top() throws -> PickleValue {
    guard stack.count > (marks.last ?? 0), let value = stack.last else {
      throw failure("its pickle takes what is not there")
    }
    return value
  }
}

extension PickleMachine {
  /// Instructions that push one plain value.
  private mutating func push(_ instruction: UInt8) throws -> Bool {
    switch instruction {
    case UInt8(ascii: "N"): stack.append(.none)
    case 0x88: stack.append(.bool(true))
    case 0x89: stack.append(.bool(false))
    case UInt8(ascii: "K"): stack.append(.integer(try number(1)))
    case UInt8(ascii: "M"): stack.append(.integer(try number(2)))
    case UInt8(ascii: "J"): stack.append(.integer(try signed(4)))
    case 0x8A:
      let size = try number(1)
      stack.append(.integer(try signed(size)))
    case UInt8(ascii: "G"):
      guard bytes.count - position >= 8 else { throw failure("its pickle has no end") }
      let bits = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
      position += 8
      stack.append(.double(Double(bitPattern: UInt64(bigEndian: bits))))
    case UInt8(ascii: "X"), UInt8(ascii: "T"):
      let size = try number(4)
      stack.append(.text(try text(size)))
    case 0x8C, UInt8(ascii: "U"):
      let size = try number(1)
      stack.append(.text(try text(size)))
    case 0x8D:
      let size = try number(8)
      stack.append(.text(try text(size)))
    case UInt8(ascii: "c"):
      let module = try line()
      stack.append(.global(try global(module, try line())))
    case 0x93:
      guard let name = try pop().text, let module = try pop().text else {
        throw failure("its pickle names something without a name")
      }
      stack.append(.global(try global(module, name)))
    default: return false
    }
    return true
  }

  private func global(_ module: String, _ name: String) throws -> PickleGlobal {
    guard let known = PickleGlobal(module: module, name: name) else {
      throw refusal(module + "." + name)
    }
    return known
  }

  /// Tuples, lists and maps.
  private mutating func collect(_ instruction: UInt8) throws -> Bool {
    switch instruction {
    case UInt8(ascii: "("): marks.append(stack.count)
    case UInt8(ascii: ")"): stack.append(tuple([]))
    case UInt8(ascii: "t"): stack.append(tuple(try popToMark()))
    case 0x85: stack.append(tuple([try pop()]))
    case 0x86:
      let last = try pop()
      stack.append(tuple([try pop(), last]))
    case 0x87:
      let last = try pop()
      let middle = try pop()
      stack.append(tuple([try pop(), middle, last]))
    case UInt8(ascii: "]"):
      sequences.append([])
      stack.append(.list(sequences.count - 1))
    case UInt8(ascii: "}"): stack.append(emptyMap())
    case UInt8(ascii: "a"): try append([try pop()])
    case UInt8(ascii: "e"): try append(try popToMark())
    case UInt8(ascii: "s"):
      let value = try pop()
      try set([try pop(), value])
    case UInt8(ascii: "u"): try set(try popToMark())
    default: return false
    }
    return true
  }

  private mutating func tuple(_ values: [PickleValue]) -> PickleValue {
    sequences.append(values)
    return .tuple(sequences.count - 1)
  }
  private mutating func emptyMap() -> PickleValue {
    maps.append([])
    return .map(maps.count - 1)
  }
  private mutating func append(_ values: [PickleValue]) throws {
    guard case .list(let index) = try top() else { throw failure("it appends to what is no list") }
    sequences[index] += values
  }
  private mutating func set(_ values: [PickleValue]) throws {
    guard case .map(let index) = try top(), values.count % 2 == 0 else {
      throw failure("it sets entries of what is no map")
    }
    for place in stride(from: 0, to: values.count, by: 2) {
      maps[index].append((values[place], values[place + 1]))
    }
  }

  /// The memo, and instructions that only frame.
  private mutating func remember(_ instruction: UInt8) throws -> Bool {
    switch instruction {
    case 0x80: _ = try next()
    case 0x95: _ = try number(8)
    case UInt8(ascii: "q"): memo[try number(1)] = try top()
    case UInt8(ascii: "r"): memo[try number(4)] = try top()
    case 0x94: memo[memo.count] = try top()
    case UInt8(ascii: "h"): try recall(try number(1))
    case UInt8(ascii: "j"): try recall(try number(4))
    case UInt8(ascii: "0"): _ = try pop()
    default: return false
    }
    return true
  }

  private mutating func recall(_ index: Int) throws {
    guard let value = memo[index] else { throw failure("its pickle recalls what it never kept") }
    stack.append(value)
  }
}

extension PickleMachine {
  /// Storages, and calls of the few known functions.
  private mutating func build(_ instruction: UInt8) throws {
    switch instruction {
    case UInt8(ascii: "Q"): stack.append(.storage(try storage(try pop())))
    case UInt8(ascii: "R"):
      guard case .tuple(let index) = try pop() else { throw failure("a call has no arguments") }
      guard case .global(let function) = try pop() else {
        throw failure("it calls what is no function")
      }
      stack.append(try call(function, sequences[index]))
    case UInt8(ascii: "b"):
      // The state of an ordered map holds the versions of the modules it came from.
      _ = try pop()
      guard case .map = try top() else { throw failure("it gives a state to what has none") }
    default:
      throw failure(
        "its pickle has the instruction 0x\(String(instruction, radix: 16)), which no tensor needs")
    }
  }

  private func storage(_ value: PickleValue) throws -> TorchStorage {
    guard case .tuple(let index) = value, sequences[index].count == 5 else {
      throw failure("a storage has no description")
    }
    let fields = sequences[index]
    guard fields[0].text == "storage", case .global(.storage(let dtype)) = fields[1],
      let key = fields[2].text, let count = fields[4].integer, count >= 0
    else { throw failure("a storage has no description") }
    return TorchStorage(key: key, dtype: dtype, count: count)
  }

  private mutating func call(_ function: PickleGlobal, _ arguments: [PickleValue]) throws
    -> PickleValue
  {
    switch function {
    case .orderedMap:
      guard arguments.isEmpty else { throw failure("an ordered map is made of something") }
      return emptyMap()
    case .rebuildParameter:
      guard arguments.count == 3, case .tensor = arguments[0] else {
        throw failure("a parameter has no tensor")
      }
      return arguments[0]
    case .rebuildTensor:
      guard (6...7).contains(arguments.count), case .storage(let storage) = arguments[0],
        let offset = arguments[1].integer, offset >= 0,
        let shape = sizes(arguments[2]), let strides = sizes(arguments[3]),
        shape.count == strides.count
      else { throw failure("a tensor has no description") }
      return .tensor(
        TorchTensor(storage: storage, offset: offset, shape: shape, strides: strides))
    case .storage(let dtype):
      throw failure("it makes a storage of \(dtype) out of nothing")
    }
  }

  /// Numbers that are not negative, as many as a tensor may have dimensions.
  private func sizes(_ value: PickleValue) -> [Int]? {
    guard case .tuple(let index) = value, sequences[index].count <= 64 else { return nil }
    let numbers = sequences[index].compactMap(\.integer)
    return numbers.count == sequences[index].count && numbers.allSatisfy { $0 >= 0 }
      ? numbers : nil
  }
}

extension PickleMachine {
  func noTensor(_ name: String) -> TuneError {
    TuneError(
      .unsupported, "'\(name)' in the archive is no tensor",
      remedy: "Use a file that holds the weights only: torch.save(model.state_dict(), file).",
      at: .init(file: path))
  }
}
