// A training step of the plan, run by every member of a team.

#include <algorithm>
#include <cmath>

#include "network/gather.hpp"
#include "network/plan.hpp"
#include "nnfast/maxout.hpp"
#include "nnfast/normalization.hpp"
#include "nnfast/softmax.hpp"
#include "ops/update.hpp"

namespace nnfast {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPollEvery = std::chrono::milliseconds(40);
// Of weights, and at most of dy, which every strip reads: the gradient is in L2 still when its weights are updated
// (mnist, two threads: 4 % of the step; with a larger dy 7 % are lost).
constexpr index_t kStripBytes = 256 << 10;

// Nanoseconds of one thread, about: beyond, several are faster even far from each other.
constexpr double kShortStep = 2e6;

/// Shared by the members of a team that trains: lets the calling thread give up between two layers.
struct Control {
  explicit Control(const Poll* poll_) : poll(poll_) {}
  const Poll* poll;
  Clock::time_point last_poll = Clock::now();
  std::atomic<index_t> stop_at{-1};  // the meeting at which everybody leaves
};

template <class T>
Targets<T> rows_of(Targets<T> t, Range rows) {
  if (t.labels != nullptr) t.labels += rows.begin;
  if (t.dense) t.dense = t.dense.block(rows.begin, 0, rows.end - rows.begin, t.dense.cols);
  if (t.sample_weight != nullptr) t.sample_weight += rows.begin;
  return t;
}

}  // namespace

/// One member at work on a batch. The rows that it computes are its own share where layers work row by row; then its
/// team for them is itself.
///
/// What one member has read is dear for another to write: on Zen 4 a store to a line that was shared takes 7 ns, as
/// long as the update of the 16 weights in it. Row by row, members share the weights; layer by layer, the activations.
template <class T>
class Plan<T>::Run {
 public:
  Run(Plan& plan, const Parameters<T>& p, Workspace& ws, Team& team, Control& control, index_t batch, index_t& meeting)
      : plan_(plan),
        p_(p),
        ws_(ws),
        team_(team),
        control_(control),
        batch_(batch),
        meeting_(meeting),
        alone_(0, 1, team.scratch()),
        by_rows_(team.size() == 1 ? plan.row_by_row_ : plan.shares_rows(batch, team.size())),
        rows_(by_rows_ ? team.share(batch) : Range{0, batch}) {}

  /// Members that work on rows_: this one, or all.
  Team& rows_team() { return by_rows_ ? alone_ : team_; }
  [[nodiscard]] Range rows() const { return rows_; }

  /// Everybody waits for everybody. False: give up this step, nothing has been updated.
  bool meet(index_t steps_done) {
    ++meeting_;
    if (team_.rank() == 0 && control_.poll != nullptr) {
      const auto now = Clock::now();
      if (now - control_.last_poll >= kPollEvery) {
        if ((*control_.poll)(steps_done)) control_.stop_at.store(meeting_, std::memory_order_relaxed);
        control_.last_poll = Clock::now();
      }
    }
    team_.barrier();
    const index_t stop_at = control_.stop_at.load(std::memory_order_relaxed);
    return stop_at < 0 || stop_at > meeting_;
  }

  /// Waits for the others where they work on the same rows.
  void meet_rows() {
    if (!by_rows_) team_.barrier();
  }

  void begin(const T* x, std::uint64_t seed, std::uint64_t step) {
    x_ = x;
    seed_ = seed;
    step_ = step;
  }

  void forward() {
    for (std::size_t i = 0; i < plan_.nodes_.size(); ++i) {
      forward_layer(i);
      meet_rows();
    }
  }

