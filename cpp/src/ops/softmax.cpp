#include "nnfast/softmax.hpp"

#include "dispatch/select.hpp"

namespace nnfast {
namespace {

template <class T>
void forward(typename RowwiseKernels<T>::Forward kernel, const Team& team, MatrixView<const T> x, MatrixView<T> y) {
  const Range rows = team.share(x.rows);
  kernel(x.at(rows.begin), x.row_stride, y.at(rows.begin), y.row_stride, rows.end - rows.begin, x.cols);
}

template <class T>
void backward(typename RowwiseKernels<T>::Backward kernel, const Team& team, MatrixView<const T> dy,
              MatrixView<const T> y, MatrixView<T> dx) {
  const Range rows = team.share(y.rows);
  kernel(dy.at(rows.begin), dy.row_stride, y.at(rows.begin), y.row_stride, dx.at(rows.begin), dx.row_stride,
         rows.end - rows.begin, y.cols);
}

}  // namespace

template <class T>
void softmax_forward(Team& team, MatrixView<const T> x, MatrixView<T> y) {
  forward(kernels<T>().rowwise.softmax, team, x, y);
}
template <class T>
void softmax_backward(Team& team, MatrixView<const T> dy, MatrixView<const T> y, MatrixView<T> dx) {
  backward(kernels<T>().rowwise.softmax_backward, team, dy, y, dx);
}
template <class T>
void log_softmax_forward(Team& team, MatrixView<const T> x, MatrixView<T> y) {
  forward(kernels<T>().rowwise.log_softmax, team, x, y);
}
template <class T>
void log_softmax_backward(Team& team, MatrixView<const T> dy, MatrixView<const T> y, MatrixView<T> dx) {
  backward(kernels<T>().rowwise.log_softmax_backward, team, dy, y, dx);
}

#define NNFAST_INSTANTIATE(T)                                                                     \
  template void softmax_forward(Team&, MatrixView<const T>, MatrixView<T>);                       \
  template void softmax_backward(Team&, MatrixView<const T>, MatrixView<const T>, MatrixView<T>); \
  template void log_softmax_forward(Team&, MatrixView<const T>, MatrixView<T>);                   \
  template void log_softmax_backward(Team&, MatrixView<const T>, MatrixView<const T>, MatrixView<T>);
NNFAST_INSTANTIATE(float)
NNFAST_INSTANTIATE(double)
#undef NNFAST_INSTANTIATE

}  // namespace nnfast
