// Building a plan, and inference.

#include "network/plan.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "network/gather.hpp"
#include "nnfast/maxout.hpp"
#include "nnfast/normalization.hpp"
#include "nnfast/softmax.hpp"

namespace nnfast {
namespace {

// Rows that inference takes at a time: activations of a few hundred columns stay in L2. Where the weights do not, they
// are read from memory for every block: more rows then.
constexpr index_t kPredictRows = 256;
constexpr index_t kManyPredictRows = 1024;
constexpr index_t kManyWeights = 1 << 20;
// What reading a weight takes that is used for one row only.
constexpr double kReadNanoseconds = 0.03;

/// Nanoseconds of one thread for one row, for the choice of threads only.
double row_nanoseconds(const Layer& layer) {
  if (layer.kind == LayerKind::affine) return gemm_nanoseconds(1, layer.out, layer.in) - gemm_nanoseconds(0, 0, 0);
  return 0.5 * static_cast<double>(layer.out);
}

}  // namespace

template <class T>
Plan<T>::Plan(index_t in, std::vector<Layer> layers) : in_(in), out_(in), workspace_(std::make_unique<Workspace>()) {
  widest_ = in;
  for (const Layer& layer : layers) {
    if (layer.in != out_) {
      throw std::invalid_argument("Plan: layer " + std::to_string(nodes_.size()) + " takes " +
                                  std::to_string(layer.in) + " columns but gets " + std::to_string(out_));
    }
    out_ = layer.out;
    widest_ = std::max(widest_, out_);
    work_per_row_ += row_nanoseconds(layer) * static_cast<double>(sizeof(T)) / 4;
    if (layer.kind == LayerKind::affine) {
      weights_ += layer.in * layer.out;
      activations_per_row_ += layer.out;
    }
    row_by_row_ = row_by_row_ && layer.kind != LayerKind::batch_normalization;
    const bool from_output = derivative_from_output(layer.f, layer.params);
    if (layer.kind == LayerKind::activation && !nodes_.empty() && nodes_.back().kind == LayerKind::affine &&
        !nodes_.back().activated) {
      Node& affine = nodes_.back();
      affine.activated = true;
      affine.f = layer.f;
      affine.params = layer.params;
      affine.from_output = from_output;
      affine.keeps_z = !from_output;
      continue;
    }
    Node node;
    static_cast<Layer&>(node) = layer;
    node.from_output = from_output;
    nodes_.push_back(node);
  }
}

template <class T>
Plan<T>::~Plan() = default;

template <class T>
bool Plan<T>::shares_rows(index_t batch, int members) const {
  // Row by row a step needs three meetings, but the weights become common property; from a certain size on that is
  // dearer. Measured with two threads: rows 3 % faster at twice as many weights as activations, 8 % slower at five
  // times.
  return row_by_row_ && batch >= 8 * members && weights_ <= 3 * batch * activations_per_row_;
}

template <class T>
void Plan<T>::Workspace::reserve(const Plan& plan, index_t rows, index_t dense_cols) {
  if (rows <= batch && dense_cols <= target_cols && !y.empty()) return;
  rows = std::max(rows, batch);
  dense_cols = std::max(dense_cols, target_cols);
  const std::size_t count = plan.nodes_.size();
  std::vector<index_t> sizes;
  const auto matrix = [&](index_t n) { sizes.push_back(aligned_size<T>(n)); };
  for (const Node& node : plan.nodes_) {
    matrix(rows * node.out);
    matrix(node.keeps_z ? rows * node.out : 0);
    matrix(rows * node.out);
    matrix(node.kind == LayerKind::batch_normalization   ? 3 * node.out
           : node.kind == LayerKind::layer_normalization ? 2 * rows
                                                         : 0);
  }
  matrix(rows * plan.in_);
  matrix(rows * std::max<index_t>(dense_cols, 0));
  matrix(rows);
  matrix(rows);
  index_t total = 0;
  for (const index_t size : sizes) total += size;
  batch = 0;  // nothing is usable while what follows may throw
  T* next = slab.reserve(std::max<index_t>(total, 1));
  labels.reserve(rows + 1);
  correct.reserve(rows + 1);
  y.assign(count, nullptr);
  z.assign(count, nullptr);
  dy.assign(count, nullptr);
  stats.assign(count, nullptr);
  auto size = sizes.begin();
  const auto take = [&] {
    T* const here = next;
    next += *size++;
    return here;
  };
  for (std::size_t i = 0; i < count; ++i) {
    y[i] = take();
    T* const pre = take();
    z[i] = plan.nodes_[i].keeps_z ? pre : nullptr;
    dy[i] = take();
    stats[i] = take();
  }
  gathered_x = take();
  gathered_t = take();
  gathered_weight = take();
  row_loss = take();
  batch = rows;
  target_cols = dense_cols;
}

namespace {

/// One layer in inference form; x and y (rows, width) do not overlap. False if the layer does nothing then.
template <class T, class Node>
bool infer(Team& team, const Node& node, const Parameters<T>& p, const T* x, T* y, index_t rows) {
  const MatrixView<const T> in(x, rows, node.in);
  const MatrixView<T> out(y, rows, node.out);
  const T* const weight = node.weight < 0 ? nullptr : p.values + node.weight;
  const T* const bias = node.bias < 0 ? nullptr : p.values + node.bias;
  switch (node.kind) {
    case LayerKind::affine: {
      GemmOptions<T> options;
      options.epilogue.bias = bias;
      options.epilogue.activate = node.activated;
      options.epilogue.f = node.f;
      options.epilogue.params = node.params;
      gemm(team, in, MatrixView<const T>(weight, node.in, node.out), out, options);
      return true;
    }
    case LayerKind::activation: activation_forward(team, node.f, node.params, x, y, rows * node.out); return true;
    case LayerKind::prelu: prelu_forward(team, in, weight, node.alpha_size, out); return true;
    case LayerKind::softmax: softmax_forward(team, in, out); return true;
    case LayerKind::log_softmax: log_softmax_forward(team, in, out); return true;
    case LayerKind::dropout: return false;
    case LayerKind::maxout: maxout_forward(team, in, out); return true;
    case LayerKind::batch_normalization:
      batch_normalization_inference(team, in, weight, bias, p.state + node.state, p.state + node.state + node.out,
                                    node.eps, out);
      return true;
    case LayerKind::layer_normalization: {
      // Statistics per row are not wanted here; rows <= kManyPredictRows, and the packing buffers are idle.
      T* const stats = static_cast<T*>(team.scratch());
      layer_normalization_forward(team, in, weight, bias, node.eps, stats, stats + rows, out);
      return true;
    }
  }
  return false;
}

}  // namespace

template <class T>
void Plan<T>::predict(const Parameters<T>& p, const Inputs<T>& x, index_t batch, T* y) {
  if (batch == 0) return;
  const int threads = threads_for(work_per_row_ * static_cast<double>(batch) +
                                  kReadNanoseconds * static_cast<double>(weights_) * sizeof(T) / 4);
  // The lock is tried, not waited for: in a child of fork() a thread that does not exist there may hold it forever.
  std::unique_ptr<Workspace> workspace;
  if (const std::unique_lock lock(idle_mutex_, std::try_to_lock); lock && !idle_.empty()) {
    workspace = std::move(idle_.back());
    idle_.pop_back();
  }
  if (!workspace) workspace = std::make_unique<Workspace>();
  // A member has three matrices: the input as T, and two that the layers write in turn. A team that works on the same
  // rows uses those of member 0.
  const index_t rows_at_once = std::min(batch, weights_ > kManyWeights ? kManyPredictRows : kPredictRows);
  const index_t size = aligned_size<T>(rows_at_once * widest_);
  T* const slab = workspace->slab.reserve(std::max<index_t>(3 * size * threads, 1));

  const auto block = [&](Team& team, T* buffers, index_t begin, index_t rows) {
    T* const spare[2] = {buffers + size, buffers + 2 * size};
    const T* in = x.values + begin * in_;
    if (x.bytes != nullptr) {
      gather_rows(team, x, nullptr, begin, {0, rows}, in_, buffers);
      team.barrier();
      in = buffers;
    }
    int turn = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const bool last = i + 1 == nodes_.size();
      T* const to = last ? y + begin * out_ : spare[turn];
      // The halves of rows of 2 KiB lie in half of the sets of L2 each: members take other columns from layer to layer,
      // so that what they read of all weights stays there. Emerald Rapids, two threads: one row of mnist 39.7 -> 25.1
      // us, of deep 26.9 -> 20.4, 32 of wide 1.82 -> 1.54 ms.
      const auto member = (static_cast<std::size_t>(team.rank()) + i) % static_cast<std::size_t>(team.size());
      Team in_turn(static_cast<int>(member), team.size(), team.scratch());
      if (!infer(in_turn, nodes_[i], p, in, to, rows)) continue;
      team.barrier();
      in = to;
      turn = 1 - turn;
    }
    if (rows > 0 && in != y + begin * out_) {  // no layer, or a last one that does nothing
      const Range share = team.share(rows * out_);
      std::copy(in + share.begin, in + share.end, y + begin * out_ + share.begin);
      team.barrier();
    }
  };
  run(threads, [&](Team& team) {
    // Everybody reads all weights where rows are shared out.
    const bool by_rows = batch >= 8 * team.size() && (weights_ <= kManyWeights || batch >= kPredictRows);
    Team alone(0, 1, team.scratch());
    const Range mine = by_rows ? team.share(batch) : Range{0, batch};
    T* const buffers = by_rows ? slab + 3 * size * team.rank() : slab;
    for (index_t begin = mine.begin; begin < mine.end; begin += rows_at_once) {
      block(by_rows ? alone : team, buffers, begin, std::min(rows_at_once, mine.end - begin));
    }
  });
  if (const std::unique_lock lock(idle_mutex_, std::try_to_lock); lock) idle_.push_back(std::move(workspace));
}

