// What the layers' kernels are measured against: the formulas in fp64, made of libtorch's
// operations, and gradients through libtorch's own graph of them.
import Tensors

/// Outputs and gradients of a function at leaves made of `inputs`, seeded with `seed`.
func run(_ inputs: [Tensor], seed: Tensor?, _ body: ([Tensor]) -> Tensor) -> (
  output: Tensor, gradients: [Tensor]
) {
  let leaves = inputs.map { $0.leaf() }
  let output = withGraph(true) { body(leaves) }
  let found = gradients(of: output, seed: seed?.to(output.dtype), withRespectTo: leaves)
  return (output.detach(), zip(found, leaves).map { $0 ?? .zeros($1.shape, $1.dtype) })
}

enum Truth {
  static func norm(_ x: Tensor, _ w: Tensor, epsilon: Double) -> Tensor {
    x * ((x * x).mean(along: -1, keep: true) + epsilon).rsqrt() * w
  }
  static func swiGLU(_ gate: Tensor, _ up: Tensor) -> Tensor {
    gate / ((-gate).exp() + 1) * up
  }
  static func rotated(_ x: Tensor, _ cosines: Tensor, _ sines: Tensor) -> Tensor {
    let shape = x.shape
    let pairs = x.reshape(Array(shape.dropLast()) + [shape[3] / 2, 2])
    let (a, b) = (pairs.select(-1, 0), pairs.select(-1, 1))
    return Tensor.stack([a * cosines - b * sines, b * cosines + a * sines], along: -1).flatten(3, 4)
  }
  /// Targets of -100 are left out.
  static func crossEntropy(_ logits: Tensor, _ targets: Tensor) -> Tensor {
    let places = targets.differs(from: -100).nonzero().reshape(-1)
    let picked = logits.logSoftmax(along: 1).rows(places)
      .gather(targets.rows(places).unsqueeze(1), along: 1)
    return -picked.sum()
  }
  /// Head by head, with a mask of T x S.
  static func attention(
    _ q: Tensor, _ k: Tensor, _ v: Tensor, causal: Bool, _ rule: AttentionRule = AttentionRule()
  ) -> Tensor {
    let (heads, groups) = (q.shape[1], k.shape[1])
    let scale = rule.scale ?? 1 / Double(q.shape[3]).squareRoot()
    let each = (0..<heads).map { head in
      let group = head * groups / heads
      var scores = q.select(1, head).matmul(k.select(1, group).transpose(1, 2)) * scale
      if let cap = rule.cap { scores = (scores / cap).tanh() * cap }
      if causal {
        let before = k.shape[2] - q.shape[2]
        let all = Tensor.ones([q.shape[2], k.shape[2]])
        var visible = all.lowerTriangle(diagonal: before)
        if let window = rule.window {
          visible = visible - all.lowerTriangle(diagonal: before - window)
        }
        scores = scores.masked(by: visible.equals(0), with: -.infinity)
      }
      return scores.softmax(along: -1).matmul(v.select(1, group))
    }
    return .stack(each, along: 1)
  }
}

extension Tensor {
  /// The largest difference from `truth`, relative to each of its values, but at least `floor`.
  func relativeDifference(from truth: Tensor, floor: Double = 1e-30) -> Double {
    let difference = (to(.float64) - truth).abs()
    return (difference / truth.abs().maximum(.full([], floor, .float64))).amax().item
  }
  /// The largest difference from `truth`, relative to its largest value.
  func differenceInRange(from truth: Tensor) -> Double {
    largestDifference(from: truth) / Swift.max(truth.abs().amax().item, 1e-30)
  }
}

/// Half a step of fp32 between 1 and 2: an ulp is at most twice this, relatively.
let halfStep = 0x1p-24
