#include "nnfast/differences.hpp"

#include <algorithm>
#include <cmath>

#include "network/workspace.hpp"
#include "nnfast/maxout.hpp"
#include "nnfast/normalization.hpp"
#include "nnfast/softmax.hpp"

namespace nnfast {
namespace {

// Of the matrices that a member works on: they stay in L2 with the weights of a layer.
constexpr index_t kChunkDoubles = 1 << 14;

/// Where f' jumps; returns how many places.
int kinks_of(const Layer& layer, double places[2]) {
  places[0] = 0;
  if (layer.kind == LayerKind::prelu) return 1;
  if (layer.kind != LayerKind::activation) return 0;
  const double alpha = layer.params.alpha;
  switch (layer.f) {
    case Activation::step:
    case Activation::relu:
    case Activation::selu: return 1;
    case Activation::leaky_relu:
    case Activation::elu: return alpha == 1 ? 0 : 1;
    case Activation::hard_sigmoid:
      places[0] = -layer.params.beta / alpha;
      places[1] = (1 - layer.params.beta) / alpha;
      return alpha == 0 ? 0 : 2;
    case Activation::hard_swish:
      places[0] = -3;
      places[1] = 3;
      return 2;
    default: return 0;
  }
}

/// Whether a kink lies between two values, or at one of them.
bool between(double a, double b, double place) { return a != b && (a - place) * (b - place) <= 0; }

index_t parameters_of(const Layer& layer) {
  return layer.kind == LayerKind::affine  ? layer.in * layer.out
         : layer.kind == LayerKind::prelu ? layer.alpha_size
                                          : layer.out;
}

}  // namespace

/// A layer and its output in the unperturbed pass.
struct Differences::Step : Layer {
  Buffer<double> y;
  Buffer<double> normalized;  // of a normalization: y without gamma and beta
  Buffer<double> mask;        // of dropout in training: 0 or 1 / (1 - ratio)

  [[nodiscard]] const double* x(const std::vector<Step>& steps, const double* input) const {
    const auto at = this - steps.data();
    return at == 0 ? input : steps[static_cast<std::size_t>(at) - 1].y.get();
  }
};

/// Parameters of one layer, perturbed by +h and by -h: groups of `batch` rows, two for each. As long as layers work
/// column by column, a group is its one changed column.
class Differences::Chunk {
 public:
  explicit Chunk(const Differences& all) : all_(all) {
    index_t widest = all.out_;
    for (const Step& step : all.steps_) widest = std::max({widest, step.in, step.out});
    const index_t pair = 2 * all.job_.batch;
    capacity_ = std::max<index_t>(1, kChunkDoubles / std::max<index_t>(1, pair * widest));
    const index_t rows = capacity_ * pair;
    for (auto& matrix : matrices_) matrix.reserve(rows * widest + 1);
    column_.reserve(rows + 1);
    losses_.reserve(rows + 1);
    sums_.reserve(3 * widest + 2 * rows + 1);  // statistics of a normalization
    changed_.resize(static_cast<std::size_t>(capacity_));
    tile_targets(rows);
  }
  [[nodiscard]] index_t capacity() const { return capacity_; }

  void run(void* scratch, std::size_t layer, const index_t* elements, index_t count, double h, double* derivative,
           int* kink) {
    Team alone(0, 1, scratch);
    count_ = count;
    rows_ = 2 * count * all_.job_.batch;
    kink_ = kink;
    std::fill(kink, kink + count, -1);
    full_ = nullptr;
    perturb(alone, all_.steps_[layer], elements, h);
    for (std::size_t i = layer + 1; i < all_.steps_.size(); ++i) follow(alone, all_.steps_[i], static_cast<int>(i));
    if (full_ == nullptr) full_ = widened(all_.steps_.back().y.get(), all_.out_);
    compare_losses(alone, h, derivative);
  }

 private:
  [[nodiscard]] index_t batch() const { return all_.job_.batch; }
  [[nodiscard]] const double* weight(const Step& step) const {
    return step.weight < 0 ? nullptr : all_.job_.params + step.weight;
  }
  [[nodiscard]] const double* bias(const Step& step) const {
    return step.bias < 0 ? nullptr : all_.job_.params + step.bias;
  }
  [[nodiscard]] const double* state(const Step& step) const { return all_.job_.state + step.state; }
  /// A matrix that is not the one in use.
  double* spare() { return matrices_[full_ == matrices_[0].get() ? 1 : 0].get(); }

