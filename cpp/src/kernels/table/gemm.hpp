#pragma once
#include <cstdint>

#include "nnfast/matrix.hpp"

namespace nnfast {

/// The most rows that a tile of any instruction set has.
inline constexpr int kMaxTileRows = 14;

/// Rows (or columns) at such a distance, in bytes, share one set of L1, which has so many lines: more rows do not stay
/// there and are 15-50 % slower.
inline constexpr index_t kAliasing = 4096;
inline constexpr index_t kWays = 8;

/// A packed tile is stored in whole registers, which go beyond the end of the last one.
inline constexpr index_t kPackSlack = 64;

/// C (m, n) starts at beta C and takes A(i, p) B(p, j) for p = 0, 1, ..., k-1, one fused multiply-add after the other.
template <class T>
struct TileArgs {
  index_t k;
  const T* a;  // A(i, p) = a[i * a_row + p * a_col]
  index_t a_row;
  index_t a_col;
  const T* b;  // B(p, j) = b[p * b_row + j]
  index_t b_row;
  bool b_padded;  // rows of b may be read up to a multiple of the vector's lanes
  T* c;           // C(i, j) = c[i * c_row + j]
  index_t c_row;
  index_t n;        // columns, 1..tile_cols (wide tiles: any number)
  T beta;           // 0: what C held is not read
  const T* c_next;  // where the next tile will be written, or null
  const char* far;  // tile_far: far + p far_step is asked for beside term p
  index_t far_step;
};
template <class T>
using TileKernel = void (*)(const TileArgs<T>&);

/// kernels/gemm.hpp
template <class T>
struct GemmKernels {
  int tile_rows;
  int tile_cols;
  int column_grain;                               // a tile's time goes with its columns rounded up to these
  TileKernel<T> tile[kMaxTileRows + 1];           // by number of rows, 1..tile_rows; A of any strides
  TileKernel<T> tile_unit_row[kMaxTileRows + 1];  // the same for a_row == 1: packed A, or x^T read where it lies
  TileKernel<T> tile_far;                         // tile[tile_rows] that asks for memory far away
  int wide_rows;                                  // up to so many rows there is also ...
  TileKernel<T> tile_wide[kMaxTileRows + 1];      // ... a tile that runs along all columns
  int turned_rows;                                // and up to so many
  TileKernel<T> tile_turned[kMaxTileRows + 1];    // one where B(p, j) = b[p + j * b_row], A(i, p) = a[i + p * rows]
  /// Panels of `width` columns, one behind another, the last filled up with zeros: panel q has
  /// dst[q * k * width + p * width + j] = scale * src(p, q * width + j), p < k, q * width + j < n. Up to kPackSlack
  /// bytes behind a panel whose width is no multiple of the lanes are overwritten.
  void (*pack)(const T* src, index_t row_stride, index_t col_stride, index_t k, index_t n, index_t width, T scale,
               T* dst);
  /// The same from floats.
  void (*pack_floats)(const float* src, index_t row_stride, index_t col_stride, index_t k, index_t n, index_t width,
                      T scale, T* dst);
  /// dst(j, i) = src(i, j), i < m, j < n
  void (*turn)(const T* src, index_t src_row, index_t m, index_t n, T* dst, index_t dst_row);
  /// sum[j] = (first ? 0 : sum[j]) + src(0, j) + src(1, j) + ... + src(k-1, j)
  void (*column_sums)(const T* src, index_t row_stride, index_t col_stride, index_t k, index_t n, bool first, T* sum);
  /// c(i, j) += bias[j]
  void (*add_bias)(T* c, index_t c_row, index_t m, index_t n, const T* bias);
  /// dst[j] = src[j] * scale
  void (*scale_bytes)(const std::uint8_t* src, T scale, T* dst, index_t n);
};

}  // namespace nnfast
