#pragma once
// What stands around the tiles, packing above all, and the table of all of it.

#include "kernels/gemm_few_rows.hpp"

namespace nnfast::NNFAST_ISA {

/// Rows of `width`: what is stored behind one is overwritten by the next, so that no store needs a mask; the last goes
/// kLanes - 1 beyond the block, see kPackSlack.
template <class T, class S>
NNFAST_INLINE void pack_rows(const S* src, index_t row_stride, index_t k, index_t n, index_t width, vec<T> factor,
                             T* dst) {
  constexpr index_t L = kLanes<T>;
  for (index_t p = 0; p < k; ++p) {
    for (index_t j = 0; j < width; j += L) {
      store(dst + p * width + j, j < n ? factor * load_as_n<T>(src + p * row_stride + j, n - j) : zero<T>());
    }
  }
}

/// So many whole panels of two registers abreast: long pieces of each row are read at a time.
template <class T, int Panels, class S>
NNFAST_INLINE void pack_panels(const S* src, index_t row_stride, index_t k, vec<T> factor, T* dst) {
  constexpr index_t W = 2 * kLanes<T>;
  for (index_t p = 0; p < k; ++p) {
#pragma GCC unroll 8
    for (index_t q = 0; q < Panels; ++q) {
      const S* const from = src + p * row_stride + q * W;
      T* const to = dst + q * k * W + p * W;
      store(to, factor * load_as<T>(from));
      store(to + kLanes<T>, factor * load_as<T>(from + kLanes<T>));
    }
  }
}

/// Columns j .. j + kLanes of the panel from as many columns of the source.
template <class T, class S>
NNFAST_INLINE void pack_transposed(const S* src, index_t col_stride, index_t k, index_t n, index_t width, vec<T> factor,
                                   T* dst) {
  constexpr index_t L = kLanes<T>;
  for (index_t p = 0; p < k; p += L) {
    Few<vec<T>, L> block;
    load_turned<T>(src + p, col_stride, n, k - p, block);
    const index_t rows = k - p < L ? k - p : L;
    if (rows == L) {
      T* to = dst + p * width;
      const index_t step = opaque(width);
#pragma GCC unroll 16
      for (index_t i = 0; i < L; ++i, to += step) store(to, factor * block[i]);
    } else {
#pragma GCC unroll 16
      for (index_t i = 0; i < L - 1; ++i) {
        if (i < rows) store(dst + (p + i) * width, factor * block[i]);
      }
    }
  }
}

template <class T, class S>
static void pack(const S* src, index_t row_stride, index_t col_stride, index_t k, index_t n, index_t width, T scale,
                 T* dst) {
  constexpr index_t L = kLanes<T>;
  const vec<T> factor = broadcast(scale);
  // Panel by panel; whole ones of two registers four at a time where rows are read.
  if (n > width || (col_stride == 1 && n == width && width == 2 * L)) {
    constexpr index_t kAbreast = 4;
    index_t j = 0;
    if (col_stride == 1 && width == 2 * L) {
      for (; j + kAbreast * width <= n; j += kAbreast * width) {
        pack_panels<T, kAbreast>(src + j, row_stride, k, factor, dst + j * k);
      }
      for (; j + width <= n; j += width) pack_panels<T, 1>(src + j, row_stride, k, factor, dst + j * k);
    }
    for (; j < n; j += width) {
      const index_t columns = n - j < width ? n - j : width;
      pack<T, S>(src + j * col_stride, row_stride, col_stride, k, columns, width, scale, dst + j * k);
    }
    return;
  }
  if (col_stride == 1) {
    pack_rows<T>(src, row_stride, k, n, width, factor, dst);
  } else if (row_stride == 1) {
    for (index_t j = 0; j < width; j += L) {
      // The last columns of a width that is no multiple of the lanes start earlier and repeat some.
      const index_t from = width >= L && width - j < L ? width - L : j;
      pack_transposed<T>(src + from * col_stride, col_stride, k, n - from, width, factor, dst + from);
    }
  } else {
    for (index_t p = 0; p < k; ++p) {
      for (index_t j = 0; j < width; ++j) {
        dst[p * width + j] = j < n ? scale * static_cast<T>(src[p * row_stride + j * col_stride]) : T(0);
      }
    }
  }
}

/// dst(j, i) = src(i, j), i < m, j < n
template <class T>
static void turn(const T* src, index_t src_row, index_t m, index_t n, T* dst, index_t dst_row) {
  constexpr index_t L = kLanes<T>;
  for (index_t i = 0; i < m; i += L) {
    for (index_t j = 0; j < n; j += L) {
      Few<vec<T>, L> block;
      load_turned<T>(src + i * src_row + j, src_row, m - i, n - j, block);
      T* to = dst + j * dst_row + i;
#pragma GCC unroll 16
      for (index_t r = 0; r < L; ++r, to += dst_row) {
        if (r < n - j) store_n(to, block[r], m - i);
      }
    }
  }
}

template <class T>
static void column_sums(const T* src, index_t row_stride, index_t col_stride, index_t k, index_t n, bool first,
                        T* sum) {
  if (col_stride != 1) {
    for (index_t j = 0; j < n; ++j) {
      T s = first ? T(0) : sum[j];
      for (index_t p = 0; p < k; ++p) s += src[p * row_stride + j * col_stride];
      sum[j] = s;
    }
    return;
  }
  // Four registers abreast hide the latency of the addition.
  constexpr int kAbreast = 4;
  constexpr index_t L = kLanes<T>;
  index_t j = 0;
  for (; j + kAbreast * L <= n; j += kAbreast * L) {
    vec<T> s[kAbreast];
    for (int v = 0; v < kAbreast; ++v) s[v] = first ? zero<T>() : load(sum + j + v * L);
    for (index_t p = 0; p < k; ++p) {
      for (int v = 0; v < kAbreast; ++v) s[v] += load(src + p * row_stride + j + v * L);
    }
    for (int v = 0; v < kAbreast; ++v) store(sum + j + v * L, s[v]);
  }
  for (; j < n; j += L) {
    vec<T> s = first ? zero<T>() : load_n(sum + j, n - j);
    for (index_t p = 0; p < k; ++p) s += load_n(src + p * row_stride + j, n - j);
    store_n(sum + j, s, n - j);
  }
}

template <class T>
static void add_bias(T* c, index_t c_row, index_t m, index_t n, const T* bias) {
  if (n == 1 && c_row == 1) {  // one column is one row
    for (index_t i = 0; i < m; i += kLanes<T>) store_n(c + i, load_n(c + i, m - i) + broadcast(*bias), m - i);
    return;
  }
  constexpr index_t L = kLanes<T>;
  if (n < L && c_row == n) {
    // Short rows one behind another are one row with a bias that repeats itself: a masked load that comes upon the
    // masked store of the row before waits for it (64 x 4: 0.46 -> 0.06 us).
    T repeated[static_cast<std::size_t>(L * L)];
    for (index_t i = 0; i < n * L; ++i) repeated[i] = i < n ? bias[i] : repeated[i - n];
    index_t at = 0;
    for (index_t i = 0; i < m * n; i += L) {
      store_n(c + i, load_n(c + i, m * n - i) + load(repeated + at), m * n - i);
      at = at + L < n * L ? at + L : 0;
    }
    return;
  }
  const index_t whole = n - n % L;
  for (index_t i = 0; i < m; ++i) {
    T* const row = c + i * c_row;
    for (index_t j = 0; j < whole; j += L) store(row + j, load(row + j) + load(bias + j));
  }
  if (whole == n) return;
  const vec<T> last = load_n(bias + whole, n - whole);
  for (index_t i = 0; i < m; ++i) {
    T* const row = c + i * c_row + whole;
    store_n(row, load_n(row, n - whole) + last, n - whole);
  }
}

template <class T>
static void scale_bytes(const std::uint8_t* src, T scale, T* dst, index_t n) {
  for (index_t j = 0; j < n; ++j) dst[j] = static_cast<T>(src[j]) * scale;
}

template <class T>
struct TileTables {
  GemmKernels<T> kernels{};

