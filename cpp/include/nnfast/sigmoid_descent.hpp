#pragma once
// Stochastic gradient descent of a network of sigmoid units on arrays of the caller: an epoch of Nielsen's programs,
// between whose mini-batches nobody looks at anything. (nnfast's own networks run as a Plan.)

#include <span>

#include "nnfast/matrix.hpp"
#include "nnfast/parallel.hpp"

namespace nnfast {

/// y = sigmoid(x W + b); W (in, out) has a unit stride in one direction or the other.
struct SigmoidLayer {
  MatrixView<double> W;
  double* b;
};

/// For each `batch` of samples in turn, with m of them and their outputs a:
///   delta = a - y (times a (1 - a) where `quadratic`),  W = decay W - eta / m (input^T delta),  b -= eta / m sum delta
/// S: of the samples, float or double.
template <class S>
struct SigmoidDescent {
  MatrixView<const S> x;
  MatrixView<const double> y;
  std::span<const index_t> order;  // rows of x and y
  index_t batch;
  std::span<const SigmoidLayer> layers;
  bool quadratic;
  double eta;
  double decay;

  /// Doubles of memory that run needs.
  [[nodiscard]] index_t workspace() const;
  /// Nanoseconds of one thread between two meetings of a team: many of them are one region, which cannot give up when
  /// a processor is taken away.
  [[nodiscard]] double nanoseconds_per_meeting() const;
  void run(Team& team, double* memory) const;
};

}  // namespace nnfast
