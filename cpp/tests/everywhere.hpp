#pragma once
// Runs an operation on every instruction set and for teams of 1 to 4, and holds the bits against each other.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "check.hpp"
#include "nnfast/parallel.hpp"
#include "nnfast/runtime.hpp"

namespace everywhere {

using nnfast::index_t;
using nnfast::MatrixView;
using nnfast::Team;

inline std::size_t size(index_t n) { return static_cast<std::size_t>(n); }

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// f(team) for each of `members` in turn: what a team does that meets nowhere.
template <class F>
void members_in_turn(int members, F&& f) {
  static const std::unique_ptr<char[]> scratch(new char[static_cast<std::size_t>(nnfast::kScratchBytes)]);
  for (int rank = 0; rank < members; ++rank) {
    Team team(rank, members, scratch.get());
    f(team);
  }
}

/// f(isa) with each supported instruction set in use; afterwards the first, which is the default.
template <class F>
void on_every_isa(F&& f) {
  for (const std::string& isa : nnfast::supported_isas()) {
    nnfast::set_isa(isa);
    f(isa);
  }
  nnfast::set_isa(nnfast::supported_isas().front());
}

/// f(team, out) with `out` as `start` at first. The bits of `out` must be the same for every team, and for AVX2 and
/// AVX-512; check(out) is called once for each instruction set.
template <class T, class F, class Check>
void run_everywhere(const std::vector<T>& start, F&& f, Check&& check) {
  std::vector<T> with_fma;
  on_every_isa([&](const std::string& isa) {
    std::vector<T> first = start;
    members_in_turn(1, [&](Team& team) { f(team, first); });
    for (int members = 2; members <= 4; ++members) {
      std::vector<T> out = start;
      members_in_turn(members, [&](Team& team) { f(team, out); });
      CHECK_MSG(same_bits(first, out), isa + ", members " + std::to_string(members));
    }
    if (isa == nnfast::supported_isas().front()) {
      std::vector<T> out = start;
      nnfast::run(4, [&](Team& team) { f(team, out); });
      CHECK_MSG(same_bits(first, out), isa + ", threads");
    }
    if (isa != "sse42") {
      if (with_fma.empty()) with_fma = first;
      CHECK_MSG(same_bits(first, with_fma), isa + " against the others with FMA");
    }
    check(first);
  });
}

/// Numbers for tests; those of grid() lie on multiples of 2^-10, so that differences of them are exact in float.
class Draw {
 public:
  explicit Draw(unsigned seed) : random_(seed) {}
  double uniform(double low, double high) { return std::uniform_real_distribution<double>(low, high)(random_); }
  index_t below(index_t n) { return std::uniform_int_distribution<index_t>(0, n - 1)(random_); }
  template <class T>
  std::vector<T> grid(index_t n, double low, double high) {
    std::vector<T> v(size(n));
    for (T& x : v) x = static_cast<T>(std::round(uniform(low, high) * 1024) / 1024);
    return v;
  }
  template <class T>
  std::vector<T> array(index_t n, double low, double high) {
    std::vector<T> v(size(n));
    for (T& x : v) x = static_cast<T>(uniform(low, high));
    return v;
  }

 private:
  std::mt19937 random_;
};

template <class T>
MatrixView<const T> view(const std::vector<T>& v, index_t rows, index_t cols, index_t row_stride) {
  return {v.data(), rows, cols, row_stride, 1};
}
template <class T>
MatrixView<T> view(std::vector<T>& v, index_t rows, index_t cols, index_t row_stride) {
  return {v.data(), rows, cols, row_stride, 1};
}

/// |a - want| <= tolerance max(|want|, least); two NaNs are near, and equal infinities.
inline bool near(long double a, long double want, long double tolerance, long double least = 0) {
  if (std::isnan(want)) return std::isnan(a);
  if (std::isinf(want)) return a == want;
  return std::fabs(a - want) <= tolerance * std::max(std::fabs(want), least);
}

/// df/dx[i] by central differences, extrapolated: the error falls with the fourth power of the step.
inline double slope(const std::function<double()>& f, double& x) {
  const double at = x;
  const auto central = [&](double h) {
    x = at + h;
    const double up = f();
    x = at - h;
    const double down = f();
    x = at;
    return (up - down) / (2 * h);
  };
  const double h = 1e-3;
  return (4 * central(h / 2) - central(h)) / 3;
}

template <class T>
inline constexpr long double kEps = std::numeric_limits<T>::epsilon();

}  // namespace everywhere