  void tile_targets(index_t rows) {
    const Targets<double>& t = all_.job_.t;
    const index_t n = batch();
    if (t.labels != nullptr) labels_.reserve(rows + 1);
    if (t.dense) dense_.reserve(rows * all_.out_ + 1);
    if (t.sample_weight != nullptr) weights_.reserve(rows + 1);
    for (index_t r = 0; r < rows; ++r) {
      if (t.labels != nullptr) labels_.get()[r] = t.labels[r % n];
      if (t.dense) std::copy_n(t.dense.at(r % n), all_.out_, dense_.get() + r * all_.out_);
      if (t.sample_weight != nullptr) weights_.get()[r] = t.sample_weight[r % n];
    }
  }

  /// The layer whose parameters change.
  void perturb(Team& alone, const Step& step, const index_t* elements, double h) {
    const index_t n = batch();
    const double* const x = step.x(all_.steps_, all_.job_.x);
    if (step.kind == LayerKind::prelu && step.alpha_size == 1) {  // every column changes
      full_ = matrices_[0].get();
      for (index_t g = 0; g < 2 * count_; ++g) {
        const double alpha = *weight(step) + (g % 2 == 0 ? h : -h);
        prelu_forward(alone, MatrixView<const double>(x, n, step.in), &alpha, 1,
                      MatrixView<double>(full_ + g * n * step.out, n, step.out));
      }
      return;
    }
    for (index_t e = 0; e < count_; ++e) {
      const bool is_bias = step.bias >= 0 && elements[e] >= step.bias && elements[e] < step.bias + step.out;
      const index_t at = elements[e] - (is_bias ? step.bias : step.weight);
      const index_t column = at % step.out;
      changed_[static_cast<std::size_t>(e)] = column;
      for (int sign = 0; sign < 2; ++sign) {
        const double d = sign == 0 ? h : -h;
        double* const v = column_.get() + (2 * e + sign) * n;
        for (index_t i = 0; i < n; ++i) {
          const double y = step.y.get()[i * step.out + column];
          if (is_bias) {
            v[i] = y + d;
          } else if (step.kind == LayerKind::affine) {
            v[i] = y + d * x[i * step.in + at / step.out];
          } else if (step.kind == LayerKind::prelu) {
            const double in = x[i * step.in + column];
            v[i] = in < 0 ? (weight(step)[column] + d) * in : y;
          } else {
            v[i] = y + d * step.normalized.get()[i * step.out + column];
          }
        }
      }
    }
  }

  /// A layer behind it.
  void follow(Team& alone, const Step& step, int place) {
    if (step.kind != LayerKind::maxout) note_kinks(step, place);
    const bool rowwise = step.kind == LayerKind::maxout || step.kind == LayerKind::softmax ||
                         step.kind == LayerKind::log_softmax || step.kind == LayerKind::layer_normalization;
    if (full_ == nullptr && step.kind == LayerKind::affine) {
      full_ = expanded(step);
    } else if (full_ == nullptr && !rowwise) {
      by_column(alone, step);
    } else {
      if (full_ == nullptr) full_ = widened(step.x(all_.steps_, all_.job_.x), step.in);
      if (step.kind == LayerKind::maxout) note_winners(step, place);
      in_full(alone, step);
    }
  }

  void by_column(Team& alone, const Step& step) {
    const index_t n = batch();
    double* const v = column_.get();
    if (step.kind == LayerKind::activation) {
      activation_forward(alone, step.f, step.params, v, v, rows_);
      return;
    }
    if (step.kind == LayerKind::dropout && !all_.job_.training) return;
    for (index_t g = 0; g < 2 * count_; ++g) {
      const index_t c = changed_[static_cast<std::size_t>(g / 2)];
      double* const own = v + g * n;
      if (step.kind == LayerKind::dropout) {
        for (index_t i = 0; i < n; ++i) own[i] *= step.mask.get()[i * step.out + c];
      } else if (step.kind == LayerKind::prelu) {
        const double alpha = weight(step)[step.alpha_size == 1 ? 0 : c];
        for (index_t i = 0; i < n; ++i) own[i] = own[i] < 0 ? alpha * own[i] : own[i];
      } else {
        normalize_batch(alone, step, own, n, 1, c);
      }
    }
  }

