// C = alpha A B + beta C by blocks.
//
// Each member of the team computes a rectangle of C on its own, so nobody waits. Within it:
//
//   for pc in k by kBlockK                one slice of the sum; the next one goes on where C stands
//     for jc in n by blocks               B(pc, jc) packed into panels of tile_cols columns, or read where it lies
//       for ic in m by kBlockM            A packed so that a tile reads it in order, or read where it lies
//         for each panel, each tile       tile kernel
//       after the last slice: epilogue on these columns while they are in cache
//
// Three rows or less, and one column, go through kernels that use each element of the larger operand once. Columns that
// fill registers badly are computed as rows of C^T.
//
// Every element is summed over p in order (see nnfast/gemm.hpp), so blocks, tiles, packing and the team change speed
// only, never bits.

#include "nnfast/gemm.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "dispatch/caches.hpp"
#include "dispatch/select.hpp"
#include "subnormals.hpp"

namespace nnfast {
namespace {

// Measured on Zen 4 (32 KiB L1, 1 MiB L2) at 1024 x 2048 x 2048. C is read and written once per slice: slices of 128,
// 256, 384, 512 reach 73, 80, 83, 87 % of the FMA peak. With half as many columns of B, and no more rows of A than
// leave L2 to the panels that stream through it (504, 168, 84 rows: 91, 94, 94 %), slices of 1024 gain 2 % on those of
// 512.
constexpr index_t kBlockK = 1024;
template <class T>
constexpr index_t kBlockN = static_cast<index_t>(8192 / sizeof(T));
template <class T>
constexpr index_t kBlockM = static_cast<index_t>(672 / sizeof(T));

// B is packed when more tiles of rows than this pass over it, A when more panels of columns do: up to there packing
// costs more than it gains (32 x 512 x 784 in float32: 268 us with, 227 without; 128 x 1024 x 1024: 2.71 and 2.46 ms).
constexpr index_t kPackRows = 20;
constexpr index_t kPackCols = 16;
constexpr index_t kFewPanels = 4;
// x^T too, from so many bytes of a column and of a row on, if so many panels share the packing: the lines of a strip,
// two to three for each term of a double, do not stay in L1. Emerald Rapids: 784 x 2048 x 1024 in float32 25.0 -> 20.3
// ms, in float64 54.9 -> 43.0; 784 x 512 x 128 in float64 1.34 -> 1.29; at 128 terms in float32, or with three panels,
// nothing or a loss. Strips share the lines of short rows: W^T of 50 x 784 beside 256 rows of x 151 -> 161 us.
constexpr index_t kPackColumnBytes = 768;
constexpr index_t kPackColumnRowBytes = 1024;
constexpr index_t kPackColumnPanels = 7;
// A block of C^T that is turned into rows of C.
constexpr index_t kTurnedCols = 128;
constexpr index_t kTurnedRows = 512;
// From so many columns of x^T on, the lines that a tile reads of them are gone from L1 when the next one comes.
constexpr index_t kLongColumns = 256;

// Up to so many terms an element costs less than its way to memory. Tiles of three rows and eight registers write C in
// pieces of 512 bytes, those of 14 rows in pieces of 128, which collide in L1 at rows of 4 KiB: 512 x 512 x 1 in
// float64 36 instead of 134 us, 1000 x 1000 x 16 in float32 318 instead of 387; 2 % at 64 terms. Fewer columns
// than two panels would wait for each other's sums.
constexpr index_t kShortSum = 32;
constexpr index_t kShortPanels = 2;
// So much of B stays in L2 while all rows of A pass over it. C is written along its rows then: 1024 x 2048 x 64 in
// float32 3.34 -> 2.80 ms.
template <class T>
constexpr index_t kNear = static_cast<index_t>(524288 / sizeof(T));

// Rows of B that share sets of L2, at multiples of 2 KiB, and are read where they lie, so many bytes apart at a time,
// but not less than 256. Emerald Rapids (16 ways of 128 KiB), in slices of 1024, 512, 256, 128 and 64: 32 x 2048 x 2048
// takes 3.43, 2.79, 2.20, 2.14, 2.37 ms, 128 x 1024 x 1024 2.98, 2.23, 1.90, 1.93, 2.12; 128 x 512 x 784 in one, two,
// four slices 645, 611, 633 us, in float64 128 x 256 x 784 769, 641, 635. Zen 4 reads L3 fast enough to do without.
constexpr index_t kCollidingBytes = 1 << 20;
constexpr index_t kCollidingRows = 256;
// Such rows are packed for fewer tiles: in float64 256 x 512 x 512 2.29 -> 1.87 ms, x 784 the same; but 64 x 512 x 784
// 0.74 -> 0.88.
constexpr index_t kPackCollidingRows = 10;

template <class T>
index_t columns_at_once(bool packed) {
  return packed && is_intel() ? kBlockN<T> : kBlockN<T> / 4;
}

static_assert(kBlockK * (8192 + 672) + 672 / 4 * kPackSlack + kTurnedCols * kTurnedRows * 8 <= kScratchBytes);

index_t ceil_div(index_t a, index_t b) { return (a + b - 1) / b; }

/// One member's rectangle of the product. A of floats in a product of doubles is widened while it is packed.
template <class T, class S = T>
class Block {
 public:
  Block(const GemmOptions<T>& options, MatrixView<const S> A, MatrixView<const T> B, MatrixView<T> C, index_t row,
        index_t col, void* scratch)
      : kernels_(kernels<T>()),
        tiles_(kernels_.gemm),
        options_(options),
        A_(A),
        B_(B),
        C_(C),
        row_(row),
        col_(col),
        packed_a_(static_cast<T*>(scratch)),
        turned_(packed_a_ + kBlockM<T> * (kBlockK + kSlack)),
        packed_b_(turned_ + kTurnedCols * kTurnedRows) {}

