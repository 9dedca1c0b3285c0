#include "nnfast/affine.hpp"

#include "nnfast/gemm.hpp"

namespace nnfast {

template <class S, class T>
void affine_forward(Team& team, MatrixView<const S> x, MatrixView<const T> W, const T* b, MatrixView<T> y) {
  GemmOptions<T> options;
  options.epilogue.bias = b;
  gemm(team, x, W, y, options);
}

template <class S, class T>
void affine_backward(Team& team, MatrixView<const S> x, MatrixView<const T> W, MatrixView<const T> dy, MatrixView<T> dx,
                     MatrixView<T> dW, T* db) {
  GemmOptions<T> options;
  options.b_column_sums = db;
  if (!dW) dW = MatrixView<T>(nullptr, 0, dy.cols);
  if (dW || db != nullptr) gemm(team, x.transposed(), dy, dW, options);
  if (dx) gemm(team, dy, W.transposed(), dx);
}

#define NNFAST_INSTANTIATE(S, T)                                                                                     \
  template void affine_forward(Team&, MatrixView<const S>, MatrixView<const T>, const T*, MatrixView<T>);            \
  template void affine_backward(Team&, MatrixView<const S>, MatrixView<const T>, MatrixView<const T>, MatrixView<T>, \
                                MatrixView<T>, T*);
NNFAST_INSTANTIATE(float, float)
NNFAST_INSTANTIATE(double, double)
NNFAST_INSTANTIATE(float, double)
#undef NNFAST_INSTANTIATE

}  // namespace nnfast
