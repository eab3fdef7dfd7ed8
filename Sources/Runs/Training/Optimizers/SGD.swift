// Stochastic gradient descent with momentum, as torch.optim computes it.
import Sharding
import Tensors

package struct SGDOptions: Sendable, Equatable {
  package var momentum: Double
  package var dampening: Double
  package var weightDecay: Double
  package var nesterov: Bool
  package init(
    momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0, nesterov: Bool = false
  ) {
    self.momentum = momentum
    self.dampening = dampening
    self.weightDecay = weightDecay
    self.nesterov = nesterov
  }
}

package final class SGD: Optimizer {
  private static let bufferName = "momentum_buffer"
  private let options: SGDOptions
  private let isFused: Bool
  private var buffers: [Int: Tensor] = [:]

  /// - Parameter isFused: rounds once a step as a fused kernel does, else after each operation.
  package init(_ options: SGDOptions = SGDOptions(), isFused: Bool = false) {
    self.options = options
    self.isFused = isFused
  }

  package func update(
    unit: Int, _ parameter: Shard, gradient: Tensor, learningRate: Double, step: Int
  ) {
    let gradient = gradient.to(parameter.flat.dtype)
    if isFused {
      fusedStep(unit, parameter.flat, gradient, learningRate)
    } else {
      stepByOperations(unit, parameter.flat, gradient, learningRate)
    }
  }

  private func fusedStep(
    _ unit: Int, _ parameter: Tensor, _ gradient: Tensor, _ learningRate: Double
  ) {
    let isFirst = options.momentum != 0 && buffers[unit] == nil
    if isFirst { buffers[unit] = .zeros(parameter.shape, parameter.dtype, on: parameter.device) }
    // libtorch's kernel is wrong on bf16 on the CPU (2.13: parameters hardly move), so it only ever
    // sees fp32. Of an fp32 tensor this is the tensor itself.
    let exact = (parameter.to(.float32), buffers[unit]?.to(.float32))
    stepFusedSGD(
      exact.0, gradient: gradient.to(.float32), buffer: exact.1, learningRate: learningRate,
      momentum: options.momentum, dampening: options.dampening,
      weightDecay: options.weightDecay, nesterov: options.nesterov, isFirst: isFirst)
    guard parameter.dtype != .float32 else { return }
    parameter.copy(from: exact.0)
    if let buffer = exact.1 { buffers[unit]?.copy(from: buffer) }
  }

  private func stepByOperations(
    _ unit: Int, _ parameter: Tensor, _ gradient: Tensor, _ learningRate: Double
  ) {
    var gradient = gradient
    if options.weightDecay != 0 {
      gradient = gradient.clone()
      gradient.addInPlace(parameter, times: options.weightDecay)
    }
    if options.momentum != 0 {
      let buffer: Tensor
      if let kept = buffers[unit] {
        buffer = kept
        buffer.scaleInPlace(options.momentum)
        buffer.addInPlace(gradient, times: 1 - options.dampening)
      } else {
        buffer = gradient.clone()  // the first gradient is not dampened
        buffers[unit] = buffer
      }
      if options.nesterov {
        gradient = gradient.clone()
        gradient.addInPlace(buffer, times: options.momentum)
      } else {
        gradient = buffer
      }
    }
    parameter.addInPlace(gradient, times: -learningRate)
  }

  package func stateNames(for dtype: DType) -> [String] {
    options.momentum == 0 ? [] : [SGD.bufferName]
  }
  package func state(unit: Int, like parameter: Shard) -> [String: OptimizerState] {
    buffers[unit].map { [SGD.bufferName: .elements($0)] } ?? [:]
  }
  package func restore(unit: Int, like parameter: Shard, _ state: [String: OptimizerState]) throws {
    let saved = try SavedOptimizerState(
      state, names: stateNames(for: parameter.flat.dtype), of: "SGD", for: parameter)
    buffers[unit] =
      saved.isEmpty
      ? nil
      : saved.elements(SGD.bufferName, parameter.flat.dtype, on: parameter.flat.device)
  }
}
