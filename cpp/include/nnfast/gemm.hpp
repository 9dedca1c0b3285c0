#pragma once
// C = alpha A B + beta C, with what stands next to the product carried along.
//
// The order of summation is part of the contract: element (i, j) starts at beta C(i, j) (0 when beta is 0, whatever C
// held) and takes fma(alpha A(i, p), B(p, j), .) for p = 0, 1, ..., k-1. It depends on nothing else, so that a row's
// bits are the same alone, in a batch, on any number of threads, in any layout, and on every ISA with FMA.
// Subnormal numbers, in A, B, C or a sum, count as 0 (subnormals.hpp says why).

#include "nnfast/activation.hpp"

namespace nnfast {

/// What happens to a finished element, in this order.
template <class T>
struct Epilogue {
  const T* bias = nullptr;    // (n,): C += bias
  MatrixView<T> z;            // (m, n): keeps C as it is before the activation
  bool activate = false;      // C = f(C)
  MatrixView<const T> saved;  // (m, n): C *= f' taken from the stored output or pre-activation, see activation.hpp
  Activation f = Activation::identity;
  ActivationParams params;
};

template <class T>
struct GemmOptions {
  T alpha = 1;
  T beta = 0;
  Epilogue<T> epilogue;
  T* b_column_sums = nullptr;  // (n,): sum over p of B(p, j), p = 0, 1, ... (db, while dW = x^T dy reads dy)
};

/// C (m, n) = alpha A (m, k) B (k, n) + beta C. A and B of any strides, C with col_stride 1 and no overlap with A, B.
/// Any size, also 0.
template <class T>
void gemm(Team& team, MatrixView<const T> A, MatrixView<const T> B, MatrixView<T> C,
          const GemmOptions<T>& options = {});
/// The same of a float A, whose elements become doubles while it is packed.
void gemm(Team& team, MatrixView<const float> A, MatrixView<const double> B, MatrixView<double> C,
          const GemmOptions<double>& options = {});

/// How a team shares out C: whatever is least work; or blocks of rows, where they are not a tenth more: each member's
/// part of C lies in one piece then.
enum class Split : unsigned char { least_work, rows };

/// The rectangle of C (m, n) that a member computes, possibly empty. `sums`: it also has b_column_sums of its columns.
struct GemmShare {
  Range rows;
  Range cols;
  bool sums = false;
};
template <class T>
GemmShare gemm_share(const Team& team, index_t m, index_t n, index_t k, Split split = Split::least_work);

/// One thread's nanoseconds for such a product, for threads_for().
double gemm_nanoseconds(index_t m, index_t n, index_t k);

}  // namespace nnfast
