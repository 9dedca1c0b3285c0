#include "everywhere.hpp"
#include "nnfast/loss.hpp"

using namespace nnfast;
using namespace everywhere;

namespace {

constexpr Loss kAll[] = {Loss::softmax_cross_entropy,
                         Loss::sigmoid_cross_entropy,
                         Loss::squared_error,
                         Loss::absolute_error,
                         Loss::huber,
                         Loss::hinge};

template <class T>
struct Case {
  LossSpec spec;
  index_t rows = 0;
  index_t cols = 0;
  index_t stride = 0;
  std::vector<T> y;
  std::vector<index_t> labels;  // empty: dense
  std::vector<T> dense;
  std::vector<T> class_weight;   // may be empty
  std::vector<T> sample_weight;  // may be empty

  [[nodiscard]] Targets<T> targets() const {
    Targets<T> t;
    if (labels.empty()) {
      t.dense = view(dense, rows, cols, stride);
    } else {
      t.labels = labels.data();
    }
    t.class_weight = class_weight.empty() ? nullptr : class_weight.data();
    t.sample_weight = sample_weight.empty() ? nullptr : sample_weight.data();
    return t;
  }
  [[nodiscard]] bool ignored(index_t i) const {
    return !labels.empty() && spec.has_ignore_index && labels[size(i)] == spec.ignore_index;
  }
  [[nodiscard]] long double q(index_t i, index_t j) const {
    return labels.empty() ? static_cast<long double>(dense[size(i * stride + j)]) : labels[size(i)] == j;
  }
  [[nodiscard]] long double weight_of_class(index_t j) const {
    return class_weight.empty() ? 1 : class_weight[size(j)];
  }
  [[nodiscard]] long double weight_of_sample(index_t i) const {
    return sample_weight.empty() ? 1 : sample_weight[size(i)];
  }
};

/// L_i and its derivatives (not divided), as nnfast/loss.hpp has them.
template <class T>
long double row_loss(const Case<T>& c, index_t i, std::vector<long double>& dy) {
  dy.assign(size(c.cols), 0);
  if (c.ignored(i)) return 0;
  const LossSpec& s = c.spec;
  const auto y = [&](index_t j) { return static_cast<long double>(c.y[size(i * c.stride + j)]); };
  long double w = c.weight_of_sample(i);
  long double loss = 0;
  if (s.loss == Loss::softmax_cross_entropy) {
    long double max = y(0);
    for (index_t j = 1; j < c.cols; ++j) max = std::max(max, y(j));
    long double sum = 0;
    for (index_t j = 0; j < c.cols; ++j) sum += std::exp(y(j) - max);
    long double all = 0;
    const long double smoothing = static_cast<T>(s.label_smoothing);
    for (index_t j = 0; j < c.cols; ++j) {
      const long double q = c.weight_of_class(j) * ((1 - smoothing) * c.q(i, j) + smoothing / c.cols);
      if (q != 0) loss -= w * q * (y(j) - max - std::log(sum));
      dy[size(j)] = -w * q;
      all += q;
    }
    for (index_t j = 0; j < c.cols; ++j) dy[size(j)] += w * all * std::exp(y(j) - max) / sum;
    return loss;
  }
  if (s.loss == Loss::hinge) {
    const index_t label = c.labels[size(i)];
    w *= c.weight_of_class(label);
    for (index_t j = 0; j < c.cols; ++j) {
      const long double z = y(j) - y(label) + s.margin;
      if (j == label || z <= 0) continue;
      loss += w * z;
      dy[size(j)] += w;
      dy[size(label)] -= w;
    }
    return loss;
  }
  for (index_t j = 0; j < c.cols; ++j) {
    const long double t = c.q(i, j);
    const long double d = y(j) - t;
    switch (s.loss) {
      case Loss::sigmoid_cross_entropy:
        loss += w * (std::max(y(j), 0.0L) - y(j) * t + std::log1p(std::exp(-std::fabs(y(j)))));
        dy[size(j)] = w * (1 / (1 + std::exp(-y(j))) - t);
        break;
      case Loss::squared_error:
        loss += w * s.factor * d * d;
        dy[size(j)] = w * s.factor * 2 * d;
        break;
      case Loss::absolute_error:
        loss += w * std::fabs(d);
        dy[size(j)] = d > 0 ? w : d < 0 ? -w : 0;
        break;
      default:  // huber
        loss += w * (std::fabs(d) <= s.delta ? d * d / 2 : s.delta * (std::fabs(d) - s.delta / 2));
        dy[size(j)] = w * std::clamp<long double>(d, -s.delta, s.delta);
    }
  }
  return loss;
}

/// All outputs of loss_rows in one array: row losses, then dy, then the flags.
template <class T>
void all_outputs(Team& team, const Case<T>& c, double normalizer, std::vector<T>& out,
                 std::vector<unsigned char>& right) {
  const MatrixView<T> dy(out.data() + c.rows, c.rows, c.cols, c.stride, 1);
  loss_rows<T>(team, c.spec, view(c.y, c.rows, c.cols, c.stride), c.targets(), normalizer, out.data(), dy,
               right.data());
}

template <class T>
index_t first_max(const T* x, index_t n) {
  return std::max_element(x, x + n) - x;
}

template <class T>
void compare(const Case<T>& c) {
  const double normalizer = 1.5 + static_cast<double>(c.rows);
  const std::vector<T> start(size(c.rows + c.rows * c.stride), T(-77));
  std::vector<unsigned char> right(size(c.rows), 9);
  const long double rounding = (8 + static_cast<long double>(c.cols) / 16) * kEps<T>;
  run_everywhere(
      start, [&](Team& team, std::vector<T>& out) { all_outputs(team, c, normalizer, out, right); },
      [&](const std::vector<T>& out) {
        for (index_t i = 0; i < c.rows; ++i) {
          std::vector<long double> dy;
          const long double loss = row_loss(c, i, dy);
          const std::string where = "loss " + std::to_string(static_cast<int>(c.spec.loss)) + ", " +
                                    std::to_string(c.cols) + " columns, row " + std::to_string(i) + ": ";
          CHECK_MSG(near(out[size(i)], loss, rounding, 1), where + std::to_string(out[size(i)]));
          const T* got = &out[size(c.rows + i * c.stride)];
          for (index_t j = 0; j < c.cols; ++j) {
            CHECK_MSG(near(got[j], dy[size(j)] / normalizer, rounding, 2.5L / normalizer),
                      where + "dy " + std::to_string(got[j]));
          }
          for (index_t j = c.cols; j < c.stride; ++j) CHECK(got[j] == T(-77));
          const T* y = &c.y[size(i * c.stride)];
          if (c.spec.loss == Loss::sigmoid_cross_entropy) {
            bool all = !c.ignored(i);
            for (index_t j = 0; j < c.cols; ++j) all = all && (y[j] > 0) == (c.q(i, j) > 0.5L);
            CHECK_EQ(right[size(i)], all);
            continue;
          }
          const index_t wanted = c.labels.empty() ? first_max(&c.dense[size(i * c.stride)], c.cols) : c.labels[size(i)];
          CHECK_EQ(right[size(i)], !c.ignored(i) && first_max(y, c.cols) == wanted);
        }
        // The loss alone, and dy in place of y: the same bits.
        members_in_turn(1, [&](Team& team) {
          std::vector<T> loss(size(c.rows));
          loss_rows<T>(team, c.spec, view(c.y, c.rows, c.cols, c.stride), c.targets(), normalizer, loss.data(), {});
          CHECK(std::memcmp(loss.data(), out.data(), loss.size() * sizeof(T)) == 0);
          std::vector<T> y = c.y;
          const MatrixView<T> in_place = view(y, c.rows, c.cols, c.stride);
          loss_rows<T>(team, c.spec, in_place, c.targets(), normalizer, loss.data(), in_place, right.data());
          CHECK(std::memcmp(loss.data(), out.data(), loss.size() * sizeof(T)) == 0);
          for (index_t i = 0; i < c.rows; ++i) {
            CHECK(std::memcmp(in_place.at(i), &out[size(c.rows + i * c.stride)], size(c.cols) * sizeof(T)) == 0);
          }
          // One row of the batch on its own.
          Case<T> one = c;
          const index_t i = c.rows - 1;
          one.rows = 1;
          one.y.assign(c.y.begin() + i * c.stride, c.y.end());
          if (!c.labels.empty()) one.labels = {c.labels[size(i)]};
          if (c.labels.empty()) one.dense.assign(c.dense.begin() + i * c.stride, c.dense.end());
          if (!c.sample_weight.empty()) one.sample_weight = {c.sample_weight[size(i)]};
          std::vector<T> alone(size(1 + c.stride));
          all_outputs(team, one, normalizer, alone, right);
          CHECK(alone[0] == out[size(i)]);
          CHECK(std::memcmp(&alone[1], &out[size(c.rows + i * c.stride)], size(c.cols) * sizeof(T)) == 0);
        });
      });
}

/// Whether differences of 2e-3 would reach over a place where the derivative jumps.
bool at_a_kink(const Case<double>& c) {
  const auto close = [](double x) { return std::fabs(x) < 2e-3; };
  for (index_t i = 0; i < c.rows; ++i) {
    for (index_t j = 0; j < c.cols && !c.ignored(i); ++j) {
      const double* y = &c.y[size(i * c.stride)];
      const double d = y[j] - static_cast<double>(c.q(i, j));
      if (c.spec.loss == Loss::absolute_error && close(d)) return true;
      if (c.spec.loss == Loss::huber && close(std::fabs(d) - c.spec.delta)) return true;
      if (c.spec.loss == Loss::hinge && close(y[j] - y[c.labels[size(i)]] + c.spec.margin)) return true;
    }
  }
  return false;
}

template <class T>
Case<T> random_case(Loss loss, index_t cols, bool dense, int options, Draw& draw) {
  Case<T> c;
  c.spec.loss = loss;
  c.rows = cols == 10 ? 70 : 5;  // 70: more than the rows whose logarithms are taken together
  c.cols = cols;
  c.stride = cols + 2;
  c.y = draw.grid<T>(c.rows * c.stride, -4, 4);
  if (dense) {
    c.dense = draw.grid<T>(c.rows * c.stride, 0, 1);
    if (loss == Loss::softmax_cross_entropy && cols > 1) c.dense[1] = 0;
  } else {
    for (index_t i = 0; i < c.rows; ++i) c.labels.push_back(draw.below(cols));
  }
  if (options & 1) c.sample_weight = draw.grid<T>(c.rows, 0.25, 1);
  if (options & 2) c.class_weight = draw.grid<T>(cols, 0.25, 1);
  if (options & 4) c.spec.label_smoothing = 0.125;
  if (options & 8) {
    c.spec.has_ignore_index = true;
    if (!dense) c.spec.ignore_index = c.labels[1] = options & 1 ? -100 : c.labels[1];
  }
  c.spec.factor = 0.5;
  c.spec.delta = 0.75;
  c.spec.margin = 1.25;
  return c;
}

template <class T>
void formulas() {
  Draw draw(1);
  for (const index_t cols : {1, 2, 7, 10, 16, 17, 33, 100}) {
    for (int options = 0; options < 16; ++options) {
      for (const Loss loss : kAll) {
        compare(random_case<T>(loss, cols, false, options, draw));
        if (loss != Loss::hinge && options < 8) compare(random_case<T>(loss, cols, true, options, draw));
      }
    }
  }
}

/// One row: its loss, the flag, and dy for the sum.
template <class T>
struct One {
  T loss = 0;
  std::vector<T> dy;
  unsigned char correct = 9;
};
template <class T>
One<T> one_row(Loss loss, const std::vector<T>& y, index_t label, const std::vector<T>& dense = {}) {
  Case<T> c;
  c.spec.loss = loss;
  c.rows = 1;
  c.cols = c.stride = static_cast<index_t>(y.size());
  c.y = y;
  if (dense.empty()) c.labels = {label};
  c.dense = dense;
  One<T> one;
  std::vector<T> out(y.size() + 1);
  std::vector<unsigned char> right(1, 9);
  members_in_turn(1, [&](Team& team) { all_outputs(team, c, 1, out, right); });
  one.loss = out[0];
  one.dy.assign(out.begin() + 1, out.end());
  one.correct = right[0];
  return one;
}

template <class T>
bool all_nan(const std::vector<T>& v) {
  return std::all_of(v.begin(), v.end(), [](T x) { return std::isnan(x); });
}

template <class T>
void special_values() {
  const T inf = std::numeric_limits<T>::infinity();
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const Loss ce = Loss::softmax_cross_entropy;
  on_every_isa([&](const std::string&) {
    for (const index_t cols : {4, 20, 50}) {
      std::vector<T> y(size(cols), -inf);
      y[0] = 0;
      y[2] = 0;
      const One<T> finite = one_row(ce, y, 0);
      CHECK(near(finite.loss, std::log(2.0L), kEps<T>));
      CHECK(finite.dy[0] == T(-0.5) && finite.dy[2] == T(0.5) && finite.dy[1] == 0 && finite.correct == 1);
      CHECK(one_row(ce, y, 2).correct == 0);  // the first maximum is at 0
      const One<T> impossible = one_row(ce, y, 1);
      CHECK(impossible.loss == inf && impossible.dy[1] == -1 && impossible.correct == 0);
      // q = 0 where y = -inf: nothing, and not 0 * inf.
      std::vector<T> q(size(cols), T(0));
      q[0] = 1;
      const One<T> dense = one_row(ce, y, -1, q);
      CHECK(near(dense.loss, std::log(2.0L), kEps<T>) && dense.dy[0] == T(-0.5) && dense.correct == 1);
      q[1] = T(0.5);
      CHECK(one_row(ce, y, -1, q).loss == inf);

      y[1] = T(1e30);
      const One<T> sure = one_row(ce, y, 1);
      CHECK(sure.loss == 0 && sure.correct == 1);
      CHECK(std::all_of(sure.dy.begin(), sure.dy.end(), [](T v) { return v == 0; }));
      CHECK(one_row(ce, y, 0).loss == T(1e30));

      for (const T bad : {nan, inf}) {
        y[1] = bad;
        const One<T> row = one_row(ce, y, 0);
        CHECK(std::isnan(row.loss) && all_nan(row.dy) && row.correct == 0);
      }
      for (const Loss loss : kAll) {
        y.assign(size(cols), T(0.5));
        y.back() = nan;
        CHECK(std::isnan(one_row(loss, y, 0).loss));
        CHECK(std::isnan(one_row(loss, y, 0).dy.back()));
        CHECK(one_row(loss, y, 0).correct == 0);
      }
    }
    CHECK(all_nan(one_row<T>(ce, {-inf, -inf}, 0).dy));
    // Logits without bound: the limit, not inf - inf.
    const One<T> sure = one_row<T>(Loss::sigmoid_cross_entropy, {inf, -inf, 200, -200}, -1, {1, 0, 1, 0});
    CHECK(sure.loss >= 0 && sure.loss <= T(1e-80));
    CHECK(sure.dy[0] == 0 && sure.dy[1] == 0);
    CHECK(near(sure.dy[2], -std::exp(-200.0L), 4 * kEps<T>, std::numeric_limits<T>::denorm_min() / (2 * kEps<T>)));
    CHECK(one_row<T>(Loss::sigmoid_cross_entropy, {inf}, -1, {0}).loss == inf);
    for (const index_t cols : {1, 3, 20, 50}) {
      const std::vector<T> t(size(cols), T(1));
      std::vector<T> y(size(cols), T(0.5));
      CHECK_EQ(one_row(Loss::sigmoid_cross_entropy, y, -1, t).correct, 1);
      y.back() = 0;
      CHECK_EQ(one_row(Loss::sigmoid_cross_entropy, y, -1, t).correct, 0);
      CHECK_EQ(one_row<T>(Loss::sigmoid_cross_entropy, {0}, -1, {T(0.5)}).correct, 1);
    }
    CHECK(one_row<T>(Loss::absolute_error, {1, 2}, -1, {1, 3}).dy == std::vector<T>({0, -1}));
    CHECK(one_row<T>(Loss::hinge, {1}, 0).loss == 0);
  });
}

}  // namespace