  /// Columns c, ..., c + cols - 1 of batch normalization, in place.
  void normalize_batch(Team& alone, const Step& step, double* v, index_t n, index_t cols, index_t c) {
    const double* const gamma = weight(step) == nullptr ? nullptr : weight(step) + c;
    const double* const beta = bias(step) == nullptr ? nullptr : bias(step) + c;
    const MatrixView<double> m(v, n, cols);
    if (all_.job_.training) {
      double* const sums = sums_.get();
      batch_normalization_train(alone, MatrixView<const double>(m), gamma, beta, step.eps, sums, sums + cols,
                                sums + 2 * cols, m);
    } else {
      batch_normalization_inference(alone, MatrixView<const double>(m), gamma, beta, state(step) + c,
                                    state(step) + step.out + c, step.eps, m);
    }
  }

  void in_full(Team& alone, const Step& step) {
    const index_t n = batch();
    const MatrixView<const double> in(full_, rows_, step.in);
    const MatrixView<double> here(full_, rows_, step.out);
    switch (step.kind) {
      case LayerKind::affine: {
        GemmOptions<double> options;
        options.epilogue.bias = bias(step);
        double* const to = spare();
        gemm(alone, in, MatrixView<const double>(weight(step), step.in, step.out),
             MatrixView<double>(to, rows_, step.out), options);
        full_ = to;
        break;
      }
      case LayerKind::activation: activation_forward(alone, step.f, step.params, full_, full_, rows_ * step.out); break;
      case LayerKind::prelu: prelu_forward(alone, in, weight(step), step.alpha_size, here); break;
      case LayerKind::softmax: softmax_forward(alone, in, here); break;
      case LayerKind::maxout: {
        double* const to = spare();
        maxout_forward(alone, in, MatrixView<double>(to, rows_, step.out));
        full_ = to;
        break;
      }
      case LayerKind::log_softmax: log_softmax_forward(alone, in, here); break;
      case LayerKind::dropout:
        for (index_t g = 0; all_.job_.training && g < 2 * count_; ++g) {
          double* const own = full_ + g * n * step.out;
          for (index_t i = 0; i < n * step.out; ++i) own[i] *= step.mask.get()[i];
        }
        break;
      case LayerKind::batch_normalization:
        for (index_t g = 0; g < 2 * count_; ++g) normalize_batch(alone, step, full_ + g * n * step.out, n, step.out, 0);
        break;
      case LayerKind::layer_normalization:
        layer_normalization_forward(alone, in, weight(step), bias(step), step.eps, sums_.get(), sums_.get() + rows_,
                                    here);
        break;
    }
  }

  /// The unperturbed matrix (batch, width) for every group, with the changed column.
  double* widened(const double* base, index_t width) {
    double* const to = spare();
    const index_t n = batch();
    for (index_t g = 0; g < 2 * count_; ++g) {
      std::copy_n(base, n * width, to + g * n * width);
      const index_t c = changed_[static_cast<std::size_t>(g / 2)];
      for (index_t i = 0; i < n; ++i) to[(g * n + i) * width + c] = column_.get()[g * n + i];
    }
    return to;
  }

  /// What an affine layer makes of one changed column: y + (x' - x) W[c].
  double* expanded(const Step& step) {
    double* const to = spare();
    const index_t n = batch();
    const double* const x = step.x(all_.steps_, all_.job_.x);
    for (index_t g = 0; g < 2 * count_; ++g) {
      const index_t c = changed_[static_cast<std::size_t>(g / 2)];
      const double* const W = weight(step) + c * step.out;
      for (index_t i = 0; i < n; ++i) {
        const double d = column_.get()[g * n + i] - x[i * step.in + c];
        const double* const y = step.y.get() + i * step.out;
        double* const row = to + (g * n + i) * step.out;
        for (index_t j = 0; j < step.out; ++j) row[j] = y[j] + d * W[j];
      }
    }
    return to;
  }

