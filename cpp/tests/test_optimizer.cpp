#include "everywhere.hpp"
#include "nnfast/optimizer.hpp"

using namespace nnfast;
using namespace everywhere;

namespace {

constexpr Optimizer kAll[] = {Optimizer::sgd,     Optimizer::momentum, Optimizer::nesterov,
                              Optimizer::adagrad, Optimizer::rmsprop,  Optimizer::adam};

template <class R>
R sign(R x) {
  return x > 0 ? R(1) : x < 0 ? R(-1) : x;
}

/// nnfast/optimizer.hpp for one element, in the arithmetic of R.
template <class R>
void update_one(const OptimizerSpec& s, index_t t, R grad_scale, R& p, R g, R& m, R& v) {
  const auto r = [](double x) { return static_cast<R>(x); };
  g = g * grad_scale;
  if (s.clip_value > 0) g = std::min(std::max(g, r(-s.clip_value)), r(s.clip_value));
  if (s.weight_decay != 0 && !s.decoupled) g = g + r(s.weight_decay) * p;
  if (s.l1 != 0) g = g + r(s.l1) * sign(p);
  if (s.weight_decay != 0 && s.decoupled) p = p - r(s.lr * s.weight_decay) * p;
  const R lr = r(s.lr);
  const R mu = r(s.momentum);
  switch (s.kind) {
    case Optimizer::sgd: p = p - lr * g; break;
    case Optimizer::momentum:
      v = s.torch_form ? mu * v + g : mu * v - lr * g;
      p = s.torch_form ? p - lr * v : p + v;
      break;
    case Optimizer::nesterov:
      v = s.torch_form ? mu * v + g : mu * v - lr * g;
      p = s.torch_form ? p - lr * (g + mu * v) : p + (mu * v - lr * g);
      break;
    case Optimizer::adagrad:
      v = v + g * g;
      p = p - lr * g / (std::sqrt(v) + r(s.eps));
      break;
    case Optimizer::rmsprop:
      v = r(s.rho) * v + r(1 - s.rho) * (g * g);
      p = p - lr * g / (std::sqrt(v) + r(s.eps));
      break;
    case Optimizer::adam: {
      m = r(s.beta1) * m + r(1 - s.beta1) * g;
      v = r(s.beta2) * v + r(1 - s.beta2) * (g * g);
      const double m_part = 1 - std::pow(s.beta1, static_cast<double>(t));
      const double v_part = std::sqrt(1 - std::pow(s.beta2, static_cast<double>(t)));
      if (s.eps_outside_hat) {
        p = p - r(s.lr / m_part * v_part) * m / (std::sqrt(v) + r(s.eps));
      } else {
        p = p - r(s.lr / m_part) * m / (std::sqrt(v) * r(1 / v_part) + r(s.eps));
      }
    }
  }
}

/// p, m and v, one after the other with gaps of five that nobody may touch.
template <class T>
struct State {
  index_t n;
  std::vector<T> all;
  State(index_t n_, Draw& draw) : n(n_), all(size(3 * (n_ + 5)), T(-77)) {
    const std::vector<T> p = draw.array<T>(n, -1, 1);
    std::copy(p.begin(), p.end(), all.begin());
    if (n > 2) all[2] = 0;
    std::fill_n(m(all), n, T(0));
    std::fill_n(v(all), n, T(0));
  }
  [[nodiscard]] T* m(std::vector<T>& a) const { return a.data() + n + 5; }
  [[nodiscard]] T* v(std::vector<T>& a) const { return a.data() + 2 * (n + 5); }
};

/// `steps` steps against the same formula in R: T itself must agree to the bit on every instruction set.
template <class T>
void compare(const OptimizerSpec& spec, index_t n, int steps, Draw& draw) {
  State<T> state(n, draw);
  std::vector<T> want = state.all;
  std::vector<long double> exact(want.begin(), want.end());
  for (int t = 1; t <= steps; ++t) {
    const std::vector<T> g = draw.array<T>(n, -2, 2);
    const double grad_scale = t % 2 == 1 ? 1 : 0.75;
    for (index_t i = 0; i < n; ++i) {
      update_one<T>(spec, t, static_cast<T>(grad_scale), want[size(i)], g[size(i)], state.m(want)[i], state.v(want)[i]);
      const index_t m = n + 5 + i;
      const index_t v = 2 * (n + 5) + i;
      update_one<long double>(spec, t, grad_scale, exact[size(i)], g[size(i)], exact[size(m)], exact[size(v)]);
    }
    std::vector<T> after;
    run_everywhere(
        state.all,
        [&](Team& team, std::vector<T>& a) {
          T* m = optimizer_states(spec.kind) == 2 ? state.m(a) : nullptr;
          T* v = optimizer_states(spec.kind) > 0 ? state.v(a) : nullptr;
          optimizer_update(team, spec, t, grad_scale, a.data(), g.data(), m, v, n);
        },
        [&](const std::vector<T>& a) {
          CHECK_MSG(same_bits(a, want), "kind " + std::to_string(static_cast<int>(spec.kind)));
          after = a;
        });
    state.all = after;
  }
  int far = 0;
  for (std::size_t i = 0; i < size(n); ++i) far += !near(state.all[i], exact[i], 100 * kEps<T>, 1);
  CHECK_EQ(far, 0);
}

template <class T>
void formulas() {
  Draw draw(1);
  for (const Optimizer kind : kAll) {
    for (int options = 0; options < 32; ++options) {
      OptimizerSpec spec;
      spec.kind = kind;
      spec.lr = 0.015625;
      if (options & 1) spec.weight_decay = 0.125;
      spec.decoupled = (options & 2) != 0;
      if (options & 4) spec.l1 = 0.0625;
      if (options & 8) spec.clip_value = 0.5;
      spec.torch_form = spec.eps_outside_hat = (options & 16) != 0;
      compare<T>(spec, 77, 4, draw);
    }
    OptimizerSpec spec;
    spec.kind = kind;
    for (const index_t n : {1, 2, 15, 16, 17, 1023, 1024, 1025, 5000}) compare<T>(spec, n, 2, draw);
  }
}

template <class T>
void elementwise() {
  Draw draw(2);
  const T nan = std::numeric_limits<T>::quiet_NaN();
  for (const index_t n : {1, 7, 16, 33, 3000}) {
    std::vector<T> x = draw.array<T>(n, -2, 2);
    if (n > 7) x[3] = nan;
    if (n > 7) x[4] = 0;
    const std::vector<T> g = draw.array<T>(n, -2, 2);
    std::vector<T> clipped(x.size());
    std::vector<T> scaled(x.size());
    std::vector<T> decayed(x.size());
    std::vector<T> sparse(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      clipped[i] = x[i] > T(0.5) ? T(0.5) : x[i] < T(-0.5) ? T(-0.5) : x[i];
      scaled[i] = x[i] * T(0.3);
      decayed[i] = g[i] + T(0.1) * sign(x[i]) + T(0.7) * x[i];
      sparse[i] = g[i] + T(0.1) * sign(x[i]);
    }
    const auto gives = [&](const std::vector<T>& want, const std::vector<T>& start, auto op) {
      run_everywhere(start, op, [&](const std::vector<T>& got) {
        for (std::size_t i = 0; i < want.size(); ++i)
          CHECK(got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i])));
      });
    };
    gives(clipped, g, [&](Team& team, std::vector<T>& y) { clip(team, x.data(), y.data(), n, 0.5); });
    gives(clipped, x, [&](Team& team, std::vector<T>& y) { clip(team, y.data(), y.data(), n, 0.5); });
    gives(scaled, g, [&](Team& team, std::vector<T>& y) { scale(team, x.data(), y.data(), n, 0.3); });
    gives(decayed, g, [&](Team& team, std::vector<T>& y) { add_decay(team, x.data(), y.data(), n, 0.1, 0.7); });
    gives(sparse, g, [&](Team& team, std::vector<T>& y) { add_decay(team, x.data(), y.data(), n, 0.1, 0.0); });
    gives(g, g, [&](Team& team, std::vector<T>& y) { add_decay(team, x.data(), y.data(), n, 0.0, 0.0); });
  }
}