TEST(loss_formulas) {
  formulas<float>();
  formulas<double>();
}

TEST(loss_special_values) {
  special_values<float>();
  special_values<double>();
}

TEST(loss_gradient_is_the_derivative) {
  Draw draw(2);
  const index_t cols = 6;
  for (const Loss loss : kAll) {
    for (int options = 0; options < 16; ++options) {
      for (const bool dense : {false, true}) {
        if (dense && loss == Loss::hinge) continue;
        Case<double> c = random_case<double>(loss, cols, dense, options, draw);
        do {
          c.y = draw.array<double>(c.rows * c.stride, -1.3, 1.3);
        } while (at_a_kink(c));
        const double normalizer = loss_normalizer<double>(c.spec, c.targets(), c.rows, cols);
        CHECK(normalizer > 0);
        std::vector<double> out(size(c.rows + c.rows * c.stride));
        std::vector<unsigned char> right(size(c.rows));
        members_in_turn(1, [&](Team& team) { all_outputs(team, c, normalizer, out, right); });
        std::vector<double> rows(size(c.rows));
        for (index_t k = 0; k < c.rows * c.stride; ++k) {
          if (k % c.stride >= cols) continue;
          const double want = slope(
              [&] {
                members_in_turn(1, [&](Team& team) {
                  loss_rows<double>(team, c.spec, view(c.y, c.rows, cols, c.stride), c.targets(), normalizer,
                                    rows.data(), {});
                });
                return sum_rows(rows.data(), c.rows) / normalizer;
              },
              c.y[size(k)]);
          CHECK_NEAR(out[size(c.rows + k)], want, 1e-10);
        }
      }
    }
  }
}

