#include "everywhere.hpp"
#include "nnfast/softmax.hpp"

using namespace nnfast;
using namespace everywhere;

namespace {

const index_t kWidths[] = {1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 40, 64, 65, 100, 1000};

/// log softmax of a row in long double.
template <class T>
std::vector<long double> log_softmax_of(const T* x, index_t cols) {
  long double max = x[0];
  for (index_t j = 1; j < cols; ++j) max = std::max<long double>(max, x[j]);
  long double sum = 0;
  for (index_t j = 0; j < cols; ++j) sum += std::exp(x[j] - max);
  std::vector<long double> y;
  for (index_t j = 0; j < cols; ++j) y.push_back((x[j] - max) - std::log(sum));
  return y;
}

template <class T>
void values() {
  Draw draw(1);
  for (const index_t cols : kWidths) {
    const index_t rows = 9;
    const index_t stride = cols + 3;
    const std::vector<T> x = draw.grid<T>(rows * stride, -20, 20);
    const std::vector<T> untouched(x.size(), T(-77));
    const long double sum_error = static_cast<long double>(cols) / 16 + 8;
    const auto compare = [&](bool logarithm, long double tolerance, long double least) {
      return [&x, rows, cols, stride, logarithm, tolerance, least](const std::vector<T>& y) {
        for (index_t i = 0; i < rows; ++i) {
          const std::vector<long double> want = log_softmax_of(&x[size(i * stride)], cols);
          for (index_t j = 0; j < cols; ++j) {
            const long double w = logarithm ? want[size(j)] : std::exp(want[size(j)]);
            CHECK_MSG(near(y[size(i * stride + j)], w, tolerance, least),
                      std::to_string(cols) + " columns: " + std::to_string(y[size(i * stride + j)]) + " for " +
                          std::to_string(w));
          }
          for (index_t j = cols; j < stride; ++j) CHECK(y[size(i * stride + j)] == T(-77));
        }
      };
    };
    run_everywhere(
        untouched,
        [&](Team& team, std::vector<T>& y) {
          softmax_forward<T>(team, view(x, rows, cols, stride), view(y, rows, cols, stride));
        },
        compare(false, sum_error * kEps<T>, 0));
    run_everywhere(
        untouched,
        [&](Team& team, std::vector<T>& y) {
          log_softmax_forward<T>(team, view(x, rows, cols, stride), view(y, rows, cols, stride));
        },
        compare(true, 2 * kEps<T>, sum_error));
  }
}

template <class T>
std::vector<T> forward(const std::vector<T>& x, index_t rows, bool logarithm = false) {
  std::vector<T> y(x.size());
  const index_t cols = static_cast<index_t>(x.size()) / rows;
  members_in_turn(1, [&](Team& team) {
    const MatrixView<const T> from = view(x, rows, cols, cols);
    (logarithm ? log_softmax_forward<T> : softmax_forward<T>)(team, from, view(y, rows, cols, cols));
  });
  return y;
}

template <class T>
void special_values() {
  const T inf = std::numeric_limits<T>::infinity();
  const T nan = std::numeric_limits<T>::quiet_NaN();
  on_every_isa([&](const std::string&) {
    for (const index_t cols : {3, 20, 50, 200}) {  // the first three numbers, then -inf: all the paths of the kernel
      const auto row = [&](T a, T b, T c) {
        std::vector<T> x(size(cols), -inf);
        x[0] = a;
        x[size(cols / 2)] = b;
        x[size(cols - 1)] = c;
        return x;
      };
      for (const bool logarithm : {false, true}) {
        for (const std::vector<T>& x : {row(1, nan, 2), row(inf, 1, 2), row(1, 2, inf), row(-inf, -inf, -inf),
                                        row(nan, 0, 0), row(0, 0, nan), row(inf, inf, 0)}) {
          for (const T v : forward(x, 1, logarithm)) CHECK(std::isnan(v));
        }
      }
      const std::vector<T> y = forward(row(-inf, 0, 1), 1);
      CHECK(y[0] == 0);
      CHECK(near(y[size(cols / 2)], 1 / (1 + std::exp(1.0L)), 4 * kEps<T>));
      CHECK(near(y[size(cols - 1)], 1 / (1 + std::exp(-1.0L)), 4 * kEps<T>));
      const std::vector<T> one = forward(row(T(1e30), 1, 2), 1);
      CHECK(one[0] == 1 && one[size(cols / 2)] == 0 && one[size(cols - 1)] == 0);
      CHECK(forward(row(-inf, 0, 1), 1, true)[0] == -inf);
    }
    CHECK(forward<T>({0, 0, 0, 0}, 1) == std::vector<T>(4, T(0.25)));
    CHECK(forward<T>({5}, 1) == std::vector<T>{1});
    CHECK(forward<T>({5}, 1, true) == std::vector<T>{0});
  });
}

template <class T>
void a_row_does_not_see_the_others() {
  Draw draw(2);
  for (const index_t cols : kWidths) {
    const std::vector<T> x = draw.array<T>(7 * cols, -5, 5);
    for (const bool logarithm : {false, true}) {
      const std::vector<T> all = forward(x, 7, logarithm);
      for (index_t i = 0; i < 7; ++i) {
        const std::vector<T> row(x.begin() + i * cols, x.begin() + (i + 1) * cols);
        CHECK(same_bits(forward(row, 1, logarithm), {all.begin() + i * cols, all.begin() + (i + 1) * cols}));
      }
      std::vector<T> in_place = x;
      members_in_turn(3, [&](Team& team) {
        const MatrixView<T> v = view(in_place, 7, cols, cols);
        (logarithm ? log_softmax_forward<T> : softmax_forward<T>)(team, v, v);
      });
      CHECK(same_bits(all, in_place));
    }
  }
}

template <class T>
void backward() {
  Draw draw(3);
  for (const index_t cols : kWidths) {
    const index_t rows = 5;
    const index_t stride = cols + 2;
    const std::vector<T> x = draw.grid<T>(rows * stride, -3, 3);
    const std::vector<T> dy = draw.grid<T>(rows * stride, -1, 1);
    const std::vector<T> untouched(x.size(), T(-77));
    for (const bool logarithm : {false, true}) {
      // The same y for all instruction sets, or their rounding would come in.
      std::vector<T> y(x.size());
      for (index_t i = 0; i < rows; ++i) {
        const std::vector<long double> l = log_softmax_of(&x[size(i * stride)], cols);
        for (index_t j = 0; j < cols; ++j) {
          y[size(i * stride + j)] = static_cast<T>(logarithm ? l[size(j)] : std::exp(l[size(j)]));
        }
      }
      const auto op = logarithm ? log_softmax_backward<T> : softmax_backward<T>;
      std::vector<T> result;
      run_everywhere(
          untouched,
          [&](Team& team, std::vector<T>& dx) {
            op(team, view(dy, rows, cols, stride), view(y, rows, cols, stride), view(dx, rows, cols, stride));
          },
          [&](const std::vector<T>& dx) {
            for (index_t i = 0; i < rows; ++i) {
              long double dot = 0;
              long double size_of_dot = 1;
              for (index_t j = 0; j < cols; ++j) {
                const index_t at = i * stride + j;
                dot += logarithm ? dy[size(at)] : static_cast<long double>(dy[size(at)]) * y[size(at)];
                size_of_dot += std::fabs(dy[size(at)] * (logarithm ? 1 : y[size(at)]));
              }
              for (index_t j = 0; j < cols; ++j) {
                const index_t at = i * stride + j;
                const long double g = dy[size(at)];
                const long double v = y[size(at)];
                const long double want = logarithm ? g - std::exp(v) * dot : v * (g - dot);
                const long double scale = logarithm ? size_of_dot : size_of_dot * v;
                CHECK(near(dx[size(at)], want, 4 * kEps<T>, (2 + static_cast<long double>(cols) / 16) * scale));
              }
              for (index_t j = cols; j < stride; ++j) CHECK(dx[size(i * stride + j)] == T(-77));
            }
            result = dx;
          });
      std::vector<T> in_place = dy;
      members_in_turn(2, [&](Team& team) {
        const MatrixView<T> v = view(in_place, rows, cols, stride);
        op(team, v, view(y, rows, cols, stride), v);
      });
      std::vector<T> apart = dy;
      members_in_turn(1, [&](Team& team) {
        op(team, view(dy, rows, cols, stride), view(y, rows, cols, stride), view(apart, rows, cols, stride));
      });
      CHECK(same_bits(apart, in_place));
    }
  }
}

}  // namespace