template <class T>
void norms() {
  Draw draw(3);
  for (const index_t n : {0, 1, 5, 31, 33, 4095, 4096, 4097, 30001}) {
    const std::vector<T> x = draw.array<T>(n, -3, 3);
    long double squares = 0;
    long double magnitudes = 0;
    for (const T v : x) squares += static_cast<long double>(v) * v;
    for (const T v : x) magnitudes += std::fabs(v);
    const std::vector<double> none(size(sum_partials(n)), -77.0);
    CHECK_EQ(sum_partials(n), (n + 4095) / 4096);
    run_everywhere(
        none, [&](Team& team, std::vector<double>& partial) { squares_partial(team, x.data(), n, partial.data()); },
        [&](const std::vector<double>& partial) {
          CHECK(near(sum_of_partials(partial.data(), sum_partials(n)), squares, 1e-15L));
        });
    run_everywhere(
        none, [&](Team& team, std::vector<double>& partial) { abs_partial(team, x.data(), n, partial.data()); },
        [&](const std::vector<double>& partial) {
          CHECK(near(sum_of_partials(partial.data(), sum_partials(n)), magnitudes, 1e-15L));
        });
  }
  const std::vector<T> huge(10, std::numeric_limits<T>::max() / (sizeof(T) == 4 ? 1 : T(1e200)));
  double partial = 0;
  members_in_turn(1, [&](Team& team) { squares_partial(team, huge.data(), 10, &partial); });
  CHECK(std::isfinite(partial));  // float's squares do not overflow
}

}  // namespace