  /// Marks the parameters whose two passes go into the layer on different sides of one of its kinks.
  void note_kinks(const Step& step, int place) {
    double places[2];
    const int kinks = kinks_of(step, places);
    const index_t size = full_ == nullptr ? batch() : batch() * step.in;
    const double* const values = full_ == nullptr ? column_.get() : full_;
    for (int k = 0; k < kinks; ++k)
      note(values, size, place, [&](double a, double b, index_t) { return between(a, b, places[k]); });
  }
  template <class F>
  void note(const double* values, index_t size, int place, F&& crosses) {
    for (index_t e = 0; e < count_; ++e) {
      const double* const plus = values + 2 * e * size;
      const double* const minus = plus + size;
      for (index_t i = 0; i < size && kink_[e] < 0; ++i) {
        if (crosses(plus[i], minus[i], i)) kink_[e] = place;
      }
    }
  }

  /// The same of maxout: another piece wins.
  void note_winners(const Step& step, int place) {
    const index_t pieces = step.in / std::max<index_t>(1, step.out);
    const index_t size = batch() * step.in;
    for (index_t e = 0; e < count_; ++e) {
      const double* const plus = full_ + 2 * e * size;
      const double* const minus = plus + size;
      for (index_t i = 0; i < size && kink_[e] < 0; i += pieces) {
        const auto wins = [&](const double* x) { return std::max_element(x + i, x + i + pieces) - x; };
        if (wins(plus) != wins(minus)) kink_[e] = place;
      }
    }
  }

  void compare_losses(Team& alone, double h, double* derivative) {
    const index_t n = batch();
    Targets<double> t = all_.job_.t;
    if (t.labels != nullptr) t.labels = labels_.get();
    if (t.dense) t.dense = {dense_.get(), rows_, all_.out_};
    if (t.sample_weight != nullptr) t.sample_weight = weights_.get();
    const MatrixView<const double> y(full_, rows_, all_.out_);
    note_loss_kinks(t);
    loss_rows(alone, all_.job_.loss, y, t, 1.0, losses_.get(), {});
    for (index_t e = 0; e < count_; ++e) {
      const double* const plus = losses_.get() + 2 * e * n;
      double sum = 0;
      for (index_t i = 0; i < n; ++i) sum += plus[i] - plus[n + i];
      derivative[e] = sum / (2 * h) / all_.normalizer_;
    }
  }

  void note_loss_kinks(const Targets<double>& t) {
    const LossSpec& loss = all_.job_.loss;
    const index_t out = all_.out_;
    const int place = static_cast<int>(all_.steps_.size());
    const index_t size = batch() * out;
    if (loss.loss == Loss::absolute_error && t.dense) {
      note(full_, size, place, [&](double a, double b, index_t i) { return between(a, b, t.dense.data[i]); });
    }
    if (loss.loss == Loss::absolute_error && !t.dense) {  // one-hot rows
      note(full_, size, place,
           [&](double a, double b, index_t i) { return between(a, b, t.labels[i / out] == i % out ? 1.0 : 0.0); });
    }
    if (loss.loss != Loss::hinge) return;
    for (index_t e = 0; e < count_; ++e) {
      const double* const plus = full_ + 2 * e * size;
      const double* const minus = plus + size;
      for (index_t i = 0; i < size && kink_[e] < 0; ++i) {
        const index_t own = i / out * out + std::clamp<index_t>(t.labels[i / out], 0, out - 1);
        if (own != i && between(plus[i] - plus[own], minus[i] - minus[own], -loss.margin)) kink_[e] = place;
      }
    }
  }