  /// The last layer's dy is there; fills dy of every layer and, unless null, dx of the input. Sums over the batch that
  /// belong to a layer whose rows are not independent (batch normalization) are done on the way.
  void backward(T* dx) {
    const std::size_t count = plan_.nodes_.size();
    if (count == 0) return;
    // Where the last layer is affine with its activation fused, the loss gave the derivative of the output.
    if (Node& last = plan_.nodes_[count - 1]; last.activated) {
      const T* const saved = last.from_output ? ws_.y[count - 1] : ws_.z[count - 1];
      const index_t at = rows_.begin * last.out;
      T* const dy = ws_.dy[count - 1] + at;
      activation_backward(rows_team(), last.f, last.params, dy, saved + at, dy, (rows_.end - rows_.begin) * last.out);
      meet_rows();
    }
    for (std::size_t i = count; i-- > 0;) {
      T* const to = i > 0 ? ws_.dy[i - 1] : dx;
      if (to == nullptr && plan_.nodes_[i].kind != LayerKind::batch_normalization) continue;
      backward_layer(i, to);
      meet_rows();
    }
  }

  /// Gradients that are sums over the batch. Everybody's rows must be there. With `update` a member changes at once the
  /// weights whose gradient it has in its cache, strip by strip; nobody reads weights any more.
  void parameter_gradients(const Update<T>* update) {
    for (std::size_t i = plan_.nodes_.size(); i-- > 0;) {
      const Node& node = plan_.nodes_[i];
      const MatrixView<const T> x = input(i, {0, batch_});
      const MatrixView<const T> dy(ws_.dy[i], batch_, node.out);
      T* const dweight = node.weight < 0 ? nullptr : p_.grads + node.weight;
      T* const dbias = node.bias < 0 ? nullptr : p_.grads + node.bias;
      if (node.kind == LayerKind::affine) {
        const MatrixView<T> dW(dweight, node.in, node.out);
        const auto [rows, cols, sums] = gemm_share<T>(team_, node.in, node.out, batch_, Split::rows);
        const index_t n = cols.end - cols.begin;
        if (n <= 0) continue;
        const index_t row_bytes = n * static_cast<index_t>(sizeof(T));
        const bool in_strips = update != nullptr && batch_ * row_bytes <= kStripBytes;
        const index_t strip = in_strips ? kStripBytes / row_bytes : node.in + 1;
        index_t r = rows.begin;
        do {  // once where there are no rows: db
          const index_t m = std::min(strip, rows.end - r);
          GemmOptions<T> options;
          if (dbias != nullptr && sums && r == rows.begin) options.b_column_sums = dbias + cols.begin;
          gemm(alone_, x.transposed().block(r, 0, m, batch_), dy.block(0, cols.begin, batch_, n),
               dW.block(r, cols.begin, m, n), options);
          if (update != nullptr) (*update)(node.weight + r * node.out + cols.begin, n, m, node.out);
          r += strip;
        } while (r < rows.end);
        if (update != nullptr && dbias != nullptr && sums) (*update)(node.bias + cols.begin, n);
      } else if (node.kind == LayerKind::prelu) {
        prelu_backward(team_, x, p_.values + node.weight, node.alpha_size, dy, {}, dweight);
      } else if (node.kind == LayerKind::layer_normalization && (dweight != nullptr || dbias != nullptr)) {
        layer_normalization_backward(team_, x, static_cast<const T*>(nullptr), ws_.stats[i], ws_.stats[i] + batch_, dy,
                                     MatrixView<T>(), dweight, dbias);
      }
    }
  }

  /// What parameter_gradients() has not updated: the parameters of other layers. Their gradients must be complete.
  void update_others(const Update<T>& update) {
    for (const Node& node : plan_.nodes_) {
      if (node.kind == LayerKind::affine) continue;
      const index_t weights = node.kind == LayerKind::prelu ? node.alpha_size : node.out;
      const Range w = team_.share(node.weight < 0 ? 0 : weights);
      const Range b = team_.share(node.bias < 0 ? 0 : node.out);
      update(node.weight + w.begin, w.end - w.begin);
      update(node.bias + b.begin, b.end - b.begin);
    }
  }

  /// By how much the gradients are scaled so that their norm is no more than `clip_norm`; they must be complete.
  double grad_scale(double clip_norm) {
    squares_partial(team_, p_.grads, p_.size, ws_.partials.get());
    team_.barrier();
    const double norm = std::sqrt(sum_of_partials(ws_.partials.get(), sum_partials(p_.size)));
    return std::min(1.0, clip_norm / (norm + 1e-6));
  }