  void run(bool may_turn = true) {
    const index_t k = A_.cols;
    // Few rows: B passes through once whatever we do, so it is read where it lies. One column is one row of C^T = B^T
    // A^T.
    if (C_.rows <= (B_.col_stride == 1 ? tiles_.wide_rows : tiles_.turned_rows) &&
        (kSame || C_.rows * k <= kBlockK * kBlockM<T>)) {
      if (thin(few_rows(), B_, C_.data, C_.row_stride)) {
        finish(0, C_.rows, 0, C_.cols);
        return;
      }
    }
    if constexpr (kSame) {
      if (C_.cols == 1 && C_.row_stride == 1 && thin(B_.transposed(), A_.transposed(), C_.data, 0)) {
        finish(0, C_.rows, 0, 1);
        return;
      }
      if (may_turn && turning_pays()) {
        turned();
        finish(0, C_.rows, 0, C_.cols);
        return;
      }
      if (options_.alpha == T(1) && k <= kShortSum && C_.cols >= kShortPanels * tiles_.tile_cols) {
        short_sums();
        return;
      }
    }
    const index_t nr = tiles_.tile_cols;
    const index_t mr = tiles_.tile_rows;
    // Up to twice as many rows of fewer terms are one block still, of which panels of B are packed just before their
    // use: W^T of 128 x 512 x 512 in float64 1.02 -> 0.94 ms, of 256 x 512 x 512 in float32 860 -> 819 us (Emerald
    // Rapids).
    const bool is_short = C_.rows <= 2 * kBlockM<T> && C_.rows * k <= kBlockM<T> * kBlockK;
    const index_t block_m = is_short ? 2 * kBlockM<T> : kBlockM<T>;
    const bool one_block = C_.rows <= block_m;
    const bool b_collides = is_intel() && collide(B_.row_stride);
    const bool pack_b = B_.col_stride != 1 || C_.rows > (b_collides ? kPackCollidingRows : kPackRows) * mr;
    // x^T is in the tile's order where it lies.
    const bool in_order = A_.row_stride == 1;
    pack_a_ = options_.alpha != T(1) || (C_.cols > kPackCols * nr && !in_order) ||
              (C_.cols > 2 * nr && in_order && collide(A_.col_stride)) ||
              (C_.cols > kPackColumnPanels * nr && in_order && k * kSize > kPackColumnBytes &&
               A_.col_stride * kSize >= kPackColumnRowBytes);
    if (kSame && !pack_a_ && !in_order && collide(A_.row_stride)) height_ = std::min(l1_ways(), mr);
    const index_t row_bytes = B_.row_stride * kSize;
    const bool shares_sets = !pack_b && is_intel() && row_bytes > 0 && row_bytes % (kAliasing / 2) == 0;
    // B that fits is taken as a whole, and a block of rows is finished before the next: C does not go to memory and
    // back between the slices (60,000 x 784 x 50 in float64 from float32: 68 -> 62 ms).
    const index_t padded = ceil_div(C_.cols, nr) * nr;
    if (!one_block && !shares_sets && padded * k <= kBlockK * columns_at_once<T>(pack_b)) {
      for (index_t pc = 0; pack_b && pc < k; pc += kBlockK) {
        pack_columns(pc, std::min(kBlockK, k - pc), 0, C_.cols, packed_b_ + pc * padded);
      }
      for (index_t ic = 0; ic < C_.rows; ic += kBlockM<T>) {
        const index_t mc = std::min(kBlockM<T>, C_.rows - ic);
        ask_for_rows(ic + mc, strips(mc) * ceil_div(C_.cols, nr) * k);
        for (index_t pc = 0; pc < k; pc += kBlockK) {
          const index_t kc = std::min(kBlockK, k - pc);
          tiles(prepare(ic, mc, pc, kc), ic, mc, pc, kc, 0, C_.cols, pc == 0 ? options_.beta : T(1),
                pack_b ? packed_b_ + pc * padded : nullptr);
        }
        finish(ic, mc, 0, C_.cols);
      }
      return;
    }
    // What is packed of B for one block of rows only is used while it is in L2.
    const index_t block_n = pack_b && one_block ? kFewPanels * nr : columns_at_once<T>(pack_b);
    const index_t most = shares_sets ? std::clamp(kCollidingBytes / row_bytes, kCollidingRows, kBlockK) : kBlockK;
    const index_t slice = std::max<index_t>(ceil_div(k, std::max<index_t>(ceil_div(k, most), 1)), 1);
    for (index_t pc = 0;; pc += slice) {
      const index_t kc = std::min(slice, k - pc);
      const bool last = pc + kc >= k;
      const T beta = pc == 0 ? options_.beta : T(1);
      MatrixView<const T> a;
      if (one_block) a = prepare(0, C_.rows, pc, kc);
      for (index_t jc = 0; jc < C_.cols; jc += block_n) {
        const index_t nc = std::min(block_n, C_.cols - jc);
        if (pack_b) pack_columns(pc, kc, jc, nc, packed_b_);
        for (index_t ic = 0; ic < C_.rows; ic += block_m) {
          const index_t mc = std::min(block_m, C_.rows - ic);
          if (!one_block) a = prepare(ic, mc, pc, kc);
          tiles(a, ic, mc, pc, kc, jc, nc, beta, pack_b ? packed_b_ : nullptr);
        }
        if (last) finish(0, C_.rows, jc, nc);
      }
      if (last) break;
    }
  }

