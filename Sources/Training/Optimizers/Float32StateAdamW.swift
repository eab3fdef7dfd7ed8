// AdamW for bf16 parameters that shall not lose small updates. A bf16 number has 8 significant
// bits: an update below a 512th of it rounds away. Here moments and arithmetic are fp32, and the
// parameter is either kept in fp32 beside the bf16 one, or rounded up or down by chance, so that on
// average nothing is lost.
import Sharding
import Tensors

package final class Float32StateAdamW: Optimizer {
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
  private let rounding: Rounding
  private var units: [Int: UnitState] = [:]

  package init(_ options: AdamWOptions = AdamWOptions(), rounding: Rounding) {
    self.options = options
    self.rounding = rounding
  }

  package func update(
    unit: Int, _ parameter: Shard, gradient: Tensor, learningRate: Double, step: Int
  ) {
    let flat = parameter.flat
    let state =
      units[unit]
      ?? UnitState(
        moments: AdamMoments(zeros: flat.count, .float32, on: flat.device),
        master: keepsMaster(flat.dtype) ? flat.to(.float32) : nil)
    units[unit] = state
    // Of an fp32 parameter this is the parameter itself, stepped in place.
    let exact = state.master ?? flat.to(.float32)
    state.moments.fusedStep(
      exact, gradient: gradient.to(.float32), options, learningRate: learningRate, step: step)
    guard flat.dtype != .float32 else { return }
    if case .stochastic(let seed) = rounding, flat.dtype == .bfloat16 {
      let place = [seed, UInt64(unit), UInt64(step), UInt64(parameter.rank)]
      flat.copy(from: exact.stochasticallyRoundedToBFloat16(seed: mixed(place)))
    } else {
      flat.copy(from: exact)
    }
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
      state, names: stateNames(for: flat.dtype), of: "AdamW with these options", for: parameter)
    units[unit] =
      saved.isEmpty
      ? nil
      : UnitState(
        moments: AdamMoments(saved, .float32, on: flat.device),
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
