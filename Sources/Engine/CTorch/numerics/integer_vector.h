// A few tokens times packed weights: each weight is used too seldom to be laid out anew, so rows are
// read as they are stored. Decoding is this.
#pragma once
#include "integer_product.h"

namespace ct {

/// Whether this way takes the weight, and is worth taking for so many tokens.
bool has_vector_product(const CodedTokens &x, const PackedWeight &w, InstructionSet set);

/// One tokens' product with each of `count` weights [N, K], grouped alike, into its y [M, N]: as
/// `integer_product`, to the same bits.
void vector_products(
    const CodedTokens &x, const PackedWeight *weights, void *const *ys, int count, Stored stored);

}  // namespace ct
