#include "everywhere.hpp"
#include "nnfast/normalization.hpp"

using namespace nnfast;
using namespace everywhere;

namespace {

using Real = long double;

/// A problem, and what nnfast/normalization.hpp says about it, in long double. `axis` 0: statistics of columns (batch
/// normalization), 1: of rows (layer normalization).
template <class T>
struct Case {
  index_t rows, cols, stride;
  int axis;
  double eps = 1e-3;
  std::vector<T> x, dy, gamma, beta;
  bool affine;  // with gamma and beta

  Case(index_t rows_, index_t cols_, int axis_, bool affine_, Draw& draw)
      : rows(rows_), cols(cols_), stride(cols_ + 3), axis(axis_), affine(affine_) {
    x = draw.array<T>(rows * stride, -2, 3);
    dy = draw.array<T>(rows * stride, -1, 1);
    gamma = draw.array<T>(cols, 0.5, 2);
    beta = draw.array<T>(cols, -1, 1);
  }
  [[nodiscard]] MatrixView<const T> x_view() const { return view(x, rows, cols, stride); }
  [[nodiscard]] MatrixView<const T> dy_view() const { return view(dy, rows, cols, stride); }
  [[nodiscard]] const T* gamma_or_null() const { return affine ? gamma.data() : nullptr; }
  [[nodiscard]] const T* beta_or_null() const { return affine ? beta.data() : nullptr; }
  [[nodiscard]] std::size_t at(index_t i, index_t j) const { return size(i * stride + j); }
  [[nodiscard]] index_t groups() const { return axis == 0 ? cols : rows; }
  [[nodiscard]] index_t members() const { return axis == 0 ? rows : cols; }
  /// Element k of group g.
  [[nodiscard]] std::size_t in(index_t g, index_t k) const { return axis == 0 ? at(k, g) : at(g, k); }
  [[nodiscard]] Real scale(index_t j) const { return affine ? gamma[size(j)] : 1; }
  [[nodiscard]] Real shift(index_t j) const { return affine ? beta[size(j)] : 0; }
};

struct Statistics {
  Real mean = 0;
  Real var = 0;
  Real inv_std = 0;
};
template <class T>
Statistics statistics(const Case<T>& c, index_t g) {
  Statistics s;
  for (index_t k = 0; k < c.members(); ++k) s.mean += c.x[c.in(g, k)];
  s.mean /= c.members();
  for (index_t k = 0; k < c.members(); ++k) s.var += (c.x[c.in(g, k)] - s.mean) * (c.x[c.in(g, k)] - s.mean);
  s.var /= c.members();
  s.inv_std = 1 / std::sqrt(s.var + c.eps);
  return s;
}

/// dgamma and dbeta of column j with the given statistics of each group.
template <class T>
Statistics parameter_gradients(const Case<T>& c, index_t j, const std::vector<Statistics>& s) {
  Statistics d;  // mean: dbeta, var: dgamma
  for (index_t i = 0; i < c.rows; ++i) {
    const Statistics& group = s[size(c.axis == 0 ? j : i)];
    d.mean += c.dy[c.at(i, j)];
    d.var += c.dy[c.at(i, j)] * (c.x[c.at(i, j)] - group.mean) * group.inv_std;
  }
  return d;
}

template <class T>
std::vector<Statistics> all_statistics(const Case<T>& c) {
  std::vector<Statistics> s;
  for (index_t g = 0; g < c.groups(); ++g) s.push_back(statistics(c, g));
  return s;
}

/// y | mean | var | inv_std, as one array for run_everywhere.
template <class T>
void train(Team& team, const Case<T>& c, std::vector<T>& out) {
  T* mean = out.data() + c.rows * c.stride;
  const MatrixView<T> y = view(out, c.rows, c.cols, c.stride);
  if (c.axis == 0) {
    batch_normalization_train<T>(team, c.x_view(), c.gamma_or_null(), c.beta_or_null(), c.eps, mean, mean + c.cols,
                                 mean + 2 * c.cols, y);
  } else {
    layer_normalization_forward<T>(team, c.x_view(), c.gamma_or_null(), c.beta_or_null(), c.eps, mean,
                                   mean + 2 * c.rows, y);
  }
}

/// dx | dgamma | dbeta
template <class T>
void backward(Team& team, const Case<T>& c, const std::vector<T>& forward, std::vector<T>& out,
              bool parameters = true) {
  const T* mean = forward.data() + c.rows * c.stride;
  const T* inv_std = mean + 2 * c.groups();
  T* dgamma = parameters ? out.data() + c.rows * c.stride : nullptr;
  T* dbeta = parameters ? dgamma + c.cols : nullptr;
  const MatrixView<T> dx = view(out, c.rows, c.cols, c.stride);
  (c.axis == 0 ? batch_normalization_backward<T> : layer_normalization_backward<T>)(team, c.x_view(), c.gamma_or_null(),
                                                                                    mean, inv_std, c.dy_view(), dx,
                                                                                    dgamma, dbeta);
}

template <class T>
void check_gaps(const Case<T>& c, const std::vector<T>& out) {
  for (index_t i = 0; i < c.rows; ++i) {
    for (index_t j = c.cols; j < c.stride; ++j) CHECK(out[c.at(i, j)] == T(-77));
  }
}

template <class T>
void compare(const Case<T>& c) {
  const std::vector<Statistics> s = all_statistics(c);
  const index_t g0 = c.rows * c.stride;
  const Real tolerance = 8 * kEps<T>;
  std::vector<T> forward;
  run_everywhere(
      std::vector<T>(size(g0 + 3 * c.groups()), T(-77)), [&](Team& team, std::vector<T>& out) { train(team, c, out); },
      [&](const std::vector<T>& out) {
        for (index_t g = 0; g < c.groups(); ++g) {
          const Statistics& w = s[size(g)];
          CHECK(near(out[size(g0 + g)], w.mean, tolerance, 1));
          if (c.axis == 0) CHECK(near(out[size(g0 + c.groups() + g)], w.var, tolerance, 1e-3L));
          CHECK(near(out[size(g0 + 2 * c.groups() + g)], w.inv_std, tolerance));
          for (index_t k = 0; k < c.members(); ++k) {
            const std::size_t at = c.in(g, k);
            const index_t j = c.axis == 0 ? g : k;
            const Real want = (c.x[at] - w.mean) * w.inv_std * c.scale(j) + c.shift(j);
            CHECK_MSG(near(out[at], want, tolerance, w.inv_std),
                      std::to_string(out[at]) + " for " + std::to_string(want));
          }
        }
        check_gaps(c, out);
        forward = out;
      });
  // y in place of x
  std::vector<T> in_place(forward.size());
  std::copy(c.x.begin(), c.x.end(), in_place.begin());
  members_in_turn(2, [&](Team& team) {
    const MatrixView<T> v = view(in_place, c.rows, c.cols, c.stride);
    T* mean = in_place.data() + g0;
    if (c.axis == 0) {
      batch_normalization_train<T>(team, v, c.gamma_or_null(), c.beta_or_null(), c.eps, mean, mean + c.cols,
                                   mean + 2 * c.cols, v);
    } else {
      layer_normalization_forward<T>(team, v, c.gamma_or_null(), c.beta_or_null(), c.eps, mean, mean + 2 * c.rows, v);
    }
  });
  members_in_turn(1, [&](Team& team) {
    std::vector<T> apart = in_place;
    train(team, c, apart);
    CHECK(same_bits(apart, in_place));
  });

  run_everywhere(
      std::vector<T>(size(g0 + 2 * c.cols), T(-77)),
      [&](Team& team, std::vector<T>& out) { backward(team, c, forward, out); },
      [&](const std::vector<T>& out) {
        for (index_t g = 0; g < c.groups(); ++g) {
          const Statistics& w = s[size(g)];
          Real sum = 0;
          Real sum_xn = 0;
          for (index_t k = 0; k < c.members(); ++k) {
            const std::size_t at = c.in(g, k);
            const Real d = c.dy[at] * c.scale(c.axis == 0 ? g : k);
            sum += d;
            sum_xn += d * (c.x[at] - w.mean) * w.inv_std;
          }
          for (index_t k = 0; k < c.members(); ++k) {
            const std::size_t at = c.in(g, k);
            const Real xn = (c.x[at] - w.mean) * w.inv_std;
            const Real d = c.dy[at] * c.scale(c.axis == 0 ? g : k);
            const Real want = w.inv_std * (d - (sum + xn * sum_xn) / c.members());
            CHECK_MSG(near(out[at], want, tolerance, 10 * w.inv_std),
                      std::to_string(out[at]) + " for " + std::to_string(want));
          }
        }
        for (index_t j = 0; j < c.cols; ++j) {
          const Statistics d = parameter_gradients(c, j, s);
          const Real least = 2 * std::sqrt(static_cast<Real>(c.rows));
          CHECK(near(out[size(g0 + j)], d.var, tolerance, least));
          CHECK(near(out[size(g0 + c.cols + j)], d.mean, tolerance, least));
        }
        check_gaps(c, out);
        std::vector<T> only_dx(out.size(), T(-77));
        members_in_turn(1, [&](Team& team) { backward(team, c, forward, only_dx, false); });
        CHECK(std::memcmp(only_dx.data(), out.data(), size(g0) * sizeof(T)) == 0);
        std::vector<T> no_dx(size(2 * c.cols));
        members_in_turn(1, [&](Team& team) {
          const T* mean = forward.data() + g0;
          (c.axis == 0 ? batch_normalization_backward<T>
                       : layer_normalization_backward<T>)(team, c.x_view(), c.gamma_or_null(), mean,
                                                          mean + 2 * c.groups(), c.dy_view(), {}, no_dx.data(),
                                                          no_dx.data() + c.cols);
        });
        CHECK(std::memcmp(no_dx.data(), out.data() + g0, no_dx.size() * sizeof(T)) == 0);
      });
  // dx in place of dy, on real threads because layer normalization meets in between
  std::vector<T> in_dy = c.dy;
  std::vector<T> want(size(g0 + 2 * c.cols), T(-77));
  std::vector<T> parameters(size(2 * c.cols));
  members_in_turn(1, [&](Team& team) { backward(team, c, forward, want); });
  run(2, [&](Team& team) {
    const MatrixView<T> v = view(in_dy, c.rows, c.cols, c.stride);
    const T* mean = forward.data() + g0;
    (c.axis == 0 ? batch_normalization_backward<T>
                 : layer_normalization_backward<T>)(team, c.x_view(), c.gamma_or_null(), mean, mean + 2 * c.groups(), v,
                                                    v, parameters.data(), parameters.data() + c.cols);
  });
  CHECK(std::memcmp(parameters.data(), want.data() + g0, parameters.size() * sizeof(T)) == 0);
  for (index_t i = 0; i < c.rows; ++i) {
    CHECK(std::memcmp(&in_dy[c.at(i, 0)], &want[c.at(i, 0)], size(c.cols) * sizeof(T)) == 0);
  }
}

template <class T>
void formulas(int axis) {
  Draw draw(1);
  for (const index_t rows : {1, 2, 5, 70, 300}) {
    for (const index_t cols : {1, 3, 8, 16, 17, 31, 33, 100}) {
      for (const bool affine : {false, true}) compare(Case<T>(rows, cols, axis, affine, draw));
    }
  }
  compare(Case<T>(40, 1111, axis, true, draw));  // more columns than the kernels hold at a time
}

template <class T>
void inference() {
  Draw draw(2);
  for (const index_t rows : {1, 7, 100}) {
    for (const index_t cols : {1, 10, 32, 33, 600}) {
      for (const bool affine : {false, true}) {
        const Case<T> c(rows, cols, 0, affine, draw);
        const std::vector<T> mean = draw.array<T>(cols, -1, 1);
        const std::vector<T> var = draw.array<T>(cols, 0.25, 2);
        std::vector<Statistics> s;
        for (index_t j = 0; j < cols; ++j) {
          s.push_back({mean[size(j)], var[size(j)], 1 / std::sqrt(static_cast<Real>(var[size(j)]) + c.eps)});
        }
        run_everywhere(
            std::vector<T>(c.x.size(), T(-77)),
            [&](Team& team, std::vector<T>& y) {
              batch_normalization_inference<T>(team, c.x_view(), c.gamma_or_null(), c.beta_or_null(), mean.data(),
                                               var.data(), c.eps, view(y, rows, cols, c.stride));
            },
            [&](const std::vector<T>& y) {
              for (index_t i = 0; i < rows; ++i) {
                for (index_t j = 0; j < cols; ++j) {
                  const Statistics& w = s[size(j)];
                  const Real want = (c.x[c.at(i, j)] - w.mean) * w.inv_std * c.scale(j) + c.shift(j);
                  CHECK(near(y[c.at(i, j)], want, 4 * kEps<T>, 4));
                }
              }
              check_gaps(c, y);
            });
        const index_t g0 = rows * c.stride;
        run_everywhere(
            std::vector<T>(size(g0 + 2 * cols), T(-77)),
            [&](Team& team, std::vector<T>& out) {
              batch_normalization_inference_backward<T>(team, c.x_view(), c.gamma_or_null(), mean.data(), var.data(),
                                                        c.eps, c.dy_view(), view(out, rows, cols, c.stride),
                                                        out.data() + g0, out.data() + g0 + cols);
            },
            [&](const std::vector<T>& out) {
              for (index_t j = 0; j < cols; ++j) {
                const Statistics d = parameter_gradients(c, j, s);
                const Real least = 2 * std::sqrt(static_cast<Real>(rows));
                CHECK(near(out[size(g0 + j)], d.var, 4 * kEps<T>, least));
                CHECK(near(out[size(g0 + cols + j)], d.mean, 4 * kEps<T>, least));
                for (index_t i = 0; i < rows; ++i) {
                  const Real want = c.dy[c.at(i, j)] * c.scale(j) * s[size(j)].inv_std;
                  CHECK(near(out[c.at(i, j)], want, 2 * kEps<T>));
                }
              }
              check_gaps(c, out);
            });
      }
    }
  }
}

/// Columns or rows far from 0: what is left of them after the mean is taken out must be right all the same.
template <class T>
void far_from_zero(int axis) {
  Draw draw(3);
  Case<T> c(200, 200, axis, true, draw);
  for (T& x : c.x) x = static_cast<T>(1000 + std::round(static_cast<double>(x) * 64) / 64);  // exact in float
  const std::vector<Statistics> s = all_statistics(c);
  // Float has its sums in double; a double's mean has itself an error of 1000 eps.
  const Real least = sizeof(T) == 4 ? 1 : 1000;
  run_everywhere(
      std::vector<T>(size(c.rows * c.stride + 3 * c.groups()), T(-77)),
      [&](Team& team, std::vector<T>& out) { train(team, c, out); },
      [&](const std::vector<T>& out) {
        for (index_t g = 0; g < c.groups(); ++g) {
          for (index_t k = 0; k < c.members(); ++k) {
            const Statistics& w = s[size(g)];
            const index_t j = axis == 0 ? g : k;
            const Real want = (c.x[c.in(g, k)] - w.mean) * w.inv_std * c.scale(j) + c.shift(j);
            CHECK(near(out[c.in(g, k)], want, 8 * kEps<T>, least));
          }
        }
      });
}

}  // namespace