 private:
  static constexpr bool kSame = std::is_same_v<S, T>;
  static constexpr index_t kSize = static_cast<index_t>(sizeof(T));
  static constexpr index_t kSlack = kPackSlack / kSize;

  /// A where it lies, or the few rows of it as T.
  MatrixView<const T> few_rows() {
    if constexpr (kSame) {
      return A_;
    } else {
      const index_t m = C_.rows;
      const index_t k = A_.cols;
      if (A_.col_stride == 1 && B_.col_stride == 1) {  // no need to turn them
        pack(A_.at(0, 0), A_.row_stride, 1, m, k, T(1), packed_a_);
        return {packed_a_, m, k};
      }
      pack(A_.at(0, 0), A_.col_stride, A_.row_stride, k, m, T(1), packed_a_);
      return {packed_a_, m, k, 1, m};
    }
  }

  void pack(const S* src, index_t row_stride, index_t col_stride, index_t k, index_t height, T scale, T* dst) {
    if constexpr (kSame) {
      tiles_.pack(src, row_stride, col_stride, k, height, height, scale, dst);
    } else {
      tiles_.pack_floats(src, row_stride, col_stride, k, height, height, scale, dst);
    }
  }

  /// C = A B + beta C for few rows, if B has unit strides one way or the other.
  bool thin(MatrixView<const T> A, MatrixView<const T> B, T* c, index_t c_row) {
    if (options_.alpha != T(1) || (B.col_stride != 1 && B.row_stride != 1)) return false;
    const bool turned = B.col_stride != 1;
    const index_t m = A.rows;
    const bool in_order = A.col_stride == m && (A.row_stride == 1 || m == 1);
    if (turned && !in_order) {  // 40 addresses instead of one are a fifth slower
      if (m * A.cols > kBlockK * kBlockM<T>) return false;
      tiles_.pack(A.data, A.col_stride, A.row_stride, A.cols, m, m, T(1), packed_a_);
      A = MatrixView<const T>(packed_a_, m, A.cols, 1, m);
    }
    const index_t b_row = turned ? B.col_stride : B.row_stride;
    const TileArgs<T> args = {A.cols, A.data, A.row_stride, A.col_stride,  B.data,  b_row,   false,
                              c,      c_row,  B.cols,       options_.beta, nullptr, nullptr, 0};
    (turned ? tiles_.tile_turned : tiles_.tile_wide)[A.rows](args);
    return true;
  }

