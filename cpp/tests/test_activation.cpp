// The activations as operations and as kernels: exact functions, derivatives, both ways to a derivative, tails and
// offsets, in place, shares of a team, prelu. The error of the forward functions is test_math.cpp's.

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "check.hpp"
#include "dispatch/select.hpp"
#include "everywhere.hpp"
#include "math_reference.hpp"
#include "nnfast/activation.hpp"

using namespace everywhere;
using nnfast::Activation;
using nnfast::ActivationKernels;
using nnfast::ActivationParams;
using nnfast::kActivations;

namespace {

/// Every activation with its usual parameters, then some unusual ones.
struct Case {
  Activation f;
  ActivationParams params;
};
std::vector<Case> cases() {
  std::vector<Case> all;
  for (int i = 0; i < kActivations; ++i) {
    const auto f = static_cast<Activation>(i);
    ActivationParams params;
    if (f == Activation::leaky_relu) params.alpha = 0.01;
    if (f == Activation::elu || f == Activation::celu || f == Activation::silu) params.alpha = 1;
    if (f == Activation::selu) params = {reference::kSeluAlpha, reference::kSeluGamma};
    if (f == Activation::hard_sigmoid) params = {0.2, 0.5};
    all.push_back({f, params});
  }
  all.push_back({Activation::leaky_relu, {-0.5, 0}});
  all.push_back({Activation::leaky_relu, {0, 0}});
  all.push_back({Activation::elu, {0.375, 0}});
  all.push_back({Activation::elu, {-1.5, 0}});
  all.push_back({Activation::selu, {-1.5, 0.75}});
  all.push_back({Activation::selu, {1.5, -0.75}});
  all.push_back({Activation::celu, {2.5, 0}});
  all.push_back({Activation::celu, {-2.5, 0}});
  all.push_back({Activation::silu, {1.75, 0}});
  all.push_back({Activation::silu, {-0.5, 0}});
  return all;
}
std::string label(const Case& c) {
  return std::string(nnfast::activation_name(c.f)) + " " + std::to_string(c.params.alpha);
}

using R = long double;

/// f(x) as the header writes it.
R value(const Case& c, R x, R alpha, R beta) {
  switch (c.f) {
    case Activation::identity: return x;
    case Activation::step: return x > 0 ? 1 : 0;
    case Activation::relu: return x > 0 ? x : 0;
    case Activation::leaky_relu: return x >= 0 ? x : alpha * x;
    case Activation::elu: return x > 0 ? x : alpha * std::expm1(x);
    case Activation::selu: return beta * (x > 0 ? x : alpha * std::expm1(x));
    case Activation::celu: return x > 0 ? x : alpha * std::expm1(x / alpha);
    case Activation::gelu: return reference::gelu(x);
    case Activation::gelu_tanh: return reference::gelu_tanh(x);
    case Activation::silu: return reference::silu(x, alpha);
    case Activation::mish: return reference::mish(x);
    case Activation::sigmoid: return reference::sigmoid(x);
    case Activation::hard_sigmoid: return std::fmax(R{0}, std::fmin(R{1}, alpha * x + beta));
    case Activation::hard_swish: return reference::hard_swish(x);
    case Activation::log_sigmoid: return -reference::softplus(-x);
    case Activation::tanh: return std::tanh(x);
    case Activation::softplus: return reference::softplus(x);
    case Activation::softsign: return reference::softsign(x);
  }
  return 0;
}

/// f'(x)
R derivative(const Case& c, R x, R alpha, R beta) {
  switch (c.f) {
    case Activation::identity: return 1;
    case Activation::step: return 0;
    case Activation::relu: return x > 0 ? 1 : 0;
    case Activation::leaky_relu: return x >= 0 ? 1 : alpha;
    case Activation::elu: return x > 0 ? 1 : alpha * std::exp(x);
    case Activation::selu: return beta * (x > 0 ? 1 : alpha * std::exp(x));
    case Activation::celu: return x > 0 ? 1 : std::exp(x / alpha);
    case Activation::gelu: return reference::gelu_derivative(x);
    case Activation::gelu_tanh: return reference::gelu_tanh_derivative(x);
    case Activation::silu: return reference::silu_derivative(x, alpha);
    case Activation::mish: return reference::mish_derivative(x);
    case Activation::sigmoid: return reference::sigmoid(x) * reference::sigmoid(-x);
    case Activation::hard_sigmoid: {
      const R y = alpha * x + beta;
      return y > 0 && y < 1 ? alpha : 0;
    }
    case Activation::hard_swish: return x >= 3 ? 1 : x <= -3 ? 0 : x / 3 + R{0.5};
    case Activation::log_sigmoid: return reference::sigmoid(-x);
    case Activation::tanh: {
      const R t = std::tanh(x);
      return (1 - t) * (1 + t);
    }
    case Activation::softplus: return reference::sigmoid(x);
    case Activation::softsign: return 1 / ((1 + std::fabs(x)) * (1 + std::fabs(x)));
  }
  return 0;
}

template <class T>
std::vector<T> inputs() {
  std::vector<T> x = {0, T{0x1p-100}, T{0.5}, T{1}, T{2.5}, T{2.875}, T{3}, T{3.125}, T{20}, T{100}, T{1000}};
  for (const T v : std::vector<T>(x)) x.push_back(-v);
  Draw draw(7);
  for (int i = 0; i < 4000; ++i) x.push_back(static_cast<T>(draw.uniform(-12, 12)));
  return x;
}

/// 4 ULP of the derivative, or 2 ulp(1) (of the largest value that it takes, where that is more than 1).
template <class T>
bool near_derivative(T got, R want, R size) {
  if (std::isinf(static_cast<T>(want))) return std::isinf(got) && std::signbit(got) == std::signbit(want);
  return std::fabs(static_cast<R>(got) - want) <= std::fmax(4 * std::fabs(want), 2 * std::fmax(size, R{1})) * kEps<T>;
}

template <class T>
void check_derivatives() {
  const std::vector<T> x = inputs<T>(), ones(x.size(), T{1});
  const auto n = static_cast<index_t>(x.size());
  on_every_isa([&](const std::string& isa) {
    const ActivationKernels<T>& table = nnfast::kernels<T>().activation;
    for (const Case& c : cases()) {
      const auto f = static_cast<std::size_t>(c.f);
      const T alpha = static_cast<T>(c.params.alpha), beta = static_cast<T>(c.params.beta);
      std::vector<T> y(x.size()), dx(x.size());
      table.forward[f](x.data(), y.data(), n, alpha, beta);
      const R size = std::fabs(R{beta} * alpha);
      const auto check_all = [&](const char* from) {
        for (std::size_t i = 0; i < x.size(); ++i) {
          // Where hard_sigmoid saturates, rounding decides on which side x is.
          if (c.f == Activation::hard_sigmoid && std::fabs(std::fabs(R{x[i]}) - R{2.5}) < 1e-6L) continue;
          const R want = derivative(c, x[i], alpha, beta);
          CHECK_MSG(near_derivative(dx[i], want, size), isa + " " + label(c) + " from " + from + " at " +
                                                            std::to_string(x[i]) + ": " + std::to_string(dx[i]) +
                                                            ", want " + std::to_string(want));
        }
      };
      table.backward_from_input[f](ones.data(), x.data(), dx.data(), n, alpha, beta);
      check_all("x");
      if (!nnfast::derivative_from_output(c.f, c.params)) continue;
      const std::vector<T> from_input = dx;
      table.backward_from_output[f](ones.data(), y.data(), dx.data(), n, alpha, beta);
      check_all("y");
      CHECK_MSG(same_bits(from_input, dx), isa + " " + label(c) + ": the two ways differ");
    }
  });
}

}  // namespace

