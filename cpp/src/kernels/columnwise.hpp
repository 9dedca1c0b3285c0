#pragma once
// Batch normalization, column by column. Sums over the rows are in double: rows in order within chunks of 32, chunks in
// order. A column's bits depend on its own values alone; how many columns are done side by side is free.

#include "kernels/block.hpp"
#include "kernels/table/columnwise.hpp"

namespace nnfast::NNFAST_ISA {

/// Columns whose numbers are held at a time, so that every pass reads long pieces of rows. A register tile of columns
/// taken through all passes alone was slower: at a row stride of 2 KiB its rows share four sets of the first cache.
inline constexpr index_t kStrip = 512;

/// A number for each column of a strip.
template <class R>
struct Strip {
  alignas(64) R v[std::size_t{kStrip}];
};

/// Adds to the sums of `width` registers of columns from j on, n of which exist, what rows first..end-1 give.
template <std::size_t width, std::size_t count, class F>
NNFAST_INLINE void add_rows(index_t first, index_t end, index_t j, index_t n, Strip<double> (&sums)[count], F f) {
  f64v part[count][width] = {};
  for (index_t i = first; i < end; ++i) {
    for (std::size_t r = 0; r < width; ++r) {
      const index_t done = static_cast<index_t>(r) * kLanes<double>;
      f64v terms[count];
      f(i, j + done, n - done, terms);
      for (std::size_t s = 0; s < count; ++s) part[s][r] += terms[s];
    }
  }
  for (std::size_t s = 0; s < count; ++s) {
    for (std::size_t r = 0; r < width; ++r) {
      double* const sum = sums[s].v + j + static_cast<index_t>(r) * kLanes<double>;
      store(sum, load(sum) + part[s][r]);
    }
  }
}

/// `count` sums over the rows for each column of a strip: f(i, j, n, terms) sets the terms of row i and one register of
/// columns from j on, n of which exist. What the sums hold beyond the columns is not used.
template <std::size_t count, class F>
NNFAST_INLINE void column_sums(index_t rows, index_t cols, Strip<double> (&sums)[count], F f) {
  constexpr index_t chunk = 32;
  constexpr index_t wide = 4 * kLanes<double>;
  for (std::size_t s = 0; s < count; ++s) {
    for (index_t j = 0; j < cols; j += kLanes<double>) store(sums[s].v + j, zero<double>());
  }
  for (index_t first = 0; first < rows; first += chunk) {
    const index_t end = rows - first < chunk ? rows : first + chunk;
    index_t j = 0;
    for (; j + wide <= cols; j += wide) add_rows<4>(first, end, j, wide, sums, f);
    for (; j < cols; j += kLanes<double>) add_rows<1>(first, end, j, cols - j, sums, f);
  }
}

/// f(i, j, n) for every row i and register of T from column j on, n elements of which exist.
template <class T, class F>
NNFAST_INLINE void for_rows(index_t rows, index_t cols, F f) {
  for (index_t i = 0; i < rows; ++i) {
    index_t j = 0;
    for (; j + kLanes<T> <= cols; j += kLanes<T>) f(i, j, kLanes<T>);
    if (j < cols) f(i, j, cols - j);
  }
}

/// kernel(a) strip after strip, `a` at the strip's first column.
template <class T, class F>
NNFAST_INLINE void for_strips(NormalizationArgs<T> a, F kernel) {
  const index_t all = a.cols;
  const auto next = [](auto*& p) NNFAST_LAMBDA { p = p ? p + kStrip : p; };
  for (index_t first = 0; first < all; first += kStrip) {
    a.cols = all - first < kStrip ? all - first : kStrip;
    kernel(a);
    next(a.x), next(a.gamma), next(a.beta), next(a.mean), next(a.var), next(a.inv_std);
    next(a.y), next(a.xc), next(a.xn), next(a.dy), next(a.dx), next(a.dgamma), next(a.dbeta);
  }
}

/// p[j] in double, `absent` where there is no array.
template <class T>
NNFAST_INLINE double number(const T* p, index_t j, double absent = 0) {
  return p ? static_cast<double>(p[j]) : absent;
}

/// y = (x - mean) scale + shift
template <class T>
NNFAST_INLINE void normalize(const NormalizationArgs<T>& a, const Strip<T>& scale, const Strip<T>& shift) {
  for_rows<T>(a.rows, a.cols, [&](index_t i, index_t j, index_t n) NNFAST_LAMBDA {
    const vec<T> xc = load_n(a.x + i * a.x_row + j, n) - load_n(a.mean + j, n);
    const index_t at = i * a.y_row + j;
    if (a.xc) store_n(a.xc + at, xc, n);
    if (a.xn) store_n(a.xn + at, xc * load_n(a.inv_std + j, n), n);
    store_n(a.y + at, fma(xc, load(scale.v + j), load(shift.v + j)), n);
  });
}

template <class T>
static void batch_normalization_train(const NormalizationArgs<T>& args) {
  for_strips(args, [](const NormalizationArgs<T>& a) NNFAST_LAMBDA {
    const double rows = static_cast<double>(a.rows);
    Strip<double> mean[1];
    column_sums(a.rows, a.cols, mean, [&](index_t i, index_t j, index_t n, f64v(&term)[1]) NNFAST_LAMBDA {
      term[0] = load_wide_n(a.x + i * a.x_row + j, n);
    });
    for (index_t j = 0; j < a.cols; ++j) mean[0].v[j] /= rows;
    Strip<double> var[1];
    column_sums(a.rows, a.cols, var, [&](index_t i, index_t j, index_t n, f64v(&term)[1]) NNFAST_LAMBDA {
      const f64v d = load_wide_n(a.x + i * a.x_row + j, n) - load(mean[0].v + j);
      term[0] = d * d;
    });
    Strip<T> scale;
    Strip<T> shift;
    for (index_t j = 0; j < a.cols; ++j) {
      const double m = mean[0].v[j];
      const double v = var[0].v[j] / rows;
      const double inv_std = 1 / __builtin_sqrt(v + a.eps);
      const double s = number(a.gamma, j, 1) * inv_std;
      a.mean[j] = static_cast<T>(m);
      a.var[j] = static_cast<T>(v);
      a.inv_std[j] = static_cast<T>(inv_std);
      scale.v[j] = static_cast<T>(s);
      // What rounding took from the mean comes back with beta.
      shift.v[j] = static_cast<T>(number(a.beta, j) + (static_cast<double>(a.mean[j]) - m) * s);
    }
    normalize(a, scale, shift);
  });
}

template <class T>
static void batch_normalization_inference(const NormalizationArgs<T>& args) {
  for_strips(args, [](const NormalizationArgs<T>& a) NNFAST_LAMBDA {
    Strip<T> scale;
    Strip<T> shift;
    for (index_t j = 0; j < a.cols; ++j) {
      scale.v[j] = static_cast<T>(number(a.gamma, j, 1) / __builtin_sqrt(number(a.var, j) + a.eps));
      shift.v[j] = static_cast<T>(number(a.beta, j));
    }
    normalize(a, scale, shift);
  });
}

/// sums[0] = sum dy, sums[1] = sum dy (x - mean), not yet times inv_std
template <class T>
NNFAST_INLINE void gradient_sums(const NormalizationArgs<T>& a, Strip<double> (&sums)[2]) {
  column_sums(a.rows, a.cols, sums, [&](index_t i, index_t j, index_t n, f64v(&terms)[2]) NNFAST_LAMBDA {
    terms[0] = load_wide_n(a.dy + i * a.dy_row + j, n);
    terms[1] = terms[0] * (load_wide_n(a.x + i * a.x_row + j, n) - load_wide_n(a.mean + j, n));
  });
}

/// With k0 = dbeta / rows, k1 = inv_std dgamma / rows:  dx = gamma inv_std (dy - k0 - (x - mean) k1)
template <class T>
static void batch_normalization_backward(const NormalizationArgs<T>& args) {
  for_strips(args, [](const NormalizationArgs<T>& a) NNFAST_LAMBDA {
    const double rows = static_cast<double>(a.rows);
    Strip<double> sums[2];
    gradient_sums(a, sums);
    Strip<T> scale;
    Strip<T> k0;
    Strip<T> k1;
    for (index_t j = 0; j < a.cols; ++j) {
      const double inv_std = number(a.inv_std, j);
      const double dgamma = sums[1].v[j] * inv_std;
      if (a.dgamma) a.dgamma[j] = static_cast<T>(dgamma);
      if (a.dbeta) a.dbeta[j] = static_cast<T>(sums[0].v[j]);
      scale.v[j] = static_cast<T>(number(a.gamma, j, 1) * inv_std);
      k0.v[j] = static_cast<T>(sums[0].v[j] / rows);
      k1.v[j] = static_cast<T>(dgamma * inv_std / rows);
    }
    if (!a.dx) return;
    for_rows<T>(a.rows, a.cols, [&](index_t i, index_t j, index_t n) NNFAST_LAMBDA {
      const vec<T> d = load_n(a.x + i * a.x_row + j, n) - load_n(a.mean + j, n);
      const vec<T> dy = load_n(a.dy + i * a.dy_row + j, n);
      store_n(a.dx + i * a.dx_row + j, load(scale.v + j) * (dy - load(k0.v + j) - d * load(k1.v + j)), n);
    });
  });
}

template <class T>
static void batch_normalization_inference_backward(const NormalizationArgs<T>& args) {
  for_strips(args, [](const NormalizationArgs<T>& a) NNFAST_LAMBDA {
    Strip<T> scale;
    for (index_t j = 0; j < a.cols; ++j) {
      scale.v[j] = static_cast<T>(number(a.gamma, j, 1) / __builtin_sqrt(number(a.var, j) + a.eps));
    }
    if (a.dgamma || a.dbeta) {
      Strip<double> sums[2];
      gradient_sums(a, sums);
      for (index_t j = 0; j < a.cols; ++j) {
        if (a.dgamma) a.dgamma[j] = static_cast<T>(sums[1].v[j] / __builtin_sqrt(number(a.var, j) + a.eps));
        if (a.dbeta) a.dbeta[j] = static_cast<T>(sums[0].v[j]);
      }
    }
    if (!a.dx) return;
    for_rows<T>(a.rows, a.cols, [&](index_t i, index_t j, index_t n) NNFAST_LAMBDA {
      store_n(a.dx + i * a.dx_row + j, load_n(a.dy + i * a.dy_row + j, n) * load(scale.v + j), n);
    });
  });
}

template <class T>
static void layer_normalization_parameters(const NormalizationArgs<T>& args) {
  // mean and inv_std belong to rows here: they do not move with the columns.
  const T* const mean = args.mean;
  const T* const inv_std = args.inv_std;
  for_strips(args, [=](const NormalizationArgs<T>& a) NNFAST_LAMBDA {
    Strip<double> sums[2];
    column_sums(a.rows, a.cols, sums, [&](index_t i, index_t j, index_t n, f64v(&terms)[2]) NNFAST_LAMBDA {
      terms[0] = load_wide_n(a.dy + i * a.dy_row + j, n);
      terms[1] = terms[0] * ((load_wide_n(a.x + i * a.x_row + j, n) - number(mean, i)) * number(inv_std, i));
    });
    for (index_t j = 0; j < a.cols; ++j) {
      if (a.dgamma) a.dgamma[j] = static_cast<T>(sums[1].v[j]);
      if (a.dbeta) a.dbeta[j] = static_cast<T>(sums[0].v[j]);
    }
  });
}

template <class T>
constexpr ColumnwiseKernels<T> columnwise_kernels = {
    &batch_normalization_train<T>,      &batch_normalization_inference<T>,
    &batch_normalization_backward<T>,   &batch_normalization_inference_backward<T>,
    &layer_normalization_parameters<T>,
};

}  // namespace nnfast::NNFAST_ISA
