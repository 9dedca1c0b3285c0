#pragma once
// Softmax and layer normalization, row by row. A row's bits depend on its own values and their number alone.

#include "kernels/loss.hpp"
#include "kernels/math.hpp"
#include "kernels/row.hpp"
#include "kernels/table/rowwise.hpp"

namespace nnfast::NNFAST_ISA {

template <class T, int kBlocks, bool kLog>
static void softmax_rows(const T* x, index_t x_row, T* y, index_t y_row, index_t rows, index_t cols) {
  for (index_t i = 0; i < rows; ++i, x += x_row, y += y_row) {
    Row<T, kBlocks> row(x, y, cols);
    const vec<T> max = broadcast(row.max());
    if constexpr (kLog) {
      const T sum = row.sum_and_keep([&](vec<T> v) NNFAST_LAMBDA { return v - max; },
                                     [](vec<T> v) NNFAST_LAMBDA { return exp(v); });
      const vec<T> log_sum = log(broadcast(sum));
      row.finish([&](vec<T> v, index_t, index_t) NNFAST_LAMBDA { return v - log_sum; });
    } else {
      const vec<T> sum = broadcast(row.sum_and_keep([&](vec<T> v) NNFAST_LAMBDA { return exp(v - max); },
                                                    [](vec<T> v) NNFAST_LAMBDA { return v; }));
      row.finish([&](vec<T> v, index_t, index_t) NNFAST_LAMBDA { return v / sum; });
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

/// Statistics in double; the mean is taken out before it is rounded.
template <class T>
static void layer_normalization(const LayerNormalizationArgs<T>& args) {
  const LayerNormalizationArgs<T> a = args;
  for (index_t i = 0; i < a.rows; ++i) {
    const T* x = a.x + i * a.x_row;
    T* y = a.y + i * a.y_row;
    const double mean =
        sum_in_double(a.cols, [=](index_t j, index_t n) NNFAST_LAMBDA { return load_wide_n(x + j, n); }) /
        static_cast<double>(a.cols);
    const double var = sum_in_double(a.cols,
                                     [=](index_t j, index_t n) NNFAST_LAMBDA {
                                       const f64v d = load_wide_n(x + j, n) - mean;
                                       return d * d;
                                     }) /
                       static_cast<double>(a.cols);
    const double inv_std = 1 / __builtin_sqrt(var + a.eps);
    a.mean[i] = static_cast<T>(mean);
    a.inv_std[i] = static_cast<T>(inv_std);
    const vec<T> m = broadcast(a.mean[i]);
    const vec<T> scale = broadcast(a.inv_std[i]);
    const vec<T> shift = broadcast(static_cast<T>((static_cast<double>(a.mean[i]) - mean) * inv_std));
    for (index_t j = 0; j < a.cols; j += kLanes<T>) {
      const index_t n = a.cols - j;
      vec<T> v = fma(load_n(x + j, n) - m, scale, shift);
      if (a.gamma) v *= load_n(a.gamma + j, n);
      if (a.beta) v += load_n(a.beta + j, n);
      store_n(y + j, v, n);
    }
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
