#pragma once
// Finite differences of a network's loss by its parameters, one at a time and in double: what a gradient is checked
// against. A perturbed weight changes one column of its layer's output, so only what depends on that column is computed
// again, for many parameters at once.

#include <vector>

#include "nnfast/network.hpp"

namespace nnfast {

/// The pass that is differentiated.
struct DifferenceJob {
  const double* params = nullptr;
  const double* state = nullptr;
  const double* x = nullptr;  // (batch, in)
  index_t batch = 0;
  Targets<double> t;
  LossSpec loss;
  bool training = true;  // batch statistics and dropout, or inference form
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
};

class Differences {
 public:
  Differences(index_t in, std::vector<Layer> layers);
  ~Differences();
  Differences(Differences&&) = delete;

  [[nodiscard]] index_t out() const { return out_; }
  /// About what one parameter costs one thread, after prepare().
  [[nodiscard]] double nanoseconds() const;

  /// Runs the unperturbed pass; what the job points to must live until the last run().
  void prepare(const DifferenceJob& job);

  /// derivative[i] = (L(p + h e_k) - L(p - h e_k)) / 2h with k = elements[i], an offset into params that belongs to a
  /// layer. No penalty. kink[i]: -1, or the first layer at which the two passes lie on different sides of a kink
  /// (layers count as they were given; the loss counts as one more): there the difference says nothing. The numbers do
  /// not depend on how many threads share the work out.
  void run(const index_t* elements, index_t count, double h, double* derivative, int* kink);

 private:
  class Chunk;
  struct Step;

  [[nodiscard]] std::size_t layer_of(index_t element) const;

  index_t in_;
  index_t out_;
  std::vector<Step> steps_;
  DifferenceJob job_;
  double normalizer_ = 1;
  std::vector<std::unique_ptr<Chunk>> chunks_;  // one for each member of a team
};

}  // namespace nnfast