TEST(activation_derivatives) {
  check_derivatives<float>();
  check_derivatives<double>();
}

TEST(activation_values) {
  const std::vector<double> x = inputs<double>();
  on_every_isa([&](const std::string& isa) {
    for (const Case& c : cases()) {
      std::vector<double> y(x.size());
      members_in_turn(1, [&](Team& team) {
        nnfast::activation_forward(team, c.f, c.params, x.data(), y.data(), static_cast<index_t>(x.size()));
      });
      for (std::size_t i = 0; i < x.size(); ++i) {
        const auto want = static_cast<double>(value(c, x[i], c.params.alpha, c.params.beta));
        // hard_sigmoid cancels next to its zero.
        CHECK_MSG(near(y[i], want, 4 * kEps<double>, c.f == Activation::hard_sigmoid ? 1 : 0),
                  isa + " " + label(c) + " at " + std::to_string(x[i]) + ": " + std::to_string(y[i]));
      }
    }
  });
}

TEST(activation_at_special_values) {
  on_every_isa([&](const std::string& isa) {
    const ActivationKernels<float>& table = nnfast::kernels<float>().activation;
    const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
    for (const Case& c : cases()) {
      const auto f = static_cast<std::size_t>(c.f);
      const auto at = [&](float x) {
        float y = 0;
        table.forward[f](&x, &y, 1, static_cast<float>(c.params.alpha), static_cast<float>(c.params.beta));
        return y;
      };
      CHECK_MSG(std::isnan(at(nan)), isa + " " + label(c));
      // inf 0
      const bool saturates =
          !(c.params.alpha < 0 && c.f == Activation::silu) && !(c.params.alpha == 0 && c.f == Activation::leaky_relu);
      CHECK_MSG(!saturates || !std::isnan(at(inf)), isa + " " + label(c));
      CHECK_MSG(!saturates || !std::isnan(at(-inf)), isa + " " + label(c));
      // No derivative is NaN at an infinite x, but where the function is not defined there.
      float dx = 0;
      const float one = 1;
      for (const float x : {inf, -inf, std::numeric_limits<float>::max(), -std::numeric_limits<float>::max()}) {
        table.backward_from_input[f](&one, &x, &dx, 1, static_cast<float>(c.params.alpha),
                                     static_cast<float>(c.params.beta));
        CHECK_MSG(!saturates || !std::isnan(dx), isa + " " + label(c) + " derivative at " + std::to_string(x));
      }
    }
    const auto relu = static_cast<std::size_t>(Activation::relu);
    float y = 0, dx = 1;
    const float zero = 0, minus_zero = -0.0F, seven = 7;
    table.forward[relu](&minus_zero, &y, 1, 0, 0);
    CHECK_MSG(y == 0, isa);
    table.backward_from_output[relu](&seven, &zero, &dx, 1, 0, 0);
    CHECK_MSG(dx == 0, isa);
    table.backward_from_output[relu](&inf, &zero, &dx, 1, 0, 0);
    CHECK_MSG(dx == 0, isa + ": 0, not inf 0");
  });
}

