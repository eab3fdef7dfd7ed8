// AdamW. What its moments are kept in and how a parameter is rounded are values, and any of the one
// goes with any of the other: torch.optim.AdamW keeps the parameter's dtype, torchao's AdamW8bit a
// byte an element. A bf16 number has 8 significant bits, and an update below a 512th of it rounds
// away: stochastic rounding and master weights keep such updates.
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

package final class AdamW: Optimizer {
  /// What the moments are kept in.
  package enum MomentStorage: Sendable, Equatable {
    /// The parameter's dtype, as torch.optim.AdamW keeps them. The arithmetic rounds as torch's
    /// fused kernel does, or after each operation.
    case parameterDType(isFused: Bool)
    /// fp32, which is also what is computed in.
    case float32
    /// A code for each element and a scale for each block, a quarter of fp32; computed in fp32.
    case eightBits(blockSize: Int = 256)
  }
  /// How a parameter below fp32 takes its update.
  package enum Rounding: Sendable, Equatable {
    /// To the nearest.
    case nearest
    /// Up or down, the nearer the more likely; the same for the same seed.
    case stochastic(seed: UInt64)
    /// To the nearest, of an fp32 copy that remembers.
    case masterWeights
  }
  private static let masterName = "master"
  private struct UnitState {
    var moments: AdamMoments
    /// Only under `.masterWeights`, and where the parameter is not fp32 itself.
    var master: Tensor?
  }
  private let options: AdamWOptions
  private let storage: MomentStorage
  private let rounding: Rounding
  private var units: [Int: UnitState] = [:]

  package init(
    _ options: AdamWOptions = AdamWOptions(), moments storage: MomentStorage,
    rounding: Rounding = .nearest
  ) {
    if case .eightBits(let size) = storage { precondition(size > 0, "blocks of \(size) elements") }
    self.options = options
    self.storage = storage
    self.rounding = rounding
  }

  package func update(
    unit: Int, _ parameter: Shard, gradient: Tensor, learningRate: Double, step: Int
  ) {
    let flat = parameter.flat
    let state =
      units[unit]
      ?? UnitState(
        moments: AdamMoments(zeros: storage, like: parameter),
        master: keepsMaster(flat.dtype) ? flat.to(.float32) : nil)
    units[unit] = state
    let step = AdamWStep(options: options, learningRate: learningRate, number: step)
    guard computesOnCopy(flat) else {
      state.moments.step(parameter.layout, flat, gradient: gradient, step)
      return
    }
    let exact = state.master ?? flat.to(.float32)
    state.moments.step(parameter.layout, exact, gradient: gradient, step)
    if case .stochastic(let seed) = rounding, flat.dtype == .bfloat16 {
      let place = [seed, UInt64(unit), UInt64(step.number), UInt64(parameter.rank)]
      flat.copy(from: exact.stochasticallyRoundedToBFloat16(seed: mixed(place)))
    } else {
      flat.copy(from: exact)
    }
  }

  /// Whether a step moves an fp32 copy, which is then rounded, and not the parameter itself.
  private func computesOnCopy(_ parameter: Tensor) -> Bool {
    parameter.dtype != .float32 && (rounding != .nearest || storage == .float32)
  }
  private func keepsMaster(_ dtype: DType) -> Bool {
    rounding == .masterWeights && dtype != .float32
  }

  package func stateNames(for dtype: DType) -> [String] {
    AdamMoments.names + (keepsMaster(dtype) ? [Self.masterName] : [])
  }
  package func state(unit: Int, like parameter: Shard) -> [String: OptimizerState] {
    guard let unit = units[unit] else { return [:] }
    var state = unit.moments.state
    if let master = unit.master { state[Self.masterName] = .elements(master) }
    return state
  }
  package func restore(unit: Int, like parameter: Shard, _ state: [String: OptimizerState]) throws {
    let flat = parameter.flat
    let saved = try SavedOptimizerState(
      state, names: stateNames(for: flat.dtype), of: "AdamW", for: parameter)
    guard !saved.isEmpty else {
      units[unit] = nil
      return
    }
    let moments = AdamMoments(zeros: storage, like: parameter)
    moments.copy(from: saved)
    units[unit] = UnitState(
      moments: moments,
      master: keepsMaster(flat.dtype)
        ? saved.elements(Self.masterName, .float32, on: flat.device) : nil)
  }
}

/// One number out of several (splitmix64), so that neighbours have unrelated streams.
private func mixed(_ values: [UInt64]) -> UInt64 {
  values.reduce(0) { hash, value in
    var z = (hash ^ value) &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