TEST(softmax_values) {
  values<float>();
  values<double>();
}

TEST(softmax_special_values) {
  special_values<float>();
  special_values<double>();
}

TEST(softmax_rows_are_independent) {
  a_row_does_not_see_the_others<float>();
  a_row_does_not_see_the_others<double>();
}

TEST(softmax_backward_formula) {
  backward<float>();
  backward<double>();
}

TEST(softmax_backward_is_the_derivative) {
  Draw draw(4);
  const index_t cols = 11;
  for (const bool logarithm : {false, true}) {
    std::vector<double> x = draw.array<double>(cols, -2, 2);
    const std::vector<double> dy = draw.array<double>(cols, -1, 1);
    const std::vector<double> y = forward(x, 1, logarithm);
    std::vector<double> dx(size(cols));
    members_in_turn(1, [&](Team& team) {
      (logarithm ? log_softmax_backward<double> : softmax_backward<double>)(team, view(dy, 1, cols, cols),
                                                                            view(y, 1, cols, cols),
                                                                            view(dx, 1, cols, cols));
    });
    for (index_t j = 0; j < cols; ++j) {
      const double want = slope(
          [&] {
            const std::vector<double> v = forward(x, 1, logarithm);
            double sum = 0;
            for (index_t k = 0; k < cols; ++k) sum += dy[size(k)] * v[size(k)];
            return sum;
          },
          x[size(j)]);
      CHECK_NEAR(dx[size(j)], want, 1e-11);
    }
  }
}

TEST(softmax_of_nothing) {
  std::vector<float> x(1);
  on_every_isa([&](const std::string&) {
    members_in_turn(2, [&](Team& team) {
      softmax_forward<float>(team, view(x, 0, 5, 5), view(x, 0, 5, 5));
      softmax_forward<float>(team, view(x, 3, 0, 0), view(x, 3, 0, 0));
      log_softmax_forward<float>(team, view(x, 3, 0, 0), view(x, 3, 0, 0));
      softmax_backward<float>(team, view(x, 3, 0, 0), view(x, 3, 0, 0), view(x, 3, 0, 0));
    });
  });
  CHECK(x[0] == 0);
}
