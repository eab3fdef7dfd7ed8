// A linear layer is one thing: what it multiplies by and what it adds. A block has a field for each
// of its layers, whatever a layer is made of.
import Tensors

package struct LinearLayer<W> {
  /// [outputs, inputs]
  package var weight: W
  /// [outputs]; nil where the layer adds nothing.
  package var bias: W?

  package init(_ weight: W, bias: W? = nil) {
    self.weight = weight
    self.bias = bias
  }

  package func map<V>(_ change: (W) throws -> V) rethrows -> LinearLayer<V> {
    try LinearLayer<V>(change(weight), bias: bias.map(change))
  }
}
extension LinearLayer: Sendable where W: Sendable {}

/// One input [.., K] through several linear layers: [.., N] each. The input is rounded once.
/// - Parameter graphOnly: where only the graph is wanted: products are left out.
package func linear(
  _ x: Tensor, _ layers: LinearLayer<LinearWeight>..., graphOnly: Bool = false
) -> [Tensor] {
  let products = linear(x, layers.map(\.weight), graphOnly: graphOnly)
  return zip(products, layers).map { product, layer in
    layer.bias.map { product + $0.exactTensor } ?? product
  }
}