  void update_statistics() {
    for (std::size_t i = 0; i < plan_.nodes_.size(); ++i) {
      const Node& node = plan_.nodes_[i];
      if (node.kind != LayerKind::batch_normalization) continue;
      const T* const mean = ws_.stats[i];
      T* const running = p_.state + node.state;
      update_running_statistics(team_, mean, mean + node.out, batch_, node.out, node.momentum, node.unbiased, running,
                                running + node.out);
    }
  }

  /// Sums that penalty() adds up after the next meeting.
  void penalty_partials() {
    double* partial = ws_.partials.get();
    for (const Node& node : plan_.nodes_) {
      if (node.kind != LayerKind::affine) continue;
      const index_t n = node.in * node.out;
      squares_partial(team_, p_.values + node.weight, n, partial);
      abs_partial(team_, p_.values + node.weight, n, partial + sum_partials(n));
      partial += 2 * sum_partials(n);
    }
  }
  [[nodiscard]] double penalty() const {
    double sum = 0;
    const double* partial = ws_.partials.get();
    for (const Node& node : plan_.nodes_) {
      if (node.kind != LayerKind::affine) continue;
      const index_t count = sum_partials(node.in * node.out);
      sum += 0.5 * plan_.l2 * sum_of_partials(partial, count) + plan_.l1 * sum_of_partials(partial + count, count);
      partial += 2 * count;
    }
    return sum;
  }

  /// Adds the penalty's gradients. The caller's meeting before and after.
  void penalty_gradients() {
    for (const Node& node : plan_.nodes_) {
      if (node.kind != LayerKind::affine) continue;
      add_decay(team_, p_.values + node.weight, p_.grads + node.weight, node.in * node.out, plan_.l1, plan_.l2);
    }
  }

 private:
  /// What layer i reads: the rows of the layer before.
  [[nodiscard]] MatrixView<const T> input(std::size_t i, Range rows) const {
    const index_t in = plan_.nodes_[i].in;
    const T* const x = i == 0 ? x_ : ws_.y[i - 1];
    return {x + rows.begin * in, rows.end - rows.begin, in};
  }

  [[nodiscard]] DropoutKey key(const Node& node) const {
    return {seed_, node.stream, step_, static_cast<std::uint64_t>(rows_.begin * node.out)};
  }

  void forward_layer(std::size_t i) {
    const Node& node = plan_.nodes_[i];
    const index_t rows = rows_.end - rows_.begin;
    const index_t at = rows_.begin * node.out;
    Team& team = rows_team();
    const MatrixView<const T> x = input(i, rows_);
    const MatrixView<T> y(ws_.y[i] + at, rows, node.out);
    const T* const weight = node.weight < 0 ? nullptr : p_.values + node.weight;
    const T* const bias = node.bias < 0 ? nullptr : p_.values + node.bias;
    switch (node.kind) {
      case LayerKind::affine: {
        GemmOptions<T> options;
        options.epilogue.bias = bias;
        options.epilogue.activate = node.activated;
        options.epilogue.f = node.f;
        options.epilogue.params = node.params;
        if (node.keeps_z) options.epilogue.z = MatrixView<T>(ws_.z[i] + at, rows, node.out);
        gemm(team, x, MatrixView<const T>(weight, node.in, node.out), y, options);
        break;
      }
      case LayerKind::activation: activation_forward(team, node.f, node.params, x.data, y.data, rows * node.out); break;
      case LayerKind::prelu: prelu_forward(team, x, weight, node.alpha_size, y); break;
      case LayerKind::softmax: softmax_forward(team, x, y); break;
      case LayerKind::maxout: maxout_forward(team, x, y); break;
      case LayerKind::log_softmax: log_softmax_forward(team, x, y); break;
      case LayerKind::dropout: dropout(team, key(node), node.ratio, x.data, y.data, rows * node.out); break;
      case LayerKind::batch_normalization: {
        T* const mean = ws_.stats[i];
        batch_normalization_train(team, x, weight, bias, node.eps, mean, mean + node.out, mean + 2 * node.out, y);
        break;
      }
      case LayerKind::layer_normalization: {
        T* const mean = ws_.stats[i] + rows_.begin;
        layer_normalization_forward(team, x, weight, bias, node.eps, mean, mean + batch_, y);
        break;
      }
    }
  }