  const Differences& all_;
  index_t capacity_ = 1;
  index_t count_ = 0;
  index_t rows_ = 0;
  int* kink_ = nullptr;
  Buffer<double> matrices_[2];
  double* full_ = nullptr;  // (rows, width), once more than a column has changed
  Buffer<double> column_;   // (rows,)
  std::vector<index_t> changed_;
  Buffer<double> sums_;
  Buffer<double> losses_;
  Buffer<index_t> labels_;
  Buffer<double> dense_;
  Buffer<double> weights_;
};

Differences::Differences(index_t in, std::vector<Layer> layers) : in_(in), out_(in) {
  steps_.resize(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    static_cast<Layer&>(steps_[i]) = layers[i];
    out_ = layers[i].out;
  }
}

Differences::~Differences() = default;

void Differences::prepare(const DifferenceJob& job) {
  job_ = job;
  normalizer_ = loss_normalizer(job.loss, job.t, job.batch, out_);
  chunks_.clear();
  for (Step& step : steps_) {
    const index_t n = job.batch * step.out;
    double* const y = step.y.reserve(n + 1);
    const bool normalizes = step.kind == LayerKind::batch_normalization || step.kind == LayerKind::layer_normalization;
    double* const normalized = normalizes ? step.normalized.reserve(n + 1) : nullptr;
    double* const mask = step.kind == LayerKind::dropout ? step.mask.reserve(n + 1) : nullptr;
    Buffer<double> statistics;
    statistics.reserve(3 * step.out + 2 * job.batch + 1);
    nnfast::run(1, [&](Team& team) {
      const MatrixView<const double> x(step.x(steps_, job.x), job.batch, step.in);
      const MatrixView<double> out(y, job.batch, step.out);
      const double* const weight = step.weight < 0 ? nullptr : job.params + step.weight;
      const double* const bias = step.bias < 0 ? nullptr : job.params + step.bias;
      double* const sums = statistics.get();
      switch (step.kind) {
        case LayerKind::affine:
          affine_forward(team, x, MatrixView<const double>(weight, step.in, step.out), bias, out);
          break;
        case LayerKind::activation: activation_forward(team, step.f, step.params, x.data, y, n); break;
        case LayerKind::prelu: prelu_forward(team, x, weight, step.alpha_size, out); break;
        case LayerKind::softmax: softmax_forward(team, x, out); break;
        case LayerKind::maxout: maxout_forward(team, x, out); break;
        case LayerKind::log_softmax: log_softmax_forward(team, x, out); break;
        case LayerKind::dropout:
          std::fill(mask, mask + n, 1.0);
          if (job.training) dropout(team, {job.seed, step.stream, job.step, 0}, step.ratio, mask, mask, n);
          for (index_t i = 0; i < n; ++i) y[i] = x.data[i] * mask[i];
          break;
        case LayerKind::batch_normalization: {
          const double* const running = job.state + step.state;
          const auto forward = [&](const double* gamma, const double* beta, double* to) {
            const MatrixView<double> m(to, job.batch, step.out);
            if (job.training) {
              batch_normalization_train(team, x, gamma, beta, step.eps, sums, sums + step.out, sums + 2 * step.out, m);
            } else {
              batch_normalization_inference(team, x, gamma, beta, running, running + step.out, step.eps, m);
            }
          };
          forward(weight, bias, y);
          forward(nullptr, nullptr, normalized);
          break;
        }
        case LayerKind::layer_normalization: {
          const double* const none = nullptr;
          layer_normalization_forward(team, x, weight, bias, step.eps, sums, sums + job.batch, out);
          layer_normalization_forward(team, x, none, none, step.eps, sums, sums + job.batch,
                                      MatrixView<double>(normalized, job.batch, step.out));
          break;
        }
      }
    });
  }
}

std::size_t Differences::layer_of(index_t element) const {
  const auto owns = [element](const Step& s) {
    return (s.weight >= 0 && element >= s.weight && element < s.weight + parameters_of(s)) ||
           (s.bias >= 0 && element >= s.bias && element < s.bias + s.out);
  };
  return static_cast<std::size_t>(std::find_if(steps_.begin(), steps_.end(), owns) - steps_.begin());
}

double Differences::nanoseconds() const {
  double work = 0;
  for (const Step& step : steps_) {
    work += step.kind == LayerKind::affine ? gemm_nanoseconds(1, step.out, step.in) - gemm_nanoseconds(0, 0, 0)
                                           : 0.5 * static_cast<double>(step.out);
  }
  return 4 * work * static_cast<double>(job_.batch);
}

void Differences::run(const index_t* elements, index_t count, double h, double* derivative, int* kink) {
  if (count == 0) return;
  const int threads = threads_for(nanoseconds() * static_cast<double>(count));
  while (chunks_.size() < static_cast<std::size_t>(threads)) chunks_.push_back(std::make_unique<Chunk>(*this));
  nnfast::run(threads, [&](Team& team) {
    Chunk& chunk = *chunks_[static_cast<std::size_t>(team.rank())];
    const Range mine = team.share(count);
    index_t at = mine.begin;
    while (at < mine.end) {
      const std::size_t layer = layer_of(elements[at]);
      index_t end = at + 1;
      while (end < std::min(mine.end, at + chunk.capacity()) && layer_of(elements[end]) == layer) ++end;
      chunk.run(team.scratch(), layer, elements + at, end - at, h, derivative + at, kink + at);
      at = end;
    }
  });
}

}  // namespace nnfast