TEST(activation_names_and_tables) {
  CHECK_EQ(std::string(nnfast::activation_name(Activation::identity)), "identity");
  CHECK_EQ(std::string(nnfast::activation_name(Activation::gelu_tanh)), "gelu_tanh");
  CHECK_EQ(std::string(nnfast::activation_name(Activation::softsign)), "softsign");
  for (const Case& c : cases()) {
    const auto f = static_cast<std::size_t>(c.f);
    on_every_isa([&](const std::string& isa) {
      const ActivationKernels<float>& table = nnfast::kernels<float>().activation;
      CHECK_MSG(table.forward[f] != nullptr && table.backward_from_input[f] != nullptr, isa + " " + label(c));
      CHECK_MSG(!nnfast::derivative_from_output(c.f, c.params) || table.backward_from_output[f] != nullptr,
                isa + " " + label(c));
    });
  }
  CHECK(!nnfast::derivative_from_output(Activation::elu, {-1, 0}));
  CHECK(!nnfast::derivative_from_output(Activation::leaky_relu, {0, 0}));
  CHECK(!nnfast::derivative_from_output(Activation::gelu, {}));
  CHECK(nnfast::derivative_from_output(Activation::tanh, {}));
}

namespace {

/// Any length at any offset gives the bits of one long run, touches nothing beside it, and may work in place.
template <class T>
void check_tails() {
  constexpr std::size_t kAll = 160, kMost = 70;
  Draw draw(3);
  std::vector<T> x = draw.array<T>(kAll, -6, 6), dy = draw.array<T>(kAll, -1, 1);
  x[5] = std::numeric_limits<T>::quiet_NaN();
  x[40] = T{-0.0};
  x[41] = std::numeric_limits<T>::infinity();
  on_every_isa([&](const std::string& isa) {
    const ActivationKernels<T>& table = nnfast::kernels<T>().activation;
    const auto check = [&](const std::string& what, auto&& run) {
      std::vector<T> whole(kAll);
      run(0, whole.data(), static_cast<index_t>(kAll));
      bool same = true, clean = true;
      for (std::size_t n = 0; n <= kMost; ++n) {
        for (std::size_t offset = 0; offset < 20; ++offset) {
          std::vector<T> y(n + 2, T{77});
          run(offset, y.data() + 1, static_cast<index_t>(n));
          same = same && (n == 0 || std::memcmp(y.data() + 1, whole.data() + offset, n * sizeof(T)) == 0);
          clean = clean && y.front() == 77 && y.back() == 77;
        }
      }
      CHECK_MSG(same, isa + " " + what);
      CHECK_MSG(clean, isa + " " + what + ": wrote beside its output");
    };
    for (const Case& c : cases()) {
      const auto f = static_cast<std::size_t>(c.f);
      const T alpha = static_cast<T>(c.params.alpha), beta = static_cast<T>(c.params.beta);
      check(label(c),
            [&](std::size_t offset, T* y, index_t n) { table.forward[f](x.data() + offset, y, n, alpha, beta); });
      check(label(c) + " from x", [&](std::size_t offset, T* y, index_t n) {
        table.backward_from_input[f](dy.data() + offset, x.data() + offset, y, n, alpha, beta);
      });
      if (table.backward_from_output[f] != nullptr) {
        check(label(c) + " from y", [&](std::size_t offset, T* y, index_t n) {
          table.backward_from_output[f](dy.data() + offset, x.data() + offset, y, n, alpha, beta);
        });
      }
      std::vector<T> apart(kAll), in_place = x;
      table.forward[f](x.data(), apart.data(), kAll, alpha, beta);
      table.forward[f](in_place.data(), in_place.data(), kAll, alpha, beta);
      CHECK_MSG(same_bits(apart, in_place), isa + " " + label(c) + " in place");
      table.backward_from_input[f](dy.data(), x.data(), apart.data(), kAll, alpha, beta);
      std::vector<T> on_dy = dy, on_saved = x;
      table.backward_from_input[f](on_dy.data(), x.data(), on_dy.data(), kAll, alpha, beta);
      table.backward_from_input[f](dy.data(), on_saved.data(), on_saved.data(), kAll, alpha, beta);
      CHECK_MSG(same_bits(apart, on_dy), isa + " " + label(c) + " dx on dy");
      CHECK_MSG(same_bits(apart, on_saved), isa + " " + label(c) + " dx on x");
    }
    using Map = void (*)(const T*, T*, index_t);
    for (const Map map : {table.exp, table.expm1, table.log, table.log1p, table.erf}) {
      check("maths", [&](std::size_t offset, T* y, index_t n) { map(x.data() + offset, y, n); });
    }
    check("add_bias", [&](std::size_t offset, T* y, index_t n) {
      for (index_t i = 0; i < n; ++i) y[i] = x[offset + size(i)];
      table.add_bias(y, dy.data() + offset, n);
    });
    check("prelu", [&](std::size_t offset, T* y, index_t n) { table.prelu(x.data() + offset, dy.data(), 1, y, n); });
    check("prelu, many alphas", [&](std::size_t offset, T* y, index_t n) {
      if (n == 1) return void(*y = x[offset] >= 0 ? x[offset] : dy[offset] * x[offset]);  // one alpha is alpha[0]
      table.prelu(x.data() + offset, dy.data() + offset, n, y, n);
    });
  });
}

}  // namespace

