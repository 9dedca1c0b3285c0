#pragma once
// Softmax and layer normalization, row by row. A row's bits depend on its own values and their number alone.

#include "kernels/loss.hpp"
#include "kernels/math.hpp"
#include "kernels/row.hpp"
#include "kernels/table/rowwise.hpp"

namespace nnfast::NNFAST_ISA {

/// v factor, or v - log_sum
template <class T, bool kLog>
struct FinishSoftmax {
  vec<T> sum;
  NNFAST_INLINE vec<T> operator()(vec<T> v, index_t, index_t) const {
    if constexpr (kLog) return v - sum;
    return v * sum;
  }
};

template <class T, int kBlocks, bool kLog>
static void softmax_rows(const T* x, index_t x_row, T* y, index_t y_row, index_t rows, index_t cols) {
  using Finish = FinishSoftmax<T, kLog>;
  RowWriter<T, Finish> writer(rows, cols, x == y);
  for (index_t i = 0; i < rows; ++i, x += x_row, y += y_row) {
    Row<T, kBlocks, RowWriter<T, Finish>> row(x, i + 1 < rows ? x + x_row : x, y, cols, writer);
    const vec<T> max = broadcast(row.max());
    if constexpr (kLog) {
      const T sum = row.sum_and_keep([&](vec<T> v) NNFAST_LAMBDA { return v - max; },
                                     [](vec<T> v) NNFAST_LAMBDA { return exp_nonpositive<T>(v); });
      row.finish(Finish{log(broadcast(sum))});
    } else {
      const T sum = row.sum_and_keep([&](vec<T> v) NNFAST_LAMBDA { return exp_nonpositive<T>(v - max); },
                                     [](vec<T> v) NNFAST_LAMBDA { return v; });
      row.finish(Finish{broadcast(1 / sum)});
    }
  }
}
template <class T, bool kLog>
static void softmax(const T* x, index_t x_row, T* y, index_t y_row, index_t rows, index_t cols) {
  with_row_blocks<T>(cols, [&](auto blocks) NNFAST_LAMBDA {
    softmax_rows<T, decltype(blocks)::value, kLog>(x, x_row, y, y_row, rows, cols);
  });
}

template <class T>
static void softmax_backward(const T* dy, index_t dy_row, const T* y, index_t y_row, T* dx, index_t dx_row,
                             index_t rows, index_t cols) {
  for (index_t i = 0; i < rows; ++i, dy += dy_row, y += y_row, dx += dx_row) {
    const vec<T> dot = broadcast(sum_in_blocks<T>(
        cols, [=](index_t j, index_t n) NNFAST_LAMBDA { return load_n(dy + j, n) * load_n(y + j, n); }));
    for (index_t j = 0; j < cols; j += kLanes<T>) {
      const index_t n = cols - j;
      store_n(dx + j, load_n(y + j, n) * (load_n(dy + j, n) - dot), n);
    }
  }
}

template <class T>
static void log_softmax_backward(const T* dy, index_t dy_row, const T* y, index_t y_row, T* dx, index_t dx_row,
                                 index_t rows, index_t cols) {
  for (index_t i = 0; i < rows; ++i, dy += dy_row, y += y_row, dx += dx_row) {
    const vec<T> sum =
        broadcast(sum_in_blocks<T>(cols, [=](index_t j, index_t n) NNFAST_LAMBDA { return load_n(dy + j, n); }));
    for (index_t j = 0; j < cols; j += kLanes<T>) {
      const index_t n = cols - j;
      store_n(dx + j, load_n(dy + j, n) - exp(load_n(y + j, n)) * sum, n);
    }
  }
}

struct Moments {
  double mean;
  double var;
};
/// In one pass about the first element, over 16 lanes of doubles: that of n numbers lies within sqrt(n) standard
/// deviations of their mean, so the difference of squares loses n 2^-53 at most.
template <class Step>
NNFAST_INLINE Moments moments(const float* x, index_t cols, Step step) {
  constexpr index_t width = kBlockLanes<float>;
  constexpr int regs = width / kLanes<double>;
  const f64v about = broadcast(cols > 0 ? static_cast<double>(x[0]) : 0);
  f64v sum[std::size_t{regs}] = {};
  f64v squares[std::size_t{regs}] = {};
  index_t j = 0;
  for (; j + width <= cols; j += width) {
    for (int r = 0; r < kBlockRegs; ++r) step(j + r * kLanes<float>);
    for (int r = 0; r < regs; ++r) {
      const f64v d = load_wide(x + j + r * kLanes<double>) - about;
      sum[r] += d;
      squares[r] = fma(d, d, squares[r]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < regs; ++r, j += kLanes<double>) {
    const f64v d = select(first_lanes<double>(cols - j), load_wide_n(x + j, cols - j) - about, zero<double>());
    sum[r] += d;
    squares[r] = fma(d, d, squares[r]);
  }
  const double n = static_cast<double>(cols);
  const double shift = fold(sum, Add{}) / n;
  return {about[0] + shift, fold(squares, Add{}) / n - shift * shift};
}
/// In two passes: here the squares' difference would show.
template <class Step>
NNFAST_INLINE Moments moments(const double* x, index_t cols, Step step) {
  const double n = static_cast<double>(cols);
  const double mean =
      sum_in_double(cols, [=](index_t j, index_t count) NNFAST_LAMBDA { return load_wide_n(x + j, count); }) / n;
  const double var = sum_in_double(cols, [&](index_t j, index_t count) NNFAST_LAMBDA {
    step(j);
    const f64v d = load_wide_n(x + j, count) - mean;
    return d * d;
  });
  return {mean, var / n};
}

/// ((v - mean) scale + shift) gamma + beta
template <class T>
struct FinishLayerNormalization {
  vec<T> mean;
  vec<T> scale;
  vec<T> shift;
  const T* gamma;
  const T* beta;
  NNFAST_INLINE vec<T> operator()(vec<T> v, index_t j, index_t n) const {
    vec<T> y = fma(v - mean, scale, shift);
    if (gamma) y *= load_n(gamma + j, n);
    if (beta) y += load_n(beta + j, n);
    return y;
  }
};

/// Statistics in double; the mean is taken out before it is rounded.
template <class T>
static void layer_normalization(const LayerNormalizationArgs<T>& args) {
  const LayerNormalizationArgs<T> a = args;
  RowWriter<T, FinishLayerNormalization<T>> writer(a.rows, a.cols, a.x == a.y);
  for (index_t i = 0; i < a.rows; ++i) {
    const T* const x = a.x + i * a.x_row;
    const T* const next = x + a.x_row;
    Moments row;
    if (writer.streams()) {
      auto before = writer.take();
      row = moments(x, a.cols, [&](index_t j) NNFAST_LAMBDA {
        prefetch(next + j);
        before.step();
      });
      writer.give(before);
    } else {
      row = moments(x, a.cols, [](index_t) NNFAST_LAMBDA {});
    }
    const double inv_std = 1 / __builtin_sqrt(row.var + a.eps);
    a.mean[i] = static_cast<T>(row.mean);
    a.inv_std[i] = static_cast<T>(inv_std);
    const T shift = static_cast<T>((static_cast<double>(a.mean[i]) - row.mean) * inv_std);
    writer.write(x, a.y + i * a.y_row, a.cols, next,
                 {broadcast(a.mean[i]), broadcast(a.inv_std[i]), broadcast(shift), a.gamma, a.beta});
  }
}

/// g = dy gamma, xn = (x - mean) inv_std: dx = inv_std (g - mean(g) - xn mean(g xn))
template <class T>
static void layer_normalization_backward(const LayerNormalizationArgs<T>& args) {
  const LayerNormalizationArgs<T> a = args;
  for (index_t i = 0; i < a.rows; ++i) {
    const T* x = a.x + i * a.x_row;
    const T* dy = a.dy + i * a.dy_row;
    T* dx = a.dx + i * a.dx_row;
    const double mean = static_cast<double>(a.mean[i]);
    const double inv_std = static_cast<double>(a.inv_std[i]);
    const auto g = [=](index_t j, index_t n) NNFAST_LAMBDA {
      const f64v v = load_wide_n(dy + j, n);
      return a.gamma ? v * load_wide_n(a.gamma + j, n) : v;
    };
    const double cols = static_cast<double>(a.cols);
    const double mean_g = sum_in_double(a.cols, g) / cols;
    const double mean_gx =
        sum_in_double(a.cols,
                      [=](index_t j, index_t n) NNFAST_LAMBDA { return g(j, n) * (load_wide_n(x + j, n) - mean); }) /
        cols * inv_std;
    const vec<T> m = broadcast(a.mean[i]);
    const vec<T> scale = broadcast(a.inv_std[i]);
    const vec<T> c0 = broadcast(static_cast<T>(mean_g));
    const vec<T> c1 = broadcast(static_cast<T>(mean_gx * inv_std));
    for (index_t j = 0; j < a.cols; j += kLanes<T>) {
      const index_t n = a.cols - j;
      vec<T> v = load_n(dy + j, n);
      if (a.gamma) v *= load_n(a.gamma + j, n);
      store_n(dx + j, scale * (v - c0 - (load_n(x + j, n) - m) * c1), n);
    }
  }
}

/// In chunks of 4,096, added in order.
template <class T>
static double sum(const T* x, index_t n) {
  constexpr index_t chunk = 4096;
  double total = 0;
  for (index_t i = 0; i < n; i += chunk) {
    total += sum_in_double(n - i < chunk ? n - i : chunk,
                           [=](index_t j, index_t count) NNFAST_LAMBDA { return load_wide_n(x + i + j, count); });
  }
  return total;
}

template <class T>
constexpr RowwiseKernels<T> rowwise_kernels = {
    &softmax<T, false>,
    &softmax_backward<T>,
    &softmax<T, true>,
    &log_softmax_backward<T>,
    {&softmax_cross_entropy<T>, &elementwise_loss<T, SigmoidCrossEntropy>, &elementwise_loss<T, SquaredError>,
     &elementwise_loss<T, AbsoluteError>, &elementwise_loss<T, Huber>, &hinge<T>},
    &sum<T>,
    &layer_normalization<T>,
    &layer_normalization_backward<T>,
};

}  // namespace nnfast::NNFAST_ISA