  /// dx of layer i, times the derivative of the activation that is fused into layer i - 1.
  void backward_layer(std::size_t i, T* dx_data) {
    const Node& node = plan_.nodes_[i];
    const index_t rows = rows_.end - rows_.begin;
    const index_t at = rows_.begin * node.out;
    Team& team = rows_team();
    const MatrixView<const T> x = input(i, rows_);
    const MatrixView<const T> dy(ws_.dy[i] + at, rows, node.out);
    const MatrixView<const T> y(ws_.y[i] + at, rows, node.out);
    const MatrixView<T> dx(dx_data == nullptr ? nullptr : dx_data + rows_.begin * node.in, rows, node.in);
    const T* const weight = node.weight < 0 ? nullptr : p_.values + node.weight;
    const Node* const before = i > 0 && plan_.nodes_[i - 1].activated ? &plan_.nodes_[i - 1] : nullptr;
    const T* saved = nullptr;
    if (before != nullptr) {
      saved = (before->from_output ? ws_.y[i - 1] : ws_.z[i - 1]) + rows_.begin * node.in;
    }
    switch (node.kind) {
      case LayerKind::affine: {
        GemmOptions<T> options;
        if (before != nullptr) {
          options.epilogue.saved = MatrixView<const T>(saved, rows, node.in);
          options.epilogue.f = before->f;
          options.epilogue.params = before->params;
        }
        gemm(team, dy, MatrixView<const T>(weight, node.in, node.out).transposed(), dx, options);
        return;
      }
      case LayerKind::activation:
        activation_backward(team, node.f, node.params, dy.data, node.from_output ? y.data : x.data, dx.data,
                            rows * node.out);
        break;
      case LayerKind::prelu: prelu_backward(team, x, weight, node.alpha_size, dy, dx, static_cast<T*>(nullptr)); break;
      case LayerKind::softmax: softmax_backward(team, dy, y, dx); break;
      case LayerKind::maxout: maxout_backward(team, dy, x, dx); break;
      case LayerKind::log_softmax: log_softmax_backward(team, dy, y, dx); break;
      case LayerKind::dropout: dropout(team, key(node), node.ratio, dy.data, dx.data, rows * node.out); break;
      case LayerKind::batch_normalization: {
        const T* const mean = ws_.stats[i];
        batch_normalization_backward(team, x, weight, mean, mean + 2 * node.out, dy, dx,
                                     node.weight < 0 ? nullptr : p_.grads + node.weight,
                                     node.bias < 0 ? nullptr : p_.grads + node.bias);
        break;
      }
      case LayerKind::layer_normalization: {
        const T* const mean = ws_.stats[i] + rows_.begin;
        layer_normalization_backward(team, x, weight, mean, mean + batch_, dy, dx, static_cast<T*>(nullptr),
                                     static_cast<T*>(nullptr));
        break;
      }
    }
    if (before != nullptr && dx) {
      meet_rows();
      activation_backward(team, before->f, before->params, dx.data, saved, dx.data, rows * node.in);
    }
  }

  Plan& plan_;
  const Parameters<T>& p_;
  Workspace& ws_;
  Team& team_;
  Control& control_;
  index_t batch_;
  index_t& meeting_;  // how often this member has met the others
  Team alone_;
  bool by_rows_;
  Range rows_;
  const T* x_ = nullptr;
  std::uint64_t seed_ = 0;
  std::uint64_t step_ = 0;
};

template <class T>
void Plan<T>::forward(const Parameters<T>& p, const Inputs<T>& x, index_t batch, std::uint64_t seed, std::uint64_t step,
                      T* y) {
  recorded_ = -1;
  Workspace& ws = *workspace_;
  ws.reserve(*this, batch, 0);
  Control control(nullptr);
  ws.seed = seed;
  ws.step = step;
  run(threads_for(work_per_row_ * static_cast<double>(batch)), [&](Team& team) {
    // The input is copied: backward needs it, and the caller's array may change or go away before that.
    gather_rows(team, x, nullptr, 0, {0, batch}, in_, ws.gathered_x);
    team.barrier();
    index_t meeting = 0;
    Run member(*this, p, ws, team, control, batch, meeting);
    member.begin(ws.gathered_x, seed, step);
    member.forward();
    team.barrier();
    member.update_statistics();
    const T* const result = nodes_.empty() ? ws.gathered_x : ws.y.back();
    const Range share = team.share(batch * out_);
    std::copy(result + share.begin, result + share.end, y + share.begin);
  });
  recorded_ = batch;
}