TEST(loss_normalizers) {
  const std::vector<index_t> labels = {0, 2, -100, 1};
  const std::vector<double> by_class = {1, 10, 100};
  const std::vector<double> by_sample = {1, 2, 3, 4};
  Targets<double> t;
  t.labels = labels.data();
  LossSpec spec;
  spec.has_ignore_index = true;
  const auto normalizer = [&](Loss loss, Reduction reduction) {
    spec.loss = loss;
    spec.reduction = reduction;
    return loss_normalizer(spec, t, 4, 3);
  };
  CHECK_EQ(normalizer(Loss::softmax_cross_entropy, Reduction::mean), 3);
  CHECK_EQ(normalizer(Loss::squared_error, Reduction::mean), 9);
  t.class_weight = by_class.data();
  CHECK_EQ(normalizer(Loss::softmax_cross_entropy, Reduction::mean), 111);
  t.sample_weight = by_sample.data();
  CHECK_EQ(normalizer(Loss::softmax_cross_entropy, Reduction::mean), 241);
  CHECK_EQ(normalizer(Loss::hinge, Reduction::mean), 241);
  CHECK_EQ(normalizer(Loss::huber, Reduction::mean), 21);
  CHECK_EQ(normalizer(Loss::softmax_cross_entropy, Reduction::batch_mean), 7);
  CHECK_EQ(normalizer(Loss::huber, Reduction::batch_mean), 7);
  CHECK_EQ(normalizer(Loss::softmax_cross_entropy, Reduction::sum), 1);
  CHECK_EQ(normalizer(Loss::softmax_cross_entropy, Reduction::none), 1);
  t.labels = nullptr;
  CHECK_EQ(normalizer(Loss::softmax_cross_entropy, Reduction::mean), 10);
  CHECK_EQ(normalizer(Loss::sigmoid_cross_entropy, Reduction::mean), 30);
  const std::vector<index_t> none = {-100, -100};
  t.labels = none.data();
  spec.reduction = Reduction::mean;
  CHECK_EQ(loss_normalizer(spec, t, 2, 3), 0);
  // An ignored row is 0 even then.
  std::vector<double> y(6, 1.0);
  std::vector<double> rows(2, 5.0);
  members_in_turn(
      1, [&](Team& team) { loss_rows<double>(team, spec, view(y, 2, 3, 3), t, 0, rows.data(), view(y, 2, 3, 3)); });
  CHECK(rows == std::vector<double>(2) && y == std::vector<double>(6));
}