  static bool collide(index_t stride) { return stride * kSize % kAliasing == 0; }

  /// All columns, as far as B stays in L2, for a few rows at a time.
  void short_sums() {
    const index_t k = A_.cols;
    const index_t width = kNear<T> / std::max<index_t>(k, 1);
    for (index_t jc = 0; jc < C_.cols; jc += width) {
      const index_t nc = std::min(width, C_.cols - jc);
      MatrixView<const T> B = B_.block(0, jc, k, nc);
      if (B.col_stride != 1) {
        tiles_.pack(B.data, B.row_stride, B.col_stride, k, nc, nc, T(1), packed_b_);
        B = MatrixView<const T>(packed_b_, k, nc);
      }
      for (index_t ic = 0; ic < C_.rows; ic += kBlockM<T>) {
        const index_t end = std::min(ic + kBlockM<T>, C_.rows);
        for (index_t i = ic; i < end; i += tiles_.wide_rows) {
          thin(A_.block(i, 0, std::min<index_t>(tiles_.wide_rows, end - i), k), B, C_.at(i, jc), C_.row_stride);
        }
        finish(ic, end - ic, jc, nc);
      }
    }
  }

  /// Whether C^T = B^T A^T is less work, transposing it included: 10 columns fill a register to 63 %, 784 rows fill
  /// theirs. In lanes of multiply-adds, of which there are 55 in a nanosecond; measured with 4 to 100 columns. Few
  /// columns are turned beside their sums, which hide all but one lane of it, if there are enough of them.
  [[nodiscard]] bool turning_pays() const {
    if (options_.alpha != T(1) || options_.beta != T(0) || C_.cols > kTurnedCols) return false;
    const bool in_order = A_.row_stride == 1;
    const bool few = C_.cols <= tiles_.turned_rows;
    if (!few && (B_.col_stride != 1 || (!in_order && collide(A_.row_stride)))) return false;
    const index_t grain = tiles_.column_grain;
    const index_t k = A_.cols;
    index_t straight = k * C_.rows * (ceil_div(C_.cols, grain) * grain);
    if (in_order && k > kLongColumns) straight += straight / 8;
    const index_t columns = few && !in_order ? std::max<index_t>(C_.cols + 1, 6) : C_.cols;
    const index_t turned = k * columns * (ceil_div(C_.rows, grain) * grain) + 6 * C_.rows * C_.cols +
                           (few || in_order ? 0 : 5 * k * C_.rows + 15'000);
    return turned < straight;
  }

  /// By blocks of columns of C^T, which stay in cache until they are turned into rows of C.
  void turned() {
    const GemmOptions<T> plain;
    MatrixView<const T> B = B_;
    if (B.col_stride != 1 && A_.col_stride == 1 && B.rows * B.cols <= kBlockK * kBlockN<T>) {  // rows of W^T collide
      tiles_.pack(B.data, B.row_stride, B.col_stride, B.rows, B.cols, B.cols, T(1), packed_b_);
      B = MatrixView<const T>(packed_b_, B.rows, B.cols);
    }
    for (index_t i = 0; i < C_.rows; i += kTurnedRows) {
      const index_t m = std::min(kTurnedRows, C_.rows - i);
      const MatrixView<T> part(turned_, C_.cols, m);
      Block<T>(plain, B.transposed(), A_.block(i, 0, m, A_.cols).transposed(), part, 0, 0, packed_a_).run(false);
      tiles_.turn(turned_, m, C_.cols, m, C_.at(i, 0), C_.row_stride);
    }
  }

  /// Tiles of equal height, so that no thin one is left over: rows i .. i + height of `mc` for tile r.
  struct Strip {
    index_t i;
    index_t height;
  };
  [[nodiscard]] index_t strips(index_t mc) const { return ceil_div(mc, height_); }
  static Strip strip(index_t mc, index_t count, index_t r) {
    return {mc * r / count, mc * (r + 1) / count - mc * r / count};
  }

  /// These rows and terms of A: where they lie, of floats a copy in T, or no view where they are packed in strips.
  MatrixView<const T> prepare(index_t ic, index_t mc, index_t pc, index_t kc) {
    if (pack_a_) {
      pack_rows(ic, mc, pc, kc);
      return {};
    }
    if constexpr (kSame) {
      return A_.block(ic, pc, mc, kc);
    } else if (A_.row_stride == 1) {
      tiles_.pack_floats(A_.at(ic, pc), A_.col_stride, 1, kc, mc, mc, T(1), packed_a_);
      return {packed_a_, mc, kc, 1, mc};
    } else {
      const index_t row = collide(kc) ? kc + kSlack : kc;
      tiles_.pack_floats(A_.at(ic, pc), A_.row_stride, A_.col_stride, mc, kc, row, T(1), packed_a_);
      return {packed_a_, mc, kc, row, 1};
    }
  }

  /// x^T a few columns at a time over all strips, so that a line which two of them share is read once.
  void pack_rows(index_t ic, index_t mc, index_t pc, index_t kc) {
    const index_t count = strips(mc);
    const index_t step = A_.row_stride == 1 ? kWays : kc;
    for (index_t p = 0; p < kc; p += step) {
      for (index_t r = 0; r < count; ++r) {
        const auto [i, height] = strip(mc, count, r);
        pack(A_.at(ic + i, pc + p), A_.col_stride, A_.row_stride, std::min(step, kc - p), height, options_.alpha,
             packed_strip(r, i, kc) + p * height);
      }
    }
  }
  /// Of strip r, which begins with row i; what is written beyond the one before does not reach it.
  T* packed_strip(index_t r, index_t i, index_t kc) { return packed_a_ + i * kc + r * kSlack; }

  void pack_columns(index_t pc, index_t kc, index_t jc, index_t nc, T* dst) {
    tiles_.pack(B_.at(pc, jc), B_.row_stride, B_.col_stride, kc, nc, tiles_.tile_cols, T(1), dst);
  }

  /// The tiles that follow, of so many terms in all, ask for the block of A from row i on: one of 60,000 rows of 784
  /// comes from memory, and its products with 50 columns go on meanwhile. Two threads, in float64 41 -> 36 ms, from
  /// floats 46 -> 43.
  void ask_for_rows(index_t i, index_t terms) {
    const index_t m = std::min(kBlockM<T>, C_.rows - i);
    const bool in_place = !pack_a_ && A_.col_stride == 1 && A_.row_stride == A_.cols;
    far_ = m > 0 && in_place ? reinterpret_cast<const char*>(A_.at(i, 0)) : nullptr;
    far_step_ = far_ == nullptr ? 0 : ceil_div(m * A_.cols * static_cast<index_t>(sizeof(S)), terms);
  }

  /// `a`: see prepare; `packed_b`: null where B is read in place.
  void tiles(MatrixView<const T> a, index_t ic, index_t mc, index_t pc, index_t kc, index_t jc, index_t nc, T beta,
             const T* packed_b) {
    const index_t nr = tiles_.tile_cols;
    const index_t count = strips(mc);
    const index_t panels = ceil_div(nc, nr);
    const bool along_rows = kc * nc <= kNear<T>;
    const index_t outer = along_rows ? count : panels;
    const index_t inner = along_rows ? panels : count;
    const auto c_of = [&](index_t o, index_t i) {
      return C_.at(ic + strip(mc, count, along_rows ? o : i).i, jc + (along_rows ? i : o) * nr);
    };
    TileArgs<T> args;
    args.k = kc;
    args.b_row = packed_b != nullptr ? nr : B_.row_stride;
    args.b_padded = packed_b != nullptr;
    args.c_row = C_.row_stride;
    args.beta = beta;
    for (index_t o = 0; o < outer; ++o) {
      for (index_t i = 0; i < inner; ++i) {
        const auto [row, height] = strip(mc, count, along_rows ? o : i);
        const index_t col = (along_rows ? i : o) * nr;
        args.b = packed_b != nullptr ? packed_b + col * kc : B_.at(pc, jc + col);
        args.n = std::min(nr, nc - col);
        args.a = a ? a.at(row, 0) : packed_strip(along_rows ? o : i, row, kc);
        args.a_row = a ? a.row_stride : 1;
        args.a_col = a ? a.col_stride : height;
        args.c = C_.at(ic + row, jc + col);
        args.c_next = i + 1 < inner ? c_of(o, i + 1) : o + 1 < outer ? c_of(o + 1, 0) : nullptr;
        if (far_ != nullptr && height == tiles_.tile_rows) {
          args.far = far_;
          args.far_step = far_step_;
          far_ += kc * far_step_;
          tiles_.tile_far(args);
        } else {
          (args.a_row == 1 ? tiles_.tile_unit_row : tiles_.tile)[height](args);
        }
      }
    }
  }

  /// Rows ic .. ic + mc of columns jc .. jc + nc of the rectangle are complete.
  void finish(index_t ic, index_t mc, index_t jc, index_t nc) {
    const Epilogue<T>& e = options_.epilogue;
    if (e.bias != nullptr) tiles_.add_bias(C_.at(ic, jc), C_.row_stride, mc, nc, e.bias + col_ + jc);
    if (!e.activate && !e.saved) return;
    const Subnormals as_of_the_activation_alone(Subnormals::kept);
    const auto& act = kernels_.activation;
    const auto f = static_cast<std::size_t>(e.f);
    const auto derivative =
        derivative_from_output(e.f, e.params) ? act.backward_from_output[f] : act.backward_from_input[f];
    const T alpha = static_cast<T>(e.params.alpha);
    const T beta = static_cast<T>(e.params.beta);
    // Rows that follow each other in memory are one long row.
    const bool dense = jc == 0 && nc == C_.row_stride && (!e.z || (e.z.row_stride == nc && e.z.cols == nc)) &&
                       (!e.saved || (e.saved.row_stride == nc && e.saved.cols == nc));
    const index_t rows = dense ? 1 : mc;
    const index_t length = dense ? mc * nc : nc;
    for (index_t i = ic; i < ic + rows; ++i) {
      T* const c = C_.at(i, jc);
      if (e.activate) {
        if (e.z) std::copy_n(c, length, e.z.at(row_ + i, col_ + jc));
        act.forward[f](c, c, length, alpha, beta);
      }
      if (e.saved) derivative(c, e.saved.at(row_ + i, col_ + jc), c, length, alpha, beta);
    }
  }

  const KernelTable<T>& kernels_;
  const GemmKernels<T>& tiles_;
  const GemmOptions<T>& options_;
  MatrixView<const S> A_;
  MatrixView<const T> B_;
  MatrixView<T> C_;
  index_t row_;
  index_t col_;
  // In this order, so that products of middle size stay in one huge page.
  T* packed_a_;
  T* turned_;
  T* packed_b_;
  index_t height_ = tiles_.tile_rows;  // of a tile, at most
  bool pack_a_ = false;
  const char* far_ = nullptr;  // see ask_for_rows
  index_t far_step_ = 0;
};

struct Grid {
  int rows = 1;
  int cols = 1;
};

/// The busiest member's work: padded tiles, and what is packed (about 10 multiply-adds per element; B is packed by
/// every member that has a share of its columns).
template <class T>
double work(Grid grid, index_t m, index_t n, index_t k) {
  const GemmKernels<T>& tiles = kernels<T>().gemm;
  const index_t m_share = ceil_div(m, grid.rows);
  const index_t n_share = ceil_div(ceil_div(n, tiles.tile_cols), grid.cols) * tiles.tile_cols;
  const index_t m_padded = ceil_div(m_share, tiles.tile_rows) * tiles.tile_rows;
  return static_cast<double>(k) *
         (static_cast<double>(m_padded) * static_cast<double>(n_share) + 10.0 * static_cast<double>(n_share + m_share));
}

template <class T>
Grid grid_for(int members, Split split, index_t m, index_t n, index_t k) {
  Grid best;
  double least = INFINITY;
  for (int rows = 1; rows <= members; ++rows) {
    const Grid grid{rows, members / rows};
    const double w = work<T>(grid, m, n, k);
    if (w < least) {
      least = w;
      best = grid;
    }
  }
  const Grid rows{members, 1};
  return split == Split::rows && work<T>(rows, m, n, k) <= 1.1 * least ? rows : best;
}

}  // namespace

template <class T>
GemmShare gemm_share(const Team& team, index_t m, index_t n, index_t k, Split split) {
  if (team.size() == 1) return {{0, m}, {0, n}, true};
  const Grid grid = grid_for<T>(team.size(), split, m, n, k);
  if (team.rank() >= grid.rows * grid.cols) return {};
  const Team across_rows(team.rank() / grid.cols, grid.rows, nullptr);
  const Team across_cols(team.rank() % grid.cols, grid.cols, nullptr);
  return {across_rows.share(m), across_cols.share(n, kernels<T>().gemm.tile_cols), across_rows.rank() == 0};
}

namespace {

template <class T, class S>
void multiply(Team& team, MatrixView<const S> A, MatrixView<const T> B, MatrixView<T> C,
              const GemmOptions<T>& options) {
  const auto [rows, cols, sums] = gemm_share<T>(team, C.rows, C.cols, A.cols);
  const index_t m = rows.end - rows.begin;
  const index_t n = cols.end - cols.begin;
  if (n <= 0) return;
  if (options.b_column_sums != nullptr && sums) {
    kernels<T>().gemm.column_sums(B.at(0, cols.begin), B.row_stride, B.col_stride, B.rows, n, true,
                                  options.b_column_sums + cols.begin);
  }
  if (m <= 0) return;
  const Subnormals in_products(Subnormals::as_zero);
  Block<T, S>(options, A.block(rows.begin, 0, m, A.cols), B.block(0, cols.begin, B.rows, n),
              C.block(rows.begin, cols.begin, m, n), rows.begin, cols.begin, team.scratch())
      .run();
}

}  // namespace

template <class T>
void gemm(Team& team, MatrixView<const T> A, MatrixView<const T> B, MatrixView<T> C, const GemmOptions<T>& options) {
  multiply(team, A, B, C, options);
}

void gemm(Team& team, MatrixView<const float> A, MatrixView<const double> B, MatrixView<double> C,
          const GemmOptions<double>& options) {
  multiply(team, A, B, C, options);
}

double gemm_nanoseconds(index_t m, index_t n, index_t k) {
  // 60 multiply-adds per nanosecond: what one core reaches in float32; padding makes small ones slower.
  return 100 + static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) / 50;
}

template void gemm(Team&, MatrixView<const float>, MatrixView<const float>, MatrixView<float>,
                   const GemmOptions<float>&);
template void gemm(Team&, MatrixView<const double>, MatrixView<const double>, MatrixView<double>,
                   const GemmOptions<double>&);
template GemmShare gemm_share<float>(const Team&, index_t, index_t, index_t, Split);
template GemmShare gemm_share<double>(const Team&, index_t, index_t, index_t, Split);

}  // namespace nnfast