template <class T>
void Plan<T>::backward(const Parameters<T>& p, const T* dy, T* dx) {
  Workspace& ws = *workspace_;
  const index_t batch = recorded_;
  Control control(nullptr);
  run(threads_for(2 * work_per_row_ * static_cast<double>(batch)), [&](Team& team) {
    const Range share = team.share(batch * out_);
    T* const to = nodes_.empty() ? dx : ws.dy.back();
    if (to != nullptr) std::copy(dy + share.begin, dy + share.end, to + share.begin);
    team.barrier();
    index_t meeting = 0;
    Run member(*this, p, ws, team, control, batch, meeting);
    member.begin(ws.gathered_x, ws.seed, ws.step);
    member.backward(dx);
    team.barrier();
    member.parameter_gradients(nullptr);
  });
}

template <class T>
StepResult Plan<T>::gradient(const Parameters<T>& p, const Training<T>& job, index_t batch) {
  StepResult result;
  steps(p, job, {nullptr, batch, std::max<index_t>(batch, 1), nullptr}, &result, nullptr, false);
  return result;
}

template <class T>
StepResult Plan<T>::train_step(const Parameters<T>& p, const Training<T>& job, index_t batch) {
  StepResult result;
  steps(p, job, {nullptr, batch, std::max<index_t>(batch, 1), &job.optimizer.lr}, &result, nullptr, true);
  return result;
}

template <class T>
index_t Plan<T>::train_epoch(const Parameters<T>& p, const Training<T>& job, const Epoch& epoch, StepResult* results,
                             const Poll& poll) {
  return steps(p, job, epoch, results, &poll, true);
}