TEST(loss_of_no_weight) {
  // -log 0 of a class or a sample that does not count: 0, not 0 * inf.
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> y = {-inf, 0, 0};
  const std::vector<index_t> label = {0};
  const std::vector<float> one_hot = {1, 0, 0};
  const std::vector<float> by_class = {0, 1, 1};
  const std::vector<float> nothing = {0};
  LossSpec spec;
  for (const bool dense : {false, true}) {
    for (const bool of_class : {false, true}) {
      Targets<float> t;
      t.labels = dense ? nullptr : label.data();
      t.dense = view(one_hot, 1, 3, 3);
      t.class_weight = of_class ? by_class.data() : nullptr;
      t.sample_weight = of_class ? nullptr : nothing.data();
      std::vector<float> out(4, 5.0F);
      members_in_turn(1, [&](Team& team) {
        loss_rows<float>(team, spec, view(y, 1, 3, 3), t, 1, out.data(), MatrixView<float>(out.data() + 1, 1, 3));
      });
      CHECK(out == std::vector<float>(4));
    }
  }
}

TEST(loss_bad_labels) {
  LossSpec spec;
  const auto bad = [&](const std::vector<index_t>& labels) {
    return first_bad_label(spec, labels.data(), static_cast<index_t>(labels.size()), 10);
  };
  CHECK_EQ(bad({0, 9, 5}), -1);
  CHECK_EQ(bad({0, 9, 10, -1}), 2);
  CHECK_EQ(bad({-1}), 0);
  CHECK_EQ(bad({0, -100}), 1);
  CHECK_EQ(bad({}), -1);
  spec.has_ignore_index = true;
  CHECK_EQ(bad({0, -100}), -1);
  CHECK_EQ(bad({0, -100, -99}), 2);
}

TEST(loss_sum_of_rows) {
  Draw draw(3);
  for (const index_t n : {0, 1, 5, 31, 32, 33, 4095, 4096, 4097, 20000}) {
    const std::vector<float> x = draw.array<float>(n, -1, 1);
    long double want = 0;
    for (const float v : x) want += v;
    double first = 0;
    bool started = false;
    on_every_isa([&](const std::string&) {
      const double sum = sum_rows(x.data(), n);
      CHECK_NEAR(sum, want, 1e-12);
      CHECK(!started || sum == first);  // no multiplication: the same with and without FMA
      first = sum;
      started = true;
    });
  }
  const std::vector<double> cancels = {1e16, 1, -1e16, 1};
  CHECK_EQ(sum_rows(cancels.data(), 4), 2);
}
