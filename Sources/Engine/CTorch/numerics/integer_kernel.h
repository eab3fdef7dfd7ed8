// The body of the integer product, written once and compiled for each instruction set: the including
// file defines `Vector` first and sets the target. No include guard, no includes: it lies in a namespace.
//
// Weights of `kPanel` outputs are laid out so that a vector holds four inputs of each of its lanes'
// outputs; four codes of a token are broadcast against it.

/// Outputs computed together: two vectors.
constexpr int64_t kPanel = 2 * Vector::kLanes;
/// Tokens computed together.
constexpr int kTokens = Vector::kTokens;

/// One panel of weights in the order in which the product reads them.
struct Panel {
  int8_t *codes;    // [K / 4][kPanel][4]
  int32_t *sums;    // [G][kPanel], of a group's codes
  float *scales;    // [G][kPanel]
};

static int64_t panel_bytes(int64_t k, int64_t groups) {
  return kPanel * (k + 8 * groups);
}

static Panel panel_at(uint8_t *memory, int64_t k, int64_t groups) {
  auto *sums = reinterpret_cast<int32_t *>(memory + kPanel * k);
  return {
      reinterpret_cast<int8_t *>(memory), sums,
      reinterpret_cast<float *>(sums + groups * kPanel)};
}

/// Outputs `first` ... of the weight; those beyond its last are zero.
static void fill(const Panel &panel, const PackedWeight &w, int64_t first, int8_t *row) {
  const int64_t groups = w.k / w.group;
  auto *quads = reinterpret_cast<int32_t *>(panel.codes);
  for (int64_t lane = 0; lane < kPanel; lane++) {
    const int64_t n = first + lane;
    if (n >= w.n) {
      for (int64_t q = 0; q < w.k / 4; q++) quads[q * kPanel + lane] = 0;
      for (int64_t g = 0; g < groups; g++) {
        panel.sums[g * kPanel + lane] = 0;
        panel.scales[g * kPanel + lane] = 0;
      }
      continue;
    }
    const uint8_t *codes = w.codes + n * w.code_stride;
    const int8_t *from = reinterpret_cast<const int8_t *>(codes);
    if (w.is_packed()) {
      unpack_nibbles(codes, row, w.k);
      from = row;
    }
    for (int64_t q = 0; q < w.k / 4; q++) __builtin_memcpy(quads + q * kPanel + lane, from + 4 * q, 4);
    for (int64_t g = 0; g < groups; g++) {
      int32_t sum = 0;
      for (int64_t i = 0; i < w.group; i++) sum += from[g * w.group + i];
      panel.sums[g * kPanel + lane] = sum;
      panel.scales[g * kPanel + lane] = w.scales[n * w.scale_stride + g];
    }
  }
}

