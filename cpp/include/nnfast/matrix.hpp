#pragma once
// Views of caller-owned memory. Indices are ptrdiff_t everywhere: nothing overflows at 2^31 elements.

#include <cstddef>

namespace nnfast {

using index_t = std::ptrdiff_t;

/// A matrix at `data`: element (i, j) is data[i * row_stride + j * col_stride]. A null `data` means "absent".
template <class T>
struct MatrixView {
  T* data = nullptr;
  index_t rows = 0;
  index_t cols = 0;
  index_t row_stride = 0;
  index_t col_stride = 1;

  MatrixView() = default;
  MatrixView(T* data_, index_t rows_, index_t cols_) : MatrixView(data_, rows_, cols_, cols_, 1) {}
  MatrixView(T* data_, index_t rows_, index_t cols_, index_t row_stride_, index_t col_stride_)
      : data(data_), rows(rows_), cols(cols_), row_stride(row_stride_), col_stride(col_stride_) {}

  explicit operator bool() const { return data != nullptr; }
  /// A view of T is a view of const T.
  operator MatrixView<const T>() const { return {data, rows, cols, row_stride, col_stride}; }  // NOLINT
  [[nodiscard]] T* at(index_t i, index_t j = 0) const { return data + i * row_stride + j * col_stride; }
  [[nodiscard]] MatrixView transposed() const { return {data, cols, rows, col_stride, row_stride}; }
  [[nodiscard]] MatrixView block(index_t i, index_t j, index_t m, index_t n) const {
    return {at(i, j), m, n, row_stride, col_stride};
  }
};

}  // namespace nnfast