TEST(optimizer_formulas_to_the_bit) {
  formulas<float>();
  formulas<double>();
}

TEST(optimizer_number_of_states) {
  const int want[] = {0, 1, 1, 1, 1, 2};
  for (const Optimizer kind : kAll) CHECK_EQ(optimizer_states(kind), want[static_cast<int>(kind)]);
}

TEST(optimizer_elementwise) {
  elementwise<float>();
  elementwise<double>();
}

TEST(optimizer_norms) {
  norms<float>();
  norms<double>();
}

// Adam's first step is lr sign(g), whatever the size of g.
TEST(optimizer_adam_first_step) {
  OptimizerSpec spec;
  spec.kind = Optimizer::adam;
  spec.lr = 0.25;
  spec.eps = 0;
  const std::vector<double> g = {1e-9, -3, 1e5, 0.5};
  std::vector<double> p(4), m(4), v(4);
  members_in_turn(1,
                  [&](Team& team) { optimizer_update(team, spec, 1, 1, p.data(), g.data(), m.data(), v.data(), 4); });
  for (std::size_t i = 0; i < 4; ++i) CHECK_NEAR(p[i], g[i] > 0 ? -0.25 : 0.25, 1e-15);
}

// A diverged gradient must be seen in the parameters, not be clipped away.
TEST(optimizer_nan_stays) {
  on_every_isa([&](const std::string&) {
    for (const Optimizer kind : kAll) {
      OptimizerSpec spec;
      spec.kind = kind;
      spec.clip_value = 1;
      const std::vector<float> g(20, std::nanf(""));
      std::vector<float> p(20), m(20), v(20);
      members_in_turn(
          1, [&](Team& team) { optimizer_update(team, spec, 1, 1, p.data(), g.data(), m.data(), v.data(), 20); });
      for (const float x : p) CHECK(std::isnan(x));
    }
  });
}
