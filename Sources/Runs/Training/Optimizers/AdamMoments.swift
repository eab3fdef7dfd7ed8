// AdamW's two moments of one unit, running means of gradients and of their squares, in each form that
// they may be kept in, and one step with each. A parameter is stepped in its own dtype or, where the
// optimizer rounds it afterwards, as an fp32 copy.
import Foundation
import Sharding
import Tensors

/// One step of AdamW, what is the same for all units.
struct AdamWStep {
  var options: AdamWOptions
  var learningRate: Double
  /// From 1.
  var number: Int
}

/// A mean of gradients and one of their squares, an element for each of the parameter.
struct MomentPair {
  let mean: Tensor
  let square: Tensor

  init(zeros count: Int, _ dtype: DType, on device: Device) {
    mean = .zeros([count], dtype, on: device)
    square = .zeros([count], dtype, on: device)
  }
  private init(mean: Tensor, square: Tensor) {
    self.mean = mean
    self.square = square
  }

  /// One step of a parameter, computed in its dtype.
  func step(_ parameter: Tensor, gradient: Tensor, _ step: AdamWStep, isFused: Bool) {
    let dtype = parameter.dtype
    let computed = MomentPair(mean: mean.to(dtype), square: square.to(dtype))
    let gradient = gradient.to(dtype)
    if isFused {
      computed.fusedStep(parameter, gradient, step)
    } else {
      computed.stepByOperations(parameter, gradient, step)
    }
    guard mean.dtype != dtype else { return }
    mean.copy(from: computed.mean)
    square.copy(from: computed.square)
  }

  private func fusedStep(_ parameter: Tensor, _ gradient: Tensor, _ step: AdamWStep) {
    let options = step.options
    fusedAdamWInPlace(
      parameter, gradient: gradient, mean: mean, variance: square,
      learningRate: step.learningRate, betas: (options.beta1, options.beta2),
      epsilon: options.epsilon, weightDecay: options.weightDecay, step: step.number)
  }

  private func stepByOperations(_ parameter: Tensor, _ gradient: Tensor, _ step: AdamWStep) {
    let options = step.options
    let meanCorrection = 1 - pow(options.beta1, Double(step.number))
    let squareCorrection = 1 - pow(options.beta2, Double(step.number))
    if options.weightDecay != 0 {
      parameter.scaleInPlace(1 - step.learningRate * options.weightDecay)
    }
    mean.lerpInPlace(gradient, weight: 1 - options.beta1)
    square.scaleInPlace(options.beta2)
    square.addProductInPlace(gradient, gradient, times: 1 - options.beta2)
    let root = square.sqrt() / pow(squareCorrection, 0.5) + options.epsilon
    parameter.addQuotientInPlace(mean, over: root, times: -(step.learningRate / meanCorrection))
  }
}

enum AdamMoments {
  static let names = ["exp_avg", "exp_avg_sq"]
  /// Tensors with fewer elements, such as norms, keep moments in the parameter's dtype.
  private static let leastQuantizedCount = 4096

  /// One buffer for the unit.
  case unit(MomentPair, isFused: Bool)
  /// One for each piece of the unit: a block never holds elements of two parameters.
  case pieces([Piece])

  enum Piece {
    case elements(MomentPair)
    case blocks(mean: QuantizedBlocks, square: QuantizedBlocks)
  }

  init(zeros storage: AdamW.MomentStorage, like parameter: Shard) {
    let (count, dtype, device) = (
      parameter.layout.count, parameter.flat.dtype, parameter.flat.device
    )
    switch storage {
    case .parameterDType(let isFused):
      self = .unit(MomentPair(zeros: count, dtype, on: device), isFused: isFused)
    case .float32:
      self = .unit(MomentPair(zeros: count, .float32, on: device), isFused: true)
    case .eightBits(let blockSize):
      self = .pieces(
        parameter.layout.pieces.map { piece in
          // Decided by the padded size, so that all ranks decide alike.
          guard piece.count >= Self.leastQuantizedCount, piece.count % blockSize == 0 else {
            return .elements(MomentPair(zeros: piece.count, dtype, on: device))
          }
          func zeros(isSigned: Bool) -> QuantizedBlocks {
            QuantizedBlocks(
              zeros: piece.count, .init(blockSize: blockSize, isSigned: isSigned), on: device)
          }
          return .blocks(mean: zeros(isSigned: true), square: zeros(isSigned: false))
        })
    }
  }

  /// - Parameter parameter: [layout.count], in the shard's dtype or fp32.
  func step(_ layout: ShardLayout, _ parameter: Tensor, gradient: Tensor, _ step: AdamWStep) {
    switch self {
    case .unit(let pair, let isFused):
      pair.step(parameter, gradient: gradient, step, isFused: isFused)
    case .pieces(let pieces):
      let gradient = gradient.to(.float32)
      for (place, moments) in zip(layout.pieces, pieces) where place.count > 0 {
        let p = parameter.narrow(0, from: place.offset, count: place.count)
        let g = gradient.narrow(0, from: place.offset, count: place.count)
        switch moments {
        case .elements(let pair):
          stepAdamWInFloat32(
            p, gradient: g, mean: pair.mean, square: pair.square, step.constants)
        case .blocks(let mean, let square):
          stepAdamW8bit(
            p, gradient: g, mean: mean, square: square, step.options,
            learningRate: step.learningRate, step: step.number)
        }
      }
    }
  }

  /// By the names of `names`.
  var state: [String: OptimizerState] {
    let (mean, square): (OptimizerState, OptimizerState)
    switch self {
    case .unit(let pair, _): (mean, square) = (.elements(pair.mean), .elements(pair.square))
    case .pieces(let pieces):
      let pairs: [(OptimizerStatePiece, OptimizerStatePiece)] = pieces.map {
        switch $0 {
        case .elements(let pair): (.elements(pair.mean), .elements(pair.square))
        case .blocks(let mean, let square): (.blocks(mean), .blocks(square))
        }
      }
      (mean, square) = (.pieces(pairs.map(\.0)), .pieces(pairs.map(\.1)))
    }
    return [Self.names[0]: mean, Self.names[1]: square]
  }

  /// Elements and blocks are converted into one another where the other form was saved.
  func copy(from saved: SavedOptimizerState) {
    switch self {
    case .unit(let pair, _):
      for (tensor, name) in zip([pair.mean, pair.square], Self.names) {
        tensor.copy(from: saved.elements(name, tensor.dtype, on: tensor.device))
      }
    case .pieces(let pieces):
      let states = Self.names.map(saved.pieces)
      for (index, piece) in pieces.enumerated() {
        switch piece {
        case .elements(let pair):
          pair.mean.copy(from: states[0][index].elements)
          pair.square.copy(from: states[1][index].elements)
        case .blocks(let mean, let square):
          mean.copy(from: states[0][index])
          square.copy(from: states[1][index])
        }
      }
    }
  }
}

extension QuantizedBlocks {
  /// Blocks of the same format as they are, others by way of fp32.
  fileprivate func copy(from saved: OptimizerStatePiece) {
    let source: QuantizedBlocks
    if case .blocks(let blocks) = saved, blocks.format == format {
      source = blocks
    } else {
      source = QuantizedBlocks(saved.elements, format)
    }
    codes.copy(from: source.codes.reshape(-1))
    scales.copy(from: source.scales)
  }
}
