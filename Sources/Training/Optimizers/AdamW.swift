// AdamW as torch.optim computes it: its two moments in the parameter's dtype, and the roundings of
// either the fused kernel or of the sequence of single operations.
import Foundation
import Sharding
import Tensors

package struct AdamWOptions: Sendable, Equatable {
  package var beta1: Double
  package var beta2: Double
  package var epsilon: Double
  package var weightDecay: Double
  package init(
    beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0.01
  ) {
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }
}

/// A running mean of gradients and of their squares.
struct AdamMoments {
  static let names = ["exp_avg", "exp_avg_sq"]
  let mean: Tensor
  let square: Tensor

  init(zeros count: Int, _ dtype: DType, on device: Device) {
    mean = .zeros([count], dtype, on: device)
    square = .zeros([count], dtype, on: device)
  }
  init(_ saved: SavedOptimizerState, _ dtype: DType, on device: Device) {
    mean = saved.elements(AdamMoments.names[0], dtype, on: device)
    square = saved.elements(AdamMoments.names[1], dtype, on: device)
  }
  var state: [String: OptimizerState] {
    [AdamMoments.names[0]: .elements(mean), AdamMoments.names[1]: .elements(square)]
  }

  /// One fused step of `parameter`, all tensors of one dtype.
  func fusedStep(
    _ parameter: Tensor, gradient: Tensor, _ options: AdamWOptions, learningRate: Double, step: Int
  ) {
    fusedAdamWInPlace(
      parameter, gradient: gradient, mean: mean, variance: square, learningRate: learningRate,
      betas: (options.beta1, options.beta2), epsilon: options.epsilon,
      weightDecay: options.weightDecay, step: step)
  }
}

package final class AdamW: Optimizer {
  private let options: AdamWOptions
  private let isFused: Bool
  private var moments: [Int: AdamMoments] = [:]

  /// - Parameter isFused: rounds as the fused kernel does, else after each operation.
  package init(_ options: AdamWOptions = AdamWOptions(), isFused: Bool) {
    self.options = options
    self.isFused = isFused
  }

  package func update(
    unit: Int, _ parameter: Shard, gradient: Tensor, learningRate: Double, step: Int
  ) {
    let flat = parameter.flat
    let moments =
      self.moments[unit] ?? AdamMoments(zeros: flat.count, flat.dtype, on: flat.device)
    self.moments[unit] = moments
    let gradient = gradient.to(flat.dtype)
    if isFused {
      moments.fusedStep(flat, gradient: gradient, options, learningRate: learningRate, step: step)
    } else {
      stepByOperations(flat, gradient, moments, learningRate, Double(step))
    }
  }

  private func stepByOperations(
    _ parameter: Tensor, _ gradient: Tensor, _ moments: AdamMoments, _ learningRate: Double,
    _ step: Double
  ) {
    let meanCorrection = 1 - pow(options.beta1, step)
    let squareCorrection = 1 - pow(options.beta2, step)
    if options.weightDecay != 0 {
      parameter.scaleInPlace(1 - learningRate * options.weightDecay)
    }
    moments.mean.lerpInPlace(gradient, weight: 1 - options.beta1)
    moments.square.scaleInPlace(options.beta2)
    moments.square.addProductInPlace(gradient, gradient, times: 1 - options.beta2)
    let root = moments.square.sqrt() / pow(squareCorrection, 0.5) + options.epsilon
    parameter.addQuotientInPlace(
      moments.mean, over: root, times: -(learningRate / meanCorrection))
  }

  package func stateNames(for dtype: DType) -> [String] { AdamMoments.names }
  package func state(unit: Int, like parameter: Shard) -> [String: OptimizerState] {
    moments[unit]?.state ?? [:]
  }
  package func restore(unit: Int, like parameter: Shard, _ state: [String: OptimizerState]) throws {
    let saved = try SavedOptimizerState(
      state, names: AdamMoments.names, of: "AdamW", for: parameter)
    moments[unit] =
      saved.isEmpty
      ? nil : AdamMoments(saved, parameter.flat.dtype, on: parameter.flat.device)
  }
}