TEST(activation_tails_offsets_in_place) {
  check_tails<float>();
  check_tails<double>();
}

template <class T>
static void check_teams() {
  Draw draw(5);
  for (const index_t n : {0, 1025, 5000}) {
    const std::vector<T> x = draw.array<T>(n, -5, 5), dy = draw.array<T>(n, -1, 1);
    for (const Case& c : cases()) {
      run_everywhere(
          x,
          [&](Team& team, std::vector<T>& out) {
            nnfast::activation_forward(team, c.f, c.params, x.data(), out.data(), n);
          },
          [&](const std::vector<T>& y) {
            const bool from_output = nnfast::derivative_from_output(c.f, c.params);
            std::vector<T> one(x.size()), four(x.size());
            for (std::vector<T>* dx : {&one, &four}) {
              members_in_turn(dx == &one ? 1 : 4, [&](Team& team) {
                nnfast::activation_backward(team, c.f, c.params, dy.data(), from_output ? y.data() : x.data(),
                                            dx->data(), n);
              });
            }
            CHECK_MSG(same_bits(one, four), label(c));
          });
    }
  }
}
TEST(activation_teams) {
  check_teams<float>();
  check_teams<double>();
}

template <class T>
static void check_prelu() {
  Draw draw(9);
  struct Shape {
    index_t rows, cols, gap;
  };
  for (const Shape s :
       {Shape{0, 3, 0}, Shape{3, 0, 0}, Shape{1, 1, 0}, Shape{5, 7, 0}, Shape{33, 70, 3}, Shape{129, 16, 5}}) {
    const index_t stride = s.cols + s.gap, count = s.rows * stride;
    const std::vector<T> x = draw.grid<T>(count, -4, 4), dy = draw.grid<T>(count, -1, 1);
    for (const index_t alphas : {index_t{1}, s.cols}) {
      if (alphas == 0) continue;
      const std::vector<T> alpha = draw.grid<T>(alphas, -1, 1);
      const auto a = [&](index_t j) { return alpha[size(j % alphas)]; };
      const std::string what =
          std::to_string(s.rows) + " x " + std::to_string(s.cols) + ", alphas " + std::to_string(alphas);
      run_everywhere(
          std::vector<T>(size(count)),
          [&](Team& team, std::vector<T>& y) {
            nnfast::prelu_forward(team, view(x, s.rows, s.cols, stride), alpha.data(), alphas,
                                  view(y, s.rows, s.cols, stride));
          },
          [&](const std::vector<T>& y) {
            CHECK(y.size() == size(count));
            for (index_t i = 0; i < s.rows; ++i) {
              for (index_t j = 0; j < stride; ++j) {
                const T v = x[size(i * stride + j)];
                CHECK_EQ(y[size(i * stride + j)], j >= s.cols ? T{0} : v >= 0 ? v : a(j) * v);
              }
            }
          });
      // dx, then dalpha; grid numbers make the sums exact in double, and in float to a rounding or two.
      run_everywhere(
          std::vector<T>(size(count + alphas)),
          [&](Team& team, std::vector<T>& out) {
            nnfast::prelu_backward(team, view(x, s.rows, s.cols, stride), alpha.data(), alphas,
                                   view(dy, s.rows, s.cols, stride), view(out, s.rows, s.cols, stride),
                                   out.data() + count);
          },
          [&](const std::vector<T>& out) {
            std::vector<R> dalpha(size(alphas)), magnitude(size(alphas));
            for (index_t i = 0; i < s.rows; ++i) {
              for (index_t j = 0; j < s.cols; ++j) {
                const std::size_t at = size(i * stride + j);
                CHECK_EQ(out[at], x[at] >= 0 ? dy[at] : a(j) * dy[at]);
                const R term = x[at] < 0 ? R{dy[at]} * x[at] : 0;
                dalpha[size(j % alphas)] += term;
                magnitude[size(j % alphas)] += std::fabs(term);
              }
            }
            for (index_t k = 0; k < alphas; ++k) {
              CHECK_MSG(std::fabs(out[size(count + k)] - dalpha[size(k)]) <= 8 * kEps<T> * magnitude[size(k)], what);
            }
            // Each without the other.
            std::vector<T> only(size(alphas));
            members_in_turn(2, [&](Team& team) {
              nnfast::prelu_backward(team, view(x, s.rows, s.cols, stride), alpha.data(), alphas,
                                     view(dy, s.rows, s.cols, stride), {}, only.data());
            });
            CHECK_MSG(std::memcmp(only.data(), out.data() + count, size(alphas) * sizeof(T)) == 0, what);
            std::vector<T> dx(size(count));
            members_in_turn(3, [&](Team& team) {
              nnfast::prelu_backward(team, view(x, s.rows, s.cols, stride), alpha.data(), alphas,
                                     view(dy, s.rows, s.cols, stride), view(dx, s.rows, s.cols, stride),
                                     static_cast<T*>(nullptr));
            });
            CHECK_MSG(count == 0 || std::memcmp(dx.data(), out.data(), size(count) * sizeof(T)) == 0, what);
          });
    }
  }
}
TEST(activation_prelu) {
  check_prelu<float>();
  check_prelu<double>();
}
