#pragma once
// The plan: a whole network as one object. A training step -- gather, forward, loss, backward, update -- is one call,
// in one parallel region, without allocation after the first.
//
// Where layers work row by row (all but batch normalization), a member takes its rows through forward, loss and the
// chain of dx on its own; the team meets only before the sums over the batch (dW, db, ...), before the update and after
// it. Otherwise it meets after every layer. Either way the bits are the same.

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "nnfast/affine.hpp"
#include "nnfast/dropout.hpp"
#include "nnfast/loss.hpp"
#include "nnfast/optimizer.hpp"

namespace nnfast {

enum class LayerKind : int {
  affine,
  activation,
  prelu,
  softmax,
  log_softmax,
  dropout,
  batch_normalization,
  layer_normalization,
  maxout,  // in = pieces out
};

/// Parameters are offsets into the caller's flat arrays: `weight` is W (in, out), alpha or gamma, `bias` is b or beta;
/// -1: absent. `state` is running_mean, followed by running_var.
struct Layer {
  LayerKind kind = LayerKind::affine;
  index_t in = 0;
  index_t out = 0;
  index_t weight = -1;
  index_t bias = -1;
  index_t state = -1;
  index_t alpha_size = 1;
  Activation f = Activation::identity;
  ActivationParams params;
  double ratio = 0;
  std::uint32_t stream = 0;
  double eps = 1e-5;
  double momentum = 0.9;
  bool unbiased = false;
};

/// Inputs (batch, in), rows one after the other: of T, or bytes that are multiplied by `scale` on the way in.
template <class T>
struct Inputs {
  const T* values = nullptr;
  const std::uint8_t* bytes = nullptr;
  T scale = 1;
};

/// The caller's flat arrays.
template <class T>
struct Parameters {
  T* values = nullptr;  // not written by inference and gradients
  T* grads = nullptr;
  index_t size = 0;
  T* state = nullptr;
  T* optimizer_m = nullptr;
  T* optimizer_v = nullptr;
};

struct StepResult {
  double loss = 0;
  index_t correct = 0;
};

template <class T>
struct Training {
  Inputs<T> x;
  Targets<T> t;
  LossSpec loss;
  OptimizerSpec optimizer;
  std::uint64_t seed = 0;
  std::uint64_t step = 0;  // of dropout
  index_t iteration = 1;   // of the optimizer
};

/// Rows and learning rates of an epoch.
struct Epoch {
  const index_t* indices = nullptr;
  index_t count = 0;
  index_t batch_size = 0;
  const double* lrs = nullptr;
  [[nodiscard]] index_t steps() const { return (count + batch_size - 1) / batch_size; }
};

/// Asked about every 40 ms by the calling thread, between two layers; true: give up the step under way.
using Poll = std::function<bool(index_t steps_done)>;

template <class T>
class Plan {
 public:
  /// Throws std::invalid_argument when a layer's width does not fit the one before.
  Plan(index_t in, std::vector<Layer> layers);
  ~Plan();
  Plan(Plan&&) = delete;

  [[nodiscard]] index_t in() const { return in_; }
  [[nodiscard]] index_t out() const { return out_; }
  double l1 = 0;
  double l2 = 0;

  /// y (batch, out): inference form. Any number of threads may call it at once.
  void predict(const Parameters<T>& p, const Inputs<T>& x, index_t batch, T* y);
  /// predict, then losses: sum_i L_i and the correct rows of this block (no normalizer, no penalty).
  StepResult evaluate_rows(const Parameters<T>& p, const Inputs<T>& x, const Targets<T>& t, const LossSpec& loss,
                           index_t batch);
  /// l1 sum |W| + l2/2 sum W^2 over the affine weights.
  double penalty(const T* values);

  /// Training form; what backward needs stays in the plan. x must live until then.
  void forward(const Parameters<T>& p, const Inputs<T>& x, index_t batch, std::uint64_t seed, std::uint64_t step, T* y);
  /// After forward: grads from dy (batch, out), and dx unless null.
  void backward(const Parameters<T>& p, const T* dy, T* dx);
  [[nodiscard]] index_t recorded_batch() const { return recorded_; }

  /// Loss with penalty; grads are overwritten.
  StepResult gradient(const Parameters<T>& p, const Training<T>& job, index_t batch);
  /// gradient and update; no update when the loss is not finite.
  StepResult train_step(const Parameters<T>& p, const Training<T>& job, index_t batch);
  /// Steps from..steps() of the epoch; job.step and job.iteration are those of step 0. Returns the number of complete
  /// steps; results[s] is filled for every step s whose loss is known. Ends early when poll says so or a loss is not
  /// finite (then results[returned] holds that loss).
  index_t train_epoch(const Parameters<T>& p, const Training<T>& job, const Epoch& epoch, StepResult* results,
                      const Poll& poll);

 private:
  struct Node;
  struct Workspace;
  class Run;

  index_t steps(const Parameters<T>& p, const Training<T>& job, const Epoch& epoch, StepResult* results,
                const Poll* poll, bool update);

  /// Whether the members of a team take their rows through the layers each for itself.
  [[nodiscard]] bool shares_rows(index_t batch, int members) const;

  index_t in_;
  index_t out_;
  std::vector<Node> nodes_;
  bool row_by_row_ = true;  // no layer mixes rows
  index_t weights_ = 0;
  index_t activations_per_row_ = 0;  // of affine layers
  double work_per_row_ = 0;          // nanoseconds of one thread for a row forward
  index_t widest_ = 0;
  std::unique_ptr<Workspace> workspace_;
  index_t recorded_ = -1;
  std::mutex idle_mutex_;
  std::vector<std::unique_ptr<Workspace>> idle_;  // of predict calls
};

}  // namespace nnfast
