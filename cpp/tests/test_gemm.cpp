// The product against a plain triple loop of fma in the promised order: equality to the bit where the machine has FMA,
// and of integer-valued products everywhere.

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "check.hpp"
#include "nnfast/affine.hpp"
#include "nnfast/runtime.hpp"

using namespace nnfast;

namespace {

template <class T>
struct Matrix {
  std::vector<T> memory;
  MatrixView<T> view;

  Matrix(index_t rows, index_t cols, bool transposed, index_t gap = 0) {
    const index_t row_stride = transposed ? 1 : cols + gap;
    const index_t col_stride = transposed ? rows + gap : 1;
    memory.assign(static_cast<std::size_t>((rows + gap) * (cols + gap) + 1), T(-77));
    view = MatrixView<T>(memory.data(), rows, cols, row_stride, col_stride);
  }
  template <class Draw>
  void fill(Draw&& draw) {
    for (index_t i = 0; i < view.rows; ++i) {
      for (index_t j = 0; j < view.cols; ++j) *view.at(i, j) = draw();
    }
  }
};

// std::fma without the instruction is a slow routine; this one is called only where the ISA under test has FMA.
#if defined(__x86_64__)
__attribute__((target("fma"))) float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
__attribute__((target("fma"))) double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }
#else
template <class T>
T fused(T a, T b, T c) {
  return std::fma(a, b, c);
}
#endif

/// The contract of nnfast/gemm.hpp, spelled out. Of integers, a b + c is exact either way.
template <class T>
T expected(const MatrixView<T>& A, const MatrixView<T>& B, T c, index_t i, index_t j, T alpha, T beta, bool integers) {
  T sum = beta == T(0) ? T(0) : beta * c;
  for (index_t p = 0; p < A.cols; ++p) {
    const T a = alpha * *A.at(i, p);
    const T b = *B.at(p, j);
    sum = integers ? a * b + sum : fused(a, b, sum);
  }
  return sum;
}

template <class T>
void compare(index_t m, index_t n, index_t k, bool ta, bool tb, T alpha, T beta, int threads, bool integers,
             std::mt19937& random, index_t gap = 2) {
  std::uniform_real_distribution<double> real(-1, 1);
  std::uniform_int_distribution<int> small(-4, 4);
  const auto draw = [&] { return integers ? static_cast<T>(small(random)) : static_cast<T>(real(random)); };
  Matrix<T> A(m, k, ta, 3);
  Matrix<T> B(k, n, tb, 1);
  Matrix<T> C(m, n, false, gap);
  A.fill(draw);
  B.fill(draw);
  C.fill([&] { return beta == T(0) ? std::numeric_limits<T>::quiet_NaN() : draw(); });
  const std::vector<T> before = C.memory;
  std::vector<T> sums(static_cast<std::size_t>(n) + 1, T(-1));
  GemmOptions<T> options;
  options.alpha = alpha;
  options.beta = beta;
  options.b_column_sums = sums.data();
  run(threads, [&](Team& team) { gemm<T>(team, A.view, B.view, C.view, options); });
  int wrong = 0;
  for (index_t i = 0; i < m; ++i) {
    for (index_t j = 0; j < n; ++j) {
      const T c = before[static_cast<std::size_t>(i * C.view.row_stride + j)];
      if (*C.view.at(i, j) != expected<T>(A.view, B.view, c, i, j, alpha, beta, integers)) ++wrong;
    }
  }
  for (index_t j = 0; j < n; ++j) {
    T sum = 0;
    for (index_t p = 0; p < k; ++p) sum += *B.view.at(p, j);
    if (sums[static_cast<std::size_t>(j)] != sum) ++wrong;
  }
  // Nothing beside the result was touched.
  for (index_t i = 0; i < m; ++i) {
    for (index_t j = n; j < n + gap; ++j) {
      if (C.memory[static_cast<std::size_t>(i * C.view.row_stride + j)] != T(-77)) ++wrong;
    }
  }
  CHECK_EQ(wrong, 0);
}

template <class T>
void all_shapes(bool integers) {
  std::mt19937 random(1);
  std::uniform_int_distribution<index_t> size(0, 67);
  for (int round = 0; round < 700; ++round) {
    const T alpha = round % 5 == 0 ? T(2) : T(1);
    const T beta = round % 3 == 0 ? T(1) : round % 7 == 0 ? T(-3) : T(0);
    compare<T>(size(random), size(random), size(random), (round & 1) != 0, (round & 2) != 0, alpha, beta, 1 + round % 3,
               integers, random);
  }
  // Slices, blocks of rows and columns; few rows, in registers and along B, more columns than are summed at a time; one
  // column; columns that fill registers badly, over more than one block of rows; strides that share a set of the cache;
  // sums of few terms, B beyond L2; few columns of rows that collide.
  const index_t large[][3] = {{130, 70, 600},  {1, 300, 513},  {3, 517, 257},   {700, 1, 40},
                              {40, 530, 300},  {2, 5, 2000},   {2, 2100, 1003}, {600, 10, 520},
                              {1100, 50, 100}, {530, 560, 30}, {20, 1024, 530}, {40, 300, 20},
                              {10, 9000, 31},  {75, 12, 1024}, {150, 3, 512},   {1, 9001, 22}};
  for (const auto& s : large) {
    for (int layout = 0; layout < 4; ++layout) {
      compare<T>(s[0], s[1], s[2], (layout & 1) != 0, (layout & 2) != 0, T(1), T(0), 2, integers, random);
    }
  }
  for (int layout = 0; layout < 8; ++layout) {  // a column whose elements are neighbours
    compare<T>(37 + layout, 1, 33 + 7 * layout, (layout & 1) != 0, (layout & 2) != 0, T(1), T(layout & 4), 2, integers,
               random, 0);
    // One row along rows of B that all begin at the same place in a line.
    compare<T>(1, 128 * (1 + layout), 30 + layout, false, false, T(1), T(layout % 3), 1 + layout % 2, integers, random,
               0);
  }
}

}  // namespace