template <class T>
index_t Plan<T>::steps(const Parameters<T>& p, const Training<T>& job, const Epoch& epoch, StepResult* results,
                       const Poll* poll, bool update) {
  recorded_ = -1;
  Workspace& ws = *workspace_;
  const index_t batch_size = std::min(epoch.batch_size, epoch.count);
  const index_t dense_cols = job.t.dense ? job.t.dense.cols : 0;
  ws.reserve(*this, batch_size, dense_cols);
  ws.partials.reserve(2 * (sum_partials(p.size) + static_cast<index_t>(nodes_.size()) + 1));
  const bool penalized = l1 != 0 || l2 != 0;
  // Where the penalty's gradients or the norm of all gradients come in between, the update has to wait.
  const bool at_once = update && !penalized && !(job.optimizer.clip_norm > 0);
  bool others = false;  // whether layers that are not affine have parameters
  for (const Node& node : nodes_) others |= node.kind != LayerKind::affine && (node.weight >= 0 || node.bias >= 0);
  const bool gathers = epoch.indices != nullptr || job.x.bytes != nullptr;
  const index_t count = epoch.steps();
  Control control(poll);
  index_t done = 0;  // written by member 0 only

  // Targets are needed by everybody at the start of a step (the normalizer), so member 0 has them ready before.
  const auto gather_targets = [&](index_t step) {
    if (epoch.indices == nullptr) return;
    const index_t first = step * batch_size;
    const index_t n = std::min(batch_size, epoch.count - first);
    for (index_t r = 0; r < n; ++r) {
      const index_t source = epoch.indices[first + r];
      if (job.t.labels != nullptr) ws.labels.get()[r] = job.t.labels[source];
      if (dense_cols > 0) std::copy_n(job.t.dense.at(source), dense_cols, ws.gathered_t + r * dense_cols);
      if (job.t.sample_weight != nullptr) ws.gathered_weight[r] = job.t.sample_weight[source];
    }
  };
  if (count > 0) gather_targets(0);

  index_t to = 0;  // the steps done .. to are one region
  const auto member = [&](Team& team, index_t from) {
    index_t meeting = 0;
    for (index_t step = from; step < to; ++step) {
      const index_t first = step * batch_size;
      const index_t batch = std::min(batch_size, epoch.count - first);
      Run self(*this, p, ws, team, control, batch, meeting);
      Targets<T> t = job.t;
      if (epoch.indices != nullptr) {
        if (t.labels != nullptr) t.labels = ws.labels.get();
        if (t.dense) t.dense = MatrixView<const T>(ws.gathered_t, batch, dense_cols);
        if (t.sample_weight != nullptr) t.sample_weight = ws.gathered_weight;
      }
      const T* x = job.x.values;
      if (gathers) {
        gather_rows(self.rows_team(), job.x, epoch.indices, first, self.rows(), in_, ws.gathered_x);
        self.meet_rows();
        x = ws.gathered_x;
      }
      self.begin(x, job.seed, job.step + static_cast<std::uint64_t>(step));
      self.forward();

      // Loss and its gradient, row by row.
      const double normalizer = loss_normalizer(job.loss, t, batch, out_);
      const Range rows = self.rows();
      const T* const scores = nodes_.empty() ? x : ws.y.back();
      T* const dscores = nodes_.empty() ? nullptr : ws.dy.back();
      const index_t n = rows.end - rows.begin;
      const MatrixView<T> dy(dscores == nullptr ? nullptr : dscores + rows.begin * out_, n, out_);
      loss_rows(self.rows_team(), job.loss, MatrixView<const T>(scores + rows.begin * out_, n, out_), rows_of(t, rows),
                normalizer, ws.row_loss + rows.begin, dy, ws.correct.get() + rows.begin);
      self.meet_rows();
      self.backward(nullptr);
      if (penalized) self.penalty_partials();
      if (!self.meet(step)) return;

      // Every member adds up the loss itself: all see the same number and take the same turn.
      double loss = sum_rows(ws.row_loss, batch) / normalizer;
      if (penalized) loss += self.penalty();
      if (team.rank() == 0) {
        results[step].loss = loss;
        results[step].correct = std::count(ws.correct.get(), ws.correct.get() + batch, 1);
      }
      if (update && !std::isfinite(loss)) return;
      OptimizerSpec spec = job.optimizer;
      if (update) spec.lr = epoch.lrs[step];
      if (at_once) {
        const Update<T> now(spec, job.iteration + step, 1, p.values, p.grads, p.optimizer_m, p.optimizer_v);
        self.parameter_gradients(&now);
        if (others) {
          team.barrier();
          self.update_others(now);
        }
      } else {
        self.parameter_gradients(nullptr);
        if (penalized) {
          team.barrier();
          self.penalty_gradients();
        }
        if (!self.meet(step)) return;
        if (update) {
          const double scale = spec.clip_norm > 0 ? self.grad_scale(spec.clip_norm) : 1;
          optimizer_update(team, spec, job.iteration + step, scale, p.values, p.grads, p.optimizer_m, p.optimizer_v,
                           p.size);
        }
      }
      self.update_statistics();
      if (team.rank() == 0) {
        done = step + 1;
        if (step + 1 < count) gather_targets(step + 1);
      }
      team.barrier();
    }
  };
  const double work = 3 * work_per_row_ * static_cast<double>(batch_size) + static_cast<double>(p.size) * 0.3;
  const int threads = threads_for(work);
  const bool tries = threads > 1 && work < kShortStep && nanoseconds_per_thread() > 0;
  while (done == to && done < count) {
    const index_t from = done;
    to = tries ? std::min(count, from + ws.tempo.steps()) : count;
    const auto begin = Clock::now();
    nnfast::run(tries ? ws.tempo.choose(threads) : threads, [&](Team& team) { member(team, from); });
    const std::chrono::duration<double, std::nano> took = Clock::now() - begin;
    const index_t rows = std::min(to * batch_size, epoch.count) - from * batch_size;
    if (tries && done == to) ws.tempo.learn(to - from, took.count() / static_cast<double>(rows));
  }
  return done;
}

template class Plan<float>;
template class Plan<double>;

}  // namespace nnfast