  template <int R>
  constexpr void fill() {
    if constexpr (R <= kTileRows) {
      kernels.tile[R] = tile<T, R, false>;
      kernels.tile_unit_row[R] = tile<T, R, true>;
      if constexpr (R <= kWideRows) kernels.tile_wide[R] = tile_wide<T, R>;
      if constexpr (R <= kTurnedRows) kernels.tile_turned[R] = tile_turned<T, R>;
      fill<R + 1>();
    }
  }
  constexpr TileTables() {
    kernels.tile_rows = kTileRows;
    kernels.tile_cols = static_cast<int>(kTileVecs * kLanes<T>);
    kernels.tile_far = tile<T, kTileRows, false, true>;
    kernels.wide_rows = kWideRows;
    kernels.turned_rows = kTurnedRows;
    kernels.column_grain = static_cast<int>(kColumnGrain<T>);
    kernels.pack = pack<T, T>;
    kernels.pack_floats = pack<T, float>;
    kernels.turn = turn<T>;
    kernels.column_sums = column_sums<T>;
    kernels.add_bias = add_bias<T>;
    kernels.scale_bytes = scale_bytes<T>;
    fill<1>();
  }
};

template <class T>
constexpr GemmKernels<T> gemm_kernels = TileTables<T>().kernels;

}  // namespace nnfast::NNFAST_ISA
