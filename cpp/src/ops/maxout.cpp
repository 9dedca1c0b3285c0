#include "nnfast/maxout.hpp"

#include <algorithm>

namespace nnfast {
namespace {

/// Which of the pieces wins.
template <class T>
index_t winner(const T* x, index_t pieces) {
  index_t best = 0;
  for (index_t k = 1; k < pieces && x[best] == x[best]; ++k) {
    if (!(x[k] <= x[best])) best = k;
  }
  return best;
}

}  // namespace

template <class T>
void maxout_forward(Team& team, MatrixView<const T> x, MatrixView<T> y) {
  const index_t pieces = y.cols == 0 ? 1 : x.cols / y.cols;
  const Range rows = team.share(y.rows);
  for (index_t i = rows.begin; i < rows.end; ++i) {
    const T* from = x.at(i);
    for (index_t j = 0; j < y.cols; ++j, from += pieces) *y.at(i, j) = from[winner(from, pieces)];
  }
}

template <class T>
void maxout_backward(Team& team, MatrixView<const T> dy, MatrixView<const T> x, MatrixView<T> dx) {
  const index_t pieces = dy.cols == 0 ? 1 : x.cols / dy.cols;
  const Range rows = team.share(dy.rows);
  for (index_t i = rows.begin; i < rows.end; ++i) {
    std::fill_n(dx.at(i), dx.cols, T{0});
    const T* from = x.at(i);
    for (index_t j = 0; j < dy.cols; ++j, from += pieces) {
      *dx.at(i, j * pieces + winner(from, pieces)) = *dy.at(i, j);
    }
  }
}

#define NNFAST_INSTANTIATE(T)                                              \
  template void maxout_forward(Team&, MatrixView<const T>, MatrixView<T>); \
  template void maxout_backward(Team&, MatrixView<const T>, MatrixView<const T>, MatrixView<T>);
NNFAST_INSTANTIATE(float)
NNFAST_INSTANTIATE(double)
#undef NNFAST_INSTANTIATE

}  // namespace nnfast
