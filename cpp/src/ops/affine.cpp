#include "nnfast/affine.hpp"

namespace nnfast {

template <class T>
void affine_forward(Team& team, MatrixView<const T> x, MatrixView<const T> W, const T* b, MatrixView<T> y) {
  GemmOptions<T> options;
  options.epilogue.bias = b;
  gemm(team, x, W, y, options);
}

template <class T>
void affine_backward(Team& team, MatrixView<const T> x, MatrixView<const T> W, MatrixView<const T> dy, MatrixView<T> dx,
                     MatrixView<T> dW, T* db) {
  GemmOptions<T> options;
  options.b_column_sums = db;
  if (!dW) dW = MatrixView<T>(nullptr, 0, dy.cols);
  if (dW || db != nullptr) gemm(team, x.transposed(), dy, dW, options);
  if (dx) gemm(team, dy, W.transposed(), dx);
}

template void affine_forward(Team&, MatrixView<const float>, MatrixView<const float>, const float*, MatrixView<float>);
template void affine_forward(Team&, MatrixView<const double>, MatrixView<const double>, const double*,
                             MatrixView<double>);
template void affine_backward(Team&, MatrixView<const float>, MatrixView<const float>, MatrixView<const float>,
                              MatrixView<float>, MatrixView<float>, float*);
template void affine_backward(Team&, MatrixView<const double>, MatrixView<const double>, MatrixView<const double>,
                              MatrixView<double>, MatrixView<double>, double*);

}  // namespace nnfast
