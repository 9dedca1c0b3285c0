#pragma once
// Maxout (Goodfellow et al. 2013): y_ij = max over k < pieces of x_i,(j pieces + k); NaN where one of them is. x
// (batch, out pieces) and y (batch, out) with unit column stride.

#include "nnfast/parallel.hpp"

namespace nnfast {

template <class T>
void maxout_forward(Team& team, MatrixView<const T> x, MatrixView<T> y);
/// dx: dy at the first of the largest pieces, 0 at the others.
template <class T>
void maxout_backward(Team& team, MatrixView<const T> dy, MatrixView<const T> x, MatrixView<T> dx);

}  // namespace nnfast