TEST(normalization_batch) {
  formulas<float>(0);
  formulas<double>(0);
}

TEST(normalization_layer) {
  formulas<float>(1);
  formulas<double>(1);
}

TEST(normalization_batch_inference) {
  inference<float>();
  inference<double>();
}

TEST(normalization_far_from_zero) {
  for (const int axis : {0, 1}) {
    far_from_zero<float>(axis);
    far_from_zero<double>(axis);
  }
}

TEST(normalization_gradient_is_the_derivative) {
  for (const int axis : {0, 1}) {
    for (const bool affine : {false, true}) {
      Draw draw(4);
      Case<double> c(6, 5, axis, affine, draw);
      std::vector<double> forward(size(c.rows * c.stride + 3 * c.groups()));
      std::vector<double> gradient(size(c.rows * c.stride + 2 * c.cols));
      members_in_turn(1, [&](Team& team) {
        train(team, c, forward);
        backward(team, c, forward, gradient);
      });
      const auto total = [&] {  // sum of dy y
        members_in_turn(1, [&](Team& team) { train(team, c, forward); });
        double sum = 0;
        for (index_t i = 0; i < c.rows; ++i) {
          for (index_t j = 0; j < c.cols; ++j) sum += c.dy[c.at(i, j)] * forward[c.at(i, j)];
        }
        return sum;
      };
      for (index_t i = 0; i < c.rows; ++i) {
        for (index_t j = 0; j < c.cols; ++j) {
          CHECK_NEAR(gradient[c.at(i, j)], slope(total, c.x[c.at(i, j)]), 1e-10);
        }
      }
      for (index_t j = 0; affine && j < c.cols; ++j) {
        CHECK_NEAR(gradient[size(c.rows * c.stride + j)], slope(total, c.gamma[size(j)]), 1e-10);
        CHECK_NEAR(gradient[size(c.rows * c.stride + c.cols + j)], slope(total, c.beta[size(j)]), 1e-10);
      }
    }
  }
}