TEST(gemm_is_the_sequential_fma_on_every_isa) {
  const std::string before = isa();
  for (const std::string& name : supported_isas()) {
    set_isa(name);
    const bool fused = name == "avx512" || name == "avx2";
    all_shapes<float>(!fused);
    all_shapes<double>(!fused);
  }
  set_isa(before);
}

TEST(gemm_of_floats_and_doubles_is_that_of_widened_floats) {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> real(-1, 1);
  std::uniform_int_distribution<index_t> size(1, 40);
  const std::string before = isa();
  for (const std::string& name : supported_isas()) {
    set_isa(name);
    for (int round = 0; round < 300; ++round) {
      const index_t m = round % 3 == 0 ? 90 + size(random) : 1 + size(random) % 20;
      const index_t n = round % 5 == 0 ? 300 : size(random);
      const index_t k = round % 7 == 0 ? 1024 : 3 * size(random);
      Matrix<float> A(m, k, (round & 1) != 0);
      Matrix<double> W(m, k, (round & 1) != 0), B(k, n, (round & 2) != 0), C(m, n, false), expected(m, n, false);
      A.fill([&] { return real(random); });
      B.fill([&] { return real(random); });
      for (index_t i = 0; i < m; ++i) {
        for (index_t p = 0; p < k; ++p) *W.view.at(i, p) = static_cast<double>(*A.view.at(i, p));
      }
      run(1 + round % 2, [&](Team& team) {
        gemm(team, MatrixView<const float>(A.view), MatrixView<const double>(B.view), C.view);
        gemm<double>(team, W.view, B.view, expected.view);
      });
      int wrong = 0;
      for (index_t i = 0; i < m; ++i) {
        for (index_t j = 0; j < n; ++j) wrong += *C.view.at(i, j) != *expected.view.at(i, j) ? 1 : 0;
      }
      CHECK_EQ(wrong, 0);
    }
  }
  set_isa(before);
}

TEST(gemm_epilogue_is_bias_then_activation_then_derivative) {
  const index_t m = 37;
  const index_t n = 45;
  const index_t k = 300;
  std::mt19937 random(2);
  std::uniform_real_distribution<double> real(-1, 1);
  Matrix<double> A(m, k, false), B(k, n, false), C(m, n, false), Z(m, n, false), plain(m, n, false), saved(m, n, false);
  std::vector<double> bias(static_cast<std::size_t>(n));
  const auto draw = [&] { return real(random); };
  A.fill(draw);
  B.fill(draw);
  saved.fill(draw);
  for (double& v : bias) v = draw();
  run(1, [&](Team& team) { gemm<double>(team, A.view, B.view, plain.view); });
  for (const int threads : {1, 2, 3, 4}) {
    GemmOptions<double> forward;
    forward.epilogue.bias = bias.data();
    forward.epilogue.activate = true;
    forward.epilogue.f = Activation::relu;
    forward.epilogue.z = Z.view;
    run(threads, [&](Team& team) { gemm<double>(team, A.view, B.view, C.view, forward); });
    int wrong = 0;
    for (index_t i = 0; i < m; ++i) {
      for (index_t j = 0; j < n; ++j) {
        const double z = *plain.view.at(i, j) + bias[static_cast<std::size_t>(j)];
        if (*Z.view.at(i, j) != z || *C.view.at(i, j) != (z > 0 ? z : 0)) ++wrong;
      }
    }
    GemmOptions<double> backward;
    backward.epilogue.saved = saved.view;
    backward.epilogue.f = Activation::relu;
    run(threads, [&](Team& team) { gemm<double>(team, A.view, B.view, C.view, backward); });
    for (index_t i = 0; i < m; ++i) {
      for (index_t j = 0; j < n; ++j) {
        if (*C.view.at(i, j) != (*saved.view.at(i, j) > 0 ? *plain.view.at(i, j) : 0)) ++wrong;
      }
    }
    CHECK_EQ(wrong, 0);
  }
}

TEST(affine_rows_do_not_depend_on_the_batch) {
  const index_t batch = 64;
  const index_t in = 300;
  const index_t out = 37;
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  Matrix<float> x(batch, in, false), W(in, out, false), whole(batch, out, false), part(batch, out, false);
  std::vector<float> b(static_cast<std::size_t>(out));
  const auto draw = [&] { return normal(random); };
  x.fill(draw);
  W.fill(draw);
  for (float& v : b) v = draw();
  run(2, [&](Team& team) { affine_forward<float, float>(team, x.view, W.view, b.data(), whole.view); });
  for (const index_t rows : {index_t{1}, index_t{7}, index_t{64}}) {
    for (index_t i = 0; i < batch; i += rows) {
      const index_t here = std::min(rows, batch - i);
      run(1, [&](Team& team) {
        affine_forward<float, float>(team, x.view.block(i, 0, here, in), W.view, b.data(),
                                     part.view.block(i, 0, here, out));
      });
    }
    CHECK(whole.memory == part.memory);
  }
}