/// `T` tokens times one panel: y[t][lane] of `kPanel` floats a token. The products of `D` quads fit
/// into a partial sum; a group is a multiple of eight quads.
template <int T, int D>
static void multiply(
    const Panel &panel, const PackedWeight &w, const CodedTokens &x, int64_t first, float *y) {
  using Floats = typename Vector::Floats;
  const int64_t groups = w.k / w.group, quads = w.group / 4;
  const uint8_t *rows[T];
  for (int t = 0; t < T; t++) rows[t] = x.codes + (first + t) * w.k;
  Floats sums[T][2];
  for (int t = 0; t < T; t++) sums[t][0] = sums[t][1] = Vector::zero_floats();
  const int8_t *weights = panel.codes;
  for (int64_t g = 0; g < groups; g++) {
    typename Vector::Integers exact[T][2];
    for (int t = 0; t < T; t++)
      for (int j = 0; j < 2; j++)
        exact[t][j] = Vector::minus_product(
            x.offsets[first + t], panel.sums + g * kPanel + j * Vector::kLanes);
    for (int64_t q = 0; q < quads; q += D) {
      typename Vector::Partial partial[T][2];
#pragma clang loop unroll(full)
      for (int i = 0; i < D; i++, weights += 4 * kPanel) {
        auto w0 = Vector::load(weights), w1 = Vector::load(weights + 4 * Vector::kLanes);
#pragma clang loop unroll(full)
        for (int t = 0; t < T; t++) {
          auto u = Vector::broadcast(rows[t] + 4 * (q + i));
          partial[t][0] = i ? Vector::dot(partial[t][0], u, w0) : Vector::product(u, w0);
          partial[t][1] = i ? Vector::dot(partial[t][1], u, w1) : Vector::product(u, w1);
        }
      }
      for (int t = 0; t < T; t++)
        for (int j = 0; j < 2; j++) exact[t][j] = Vector::add(exact[t][j], partial[t][j]);
    }
    for (int t = 0; t < T; t++) rows[t] += w.group;
    for (int j = 0; j < 2; j++) {
      Floats scale = Vector::load_floats(panel.scales + g * kPanel + j * Vector::kLanes);
      for (int t = 0; t < T; t++)
        sums[t][j] = Vector::add_product(sums[t][j], exact[t][j], scale);
    }
  }
  for (int t = 0; t < T; t++)
    for (int j = 0; j < 2; j++)
      Vector::store_scaled(y + t * kPanel + j * Vector::kLanes, sums[t][j], x.scales[first + t]);
}

template <int D>
static void multiply_some(
    const Panel &panel, const PackedWeight &w, const CodedTokens &x, int64_t first, int64_t count,
    float *y) {
  if (count >= kTokens) return multiply<kTokens, D>(panel, w, x, first, y);
  switch (count) {
    case 1: return multiply<1, D>(panel, w, x, first, y);
    case 2: return multiply<2, D>(panel, w, x, first, y);
    default: return multiply<3, D>(panel, w, x, first, y);
  }
}

/// How it is computed depends on how many products a 16-bit sum holds.
using Multiply = void (*)(
    const Panel &, const PackedWeight &, const CodedTokens &, int64_t, int64_t, float *);
static Multiply multiply_for(int bits) {
  if (Vector::kSumsIn32Bits || bits <= 4) return multiply_some<8>;
  return bits == 5 ? multiply_some<4> : bits == 6 ? multiply_some<2> : multiply_some<1>;
}

/// Outputs `from` ..< `to` of tokens `first` ..< `last`. `memory` holds `panels` panels and a row.
static void product_block(
    const CodedTokens &x, const PackedWeight &w, void *y, Stored stored, int64_t from, int64_t to,
    int64_t first, int64_t last, uint8_t *memory, int64_t panels) {
  const int64_t groups = w.k / w.group, bytes = panel_bytes(w.k, groups);
  auto *row = reinterpret_cast<int8_t *>(memory + panels * bytes);
  const Multiply multiply_tile = multiply_for(w.bits);
  for (int64_t n = from; n < to; n += panels * kPanel) {
    const int64_t here = (to - n + kPanel - 1) / kPanel < panels ? (to - n + kPanel - 1) / kPanel : panels;
    for (int64_t p = 0; p < here; p++)
      fill(panel_at(memory + p * bytes, w.k, groups), w, n + p * kPanel, row);
    for (int64_t m = first; m < last;) {
      // Fewer than a tile at the end: as many as the smaller kernels take.
      const int64_t left = last - m, count = left >= kTokens ? kTokens : (left > 3 ? 3 : left);
      for (int64_t p = 0; p < here; p++) {
        float tile[kTokens * kPanel];
        const int64_t column = n + p * kPanel;
        multiply_tile(panel_at(memory + p * bytes, w.k, groups), w, x, m, count, tile);
        const int64_t width = w.n - column < kPanel ? w.n - column : kPanel;
        for (int64_t t = 0; t < count; t++)
          store(tile + t * kPanel, y, (m + t) * w.n + column, width, stored);
      }
      m += count;
    }
  }
}
