// What saving, resharding and restoring need of optimizer state. A parameter's state over all ranks
// is its pieces one after the other, so a checkpoint holds whole parameters, and a rank of another
// world takes its stretch. Where a stretch begins and ends between blocks, 8-bit state is cut
// exactly; elsewhere it becomes fp32 elements, which `restore` quantizes again.
import Sharding
import Tensors

extension OptimizerState {
  /// The state of each piece of `layout`: views.
  package func pieces(of layout: ShardLayout) -> [OptimizerStatePiece] {
    switch self {
    case .pieces(let pieces): pieces
    case .elements(let flat):
      layout.pieces.map { .elements(flat.narrow(0, from: $0.offset, count: $0.count)) }
    }
  }
}

extension OptimizerStatePiece {
  package var count: Int {
    switch self {
    case .elements(let tensor): tensor.count
    case .blocks(let blocks): blocks.codes.count
    }
  }
  /// The numbers themselves; those of blocks are fp32.
  package var elements: Tensor {
    switch self {
    case .elements(let tensor): tensor.reshape(-1)
    case .blocks(let blocks): blocks.dequantized()
    }
  }
  /// `count` numbers from `start` on; those beyond the end are zero, as padding is.
  package func stretch(from start: Int, count: Int) -> OptimizerStatePiece {
    if case .blocks(let blocks) = self, let cut = blocks.stretch(from: start, count: count) {
      return .blocks(cut)
    }
    return .elements(elements.stretch(from: start, count: count))
  }
  /// One state out of those of consecutive stretches; blocks stay blocks if they line up.
  package static func joined(_ pieces: [OptimizerStatePiece]) -> OptimizerStatePiece {
    if let blocks = QuantizedBlocks.joined(pieces) { return .blocks(blocks) }
    return .elements(.cat(pieces.map { $0.elements.to(.float32) }, along: 0))
  }
}

extension QuantizedBlocks.Format: CustomStringConvertible {
  /// As a checkpoint's metadata names it: `dynamic8-signed-256`.
  package var description: String { "dynamic8-\(isSigned ? "signed" : "unsigned")-\(blockSize)" }
  package init?(_ description: String) {
    let parts = description.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == "dynamic8", parts[1] == "signed" || parts[1] == "unsigned",
      let size = Int(parts[2]), size > 0
    else { return nil }
    self.init(blockSize: size, isSigned: parts[1] == "signed")
  }
}

extension QuantizedBlocks {
  /// `numbers` rounded to 8 bits, each block by its largest magnitude.
  package init(_ numbers: Tensor, _ format: Format) {
    let blocks = ByteBlocks(
      quantizing: numbers.to(.float32), blockSize: format.blockSize, isSigned: format.isSigned)
    self.init(format, codes: blocks.codes, scales: blocks.scales)
  }
  /// `count` zeros.
  package init(zeros count: Int, _ format: Format, on device: Device) {
    self.init(
      format, codes: .zeros([count], .uint8, on: device),
      scales: .zeros([format.blocks(count)], .float32, on: device))
  }
  package var isConsistent: Bool {
    codes.dtype == .uint8 && scales.dtype == .float32 && format.blockSize > 0
      && scales.count == format.blocks(codes.count)
  }

  fileprivate func stretch(from start: Int, count: Int) -> QuantizedBlocks? {
    let size = format.blockSize
    let endsWithBlock = count % size == 0 || start + count >= codes.count
    guard start % size == 0, endsWithBlock else { return nil }
    return QuantizedBlocks(
      format, codes: codes.stretch(from: start, count: count),
      scales: scales.stretch(from: start / size, count: format.blocks(count)))
  }

  fileprivate static func joined(_ pieces: [OptimizerStatePiece]) -> QuantizedBlocks? {
    var all: [QuantizedBlocks] = []
    for piece in pieces {
      guard case .blocks(let blocks) = piece, blocks.format == all.first?.format ?? blocks.format
      else { return nil }
      all.append(blocks)
    }
    guard let format = all.first?.format,
      all.dropLast().allSatisfy({ $0.codes.count % format.blockSize == 0 })
    else { return nil }
    return QuantizedBlocks(
      format, codes: .cat(all.map { $0.codes.reshape(-1) }, along: 0),
      scales: .cat(all.map(\.scales), along: 0))
  }
}

extension QuantizedBlocks.Format {
  fileprivate func blocks(_ count: Int) -> Int { (count + blockSize - 1) / blockSize }
}

extension Tensor {
  fileprivate func stretch(from start: Int, count: Int) -> Tensor {
    let flat = reshape(-1)
    let first = min(start, flat.count)
    let there = flat.narrow(0, from: first, count: min(count, flat.count - first))
    if there.count == count { return there }
    return .cat([there, .zeros([count - there.count], dtype, on: device)], along: 0)
  }
}