TEST(normalization_running_statistics) {
  const std::vector<double> mean = {1, 2};
  const std::vector<double> var = {3, 4};
  const std::vector<double> start = {10, 20, 30, 40};
  const auto updated = [&](index_t rows, bool unbiased) {
    std::vector<double> out;
    run_everywhere(
        start,
        [&](Team& team, std::vector<double>& r) {
          update_running_statistics(team, mean.data(), var.data(), rows, 2, 0.75, unbiased, r.data(), r.data() + 2);
        },
        [&](const std::vector<double>& r) { out = r; });
    return out;
  };
  CHECK(updated(4, false) == std::vector<double>({7.75, 15.5, 23.25, 31}));
  CHECK(updated(4, true) == std::vector<double>({7.75, 15.5, 23.5, 0.75 * 40 + 0.25 * (4 * (4.0 / 3))}));
  CHECK(updated(1, true) == updated(1, false));  // rows - 1 is 0: there is nothing to correct with
}

TEST(normalization_nan_stays_in_its_group) {
  on_every_isa([&](const std::string&) {
    for (const int axis : {0, 1}) {
      Draw draw(5);
      Case<float> c(20, 20, axis, true, draw);
      c.x[c.at(3, 7)] = std::nanf("");
      std::vector<float> out(size(c.rows * c.stride + 3 * c.groups()));
      members_in_turn(2, [&](Team& team) { train(team, c, out); });
      for (index_t i = 0; i < c.rows; ++i) {
        for (index_t j = 0; j < c.cols; ++j) CHECK(std::isnan(out[c.at(i, j)]) == (axis == 0 ? j == 7 : i == 3));
      }
    }
  });
}