template <class T>
StepResult Plan<T>::evaluate_rows(const Parameters<T>& p, const Inputs<T>& x, const Targets<T>& t, const LossSpec& loss,
                                  index_t batch) {
  Buffer<T> y;
  Buffer<T> row_loss;
  Buffer<unsigned char> correct;
  const MatrixView<const T> scores(y.reserve(std::max<index_t>(batch * out_, 1)), batch, out_);
  row_loss.reserve(batch + 1);
  correct.reserve(batch + 1);
  predict(p, x, batch, y.get());
  run(1, [&](Team& team) { loss_rows(team, loss, scores, t, 1.0, row_loss.get(), {}, correct.get()); });
  StepResult result;
  result.loss = sum_rows(row_loss.get(), batch);
  result.correct = std::count(correct.get(), correct.get() + batch, 1);
  return result;
}

template <class T>
double Plan<T>::penalty(const T* values) {
  double sum = 0;
  if (l1 == 0 && l2 == 0) return sum;
  Buffer<double> partials;
  for (const Node& node : nodes_) {
    if (node.kind != LayerKind::affine) continue;
    const index_t n = node.in * node.out;
    double* const partial = partials.reserve(sum_partials(n) + 1);
    run(1, [&](Team& team) {
      if (l1 != 0) {
        abs_partial(team, values + node.weight, n, partial);
        sum += l1 * sum_of_partials(partial, sum_partials(n));
      }
      if (l2 != 0) {
        squares_partial(team, values + node.weight, n, partial);
        sum += 0.5 * l2 * sum_of_partials(partial, sum_partials(n));
      }
    });
  }
  return sum;
}

template class Plan<float>;
template class Plan<double>;

}  // namespace nnfast
