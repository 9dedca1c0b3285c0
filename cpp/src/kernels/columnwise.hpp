#pragma once
// Batch normalization, column by column. Sums over the rows are in double: rows in order within chunks of 32, chunks in
// order. A column's bits depend on its own values alone, so a tile may be as wide as registers allow.

#include "kernels/block.hpp"
#include "kernels/table/columnwise.hpp"

namespace nnfast::NNFAST_ISA {

/// Columns of a tile, and the registers of doubles that hold a number for each of them.
template <class T>
inline constexpr int kTileWide = 4;
template <class T>
inline constexpr index_t kTileCols = kTileWide<T> * kLanes<double>;

/// A number for each column of a tile.
template <class T>
struct Columns {
  f64v r[std::size_t{kTileWide<T>}] = {};
};

/// `count` sums over the rows in one pass: f(i, r, terms) sets the terms of row i in register r.
template <class T, std::size_t count, class F>
NNFAST_INLINE void column_sums(index_t rows, Columns<T> (&sum)[count], F f) {
  constexpr index_t chunk = 32;
  for (std::size_t s = 0; s < count; ++s) sum[s] = {};
  for (index_t first = 0; first < rows; first += chunk) {
    const index_t end = rows - first < chunk ? rows : first + chunk;
    Columns<T> part[count];
    for (index_t i = first; i < end; ++i) {
      for (int r = 0; r < kTileWide<T>; ++r) {
        f64v terms[count];
        f(i, r, terms);
        for (std::size_t s = 0; s < count; ++s) part[s].r[r] += terms[s];
      }
    }
    for (std::size_t s = 0; s < count; ++s) {
      for (int r = 0; r < kTileWide<T>; ++r) sum[s].r[r] += part[s].r[r];
    }
  }
}
/// One sum: of f(i, r).
template <class T, class F>
NNFAST_INLINE Columns<T> column_sum(index_t rows, F f) {
  Columns<T> sum[1];
  column_sums(rows, sum, [&](index_t i, int r, f64v(&term)[1]) NNFAST_LAMBDA { term[0] = f(i, r); });
  return sum[0];
}

/// What stands at p for the columns of a tile, n of which exist.
template <class T>
NNFAST_INLINE Columns<T> load_tile(const T* p, index_t n) {
  Columns<T> t;
  for (int r = 0; r < kTileWide<T>; ++r) t.r[r] = load_wide_n(p + r * kLanes<double>, n - r * kLanes<double>);
  return t;
}
template <class T>
NNFAST_INLINE Columns<T> fill_tile(double x) {
  Columns<T> t;
  for (int r = 0; r < kTileWide<T>; ++r) t.r[r] += x;
  return t;
}
template <class T>
NNFAST_INLINE void store_tile(T* p, const Columns<T>& t, index_t n) {
  for (int r = 0; r < kTileWide<T>; ++r) {
    for (int k = 0; k < kLanes<double>; ++k) {
      const index_t j = r * kLanes<double> + k;
      if (j < n) p[j] = static_cast<T>(t.r[r][k]);
    }
  }
}
/// f on each register of the tiles.
template <class T, class F, class... Tiles>
NNFAST_INLINE Columns<T> map(F f, const Tiles&... tiles) {
  Columns<T> t;
  for (int r = 0; r < kTileWide<T>; ++r) t.r[r] = f(tiles.r[r]...);
  return t;
}

/// A number for each column of a tile, rounded to T.
template <class T>
struct Rounded {
  alignas(64) T v[std::size_t{kTileCols<T>}];
  NNFAST_INLINE explicit Rounded(const Columns<T>& t) { store_tile(v, t, kTileCols<T>); }
  NNFAST_INLINE vec<T> operator()(index_t j) const { return load(v + j); }
};

/// f(i, j, n) for every row i and register of T of the tile, n elements of which exist from column j on.
template <class T, class F>
NNFAST_INLINE void for_tile(index_t rows, index_t cols, F f) {
  if (cols == kTileCols<T>) {
    for (index_t i = 0; i < rows; ++i) {
      for (index_t j = 0; j < kTileCols<T>; j += kLanes<T>) f(i, j, kLanes<T>);
    }
  } else {
    for (index_t i = 0; i < rows; ++i) {
      for (index_t j = 0; j < cols; j += kLanes<T>) f(i, j, cols - j);
    }
  }
}

/// kernel(a, n) tile after tile, `a` at the tile's first column; n is the constant kTileCols for the full ones.
template <class T, class F>
NNFAST_INLINE void for_tiles(NormalizationArgs<T> a, F kernel) {
  const auto next = [&a]() NNFAST_LAMBDA {
    const auto move = [](auto*& p) NNFAST_LAMBDA { p = p ? p + kTileCols<T> : p; };
    move(a.x), move(a.gamma), move(a.beta), move(a.mean), move(a.var), move(a.inv_std), move(a.y), move(a.dy);
    move(a.dx), move(a.dgamma), move(a.dbeta);
  };
  index_t left = a.cols;
  for (; left >= kTileCols<T>; left -= kTileCols<T>) {
    kernel(a, kTileCols<T>);
    next();
  }
  if (left > 0) kernel(a, left);
}

template <class T>
NNFAST_INLINE Columns<T> gamma_tile(const NormalizationArgs<T>& a, index_t n) {
  return a.gamma ? load_tile(a.gamma, n) : fill_tile<T>(1);
}
NNFAST_INLINE f64v inverse_root(f64v var, double eps) { return 1 / sqrt(var + eps); }

template <class T>
static void batch_normalization_train(const NormalizationArgs<T>& args) {
  for_tiles(args, [](const NormalizationArgs<T>& a, index_t n) NNFAST_LAMBDA {
    const double rows = static_cast<double>(a.rows);
    const auto x = [&](index_t i, int r) NNFAST_LAMBDA {
      return load_wide_n(a.x + i * a.x_row + r * kLanes<double>, n - r * kLanes<double>);
    };
    const Columns<T> mean = map<T>([=](f64v s) NNFAST_LAMBDA { return s / rows; }, column_sum<T>(a.rows, x));
    const Columns<T> var = map<T>([=](f64v s) NNFAST_LAMBDA { return s / rows; },
                               column_sum<T>(a.rows, [&](index_t i, int r) NNFAST_LAMBDA {
                                 const f64v d = x(i, r) - mean.r[r];
                                 return d * d;
                               }));
    const Columns<T> inv_std = map<T>([&](f64v v) NNFAST_LAMBDA { return inverse_root(v, a.eps); }, var);
    store_tile(a.mean, mean, n);
    store_tile(a.var, var, n);
    store_tile(a.inv_std, inv_std, n);
    const Columns<T> scale =
        map<T>([](f64v g, f64v s) NNFAST_LAMBDA { return g * s; }, gamma_tile(a, n), inv_std);
    // What rounding took from the mean comes back with beta.
    const Columns<T> beta = a.beta ? load_tile(a.beta, n) : fill_tile<T>(0);
    const Columns<T> shift = map<T>([](f64v b, f64v rounded, f64v m, f64v s) NNFAST_LAMBDA { return b + (rounded - m) * s; },
                                 beta, load_tile(a.mean, n), mean, scale);
    const Rounded<T> m(mean), s(scale), b(shift);
    for_tile<T>(a.rows, n, [&](index_t i, index_t j, index_t k) NNFAST_LAMBDA {
      store_n(a.y + i * a.y_row + j, fma(load_n(a.x + i * a.x_row + j, k) - m(j), s(j), b(j)), k);
    });
  });
}

template <class T>
static void batch_normalization_inference(const NormalizationArgs<T>& args) {
  for_tiles(args, [](const NormalizationArgs<T>& a, index_t n) NNFAST_LAMBDA {
    const Columns<T> scale = map<T>([&](f64v g, f64v v) NNFAST_LAMBDA { return g * inverse_root(v, a.eps); },
                                 gamma_tile(a, n), load_tile(a.var, n));
    const Rounded<T> m(load_tile(a.mean, n)), s(scale), b(a.beta ? load_tile(a.beta, n) : fill_tile<T>(0));
    for_tile<T>(a.rows, n, [&](index_t i, index_t j, index_t k) NNFAST_LAMBDA {
      store_n(a.y + i * a.y_row + j, fma(load_n(a.x + i * a.x_row + j, k) - m(j), s(j), b(j)), k);
    });
  });
}

/// sum dy and sum dy (x - mean), not yet times inv_std
template <class T>
NNFAST_INLINE void gradient_sums(const NormalizationArgs<T>& a, const Columns<T>& mean, index_t n,
                                 Columns<T> (&sums)[2]) {
  column_sums(a.rows, sums, [&](index_t i, int r, f64v(&terms)[2]) NNFAST_LAMBDA {
    const index_t j = r * kLanes<double>;
    terms[0] = load_wide_n(a.dy + i * a.dy_row + j, n - j);
    terms[1] = terms[0] * (load_wide_n(a.x + i * a.x_row + j, n - j) - mean.r[r]);
  });
}

/// With k0 = dbeta / rows, k1 = inv_std dgamma / rows:  dx = gamma inv_std (dy - k0 - (x - mean) k1)
template <class T>
static void batch_normalization_backward(const NormalizationArgs<T>& args) {
  for_tiles(args, [](const NormalizationArgs<T>& a, index_t n) NNFAST_LAMBDA {
    const double rows = static_cast<double>(a.rows);
    const Columns<T> mean = load_tile<T>(a.mean, n);
    const Columns<T> inv_std = load_tile<T>(a.inv_std, n);
    Columns<T> sums[2];
    gradient_sums(a, mean, n, sums);
    const Columns<T> dgamma = map<T>([](f64v s, f64v i) NNFAST_LAMBDA { return s * i; }, sums[1], inv_std);
    if (a.dgamma) store_tile(a.dgamma, dgamma, n);
    if (a.dbeta) store_tile(a.dbeta, sums[0], n);
    if (!a.dx) return;
    if (!a.dx) return;
    const Rounded<T> m(mean);
    const Rounded<T> s(map<T>([](f64v g, f64v i) NNFAST_LAMBDA { return g * i; }, gamma_tile(a, n), inv_std));
    const Rounded<T> k0(map<T>([=](f64v d) NNFAST_LAMBDA { return d / rows; }, sums[0]));
    const Rounded<T> k1(map<T>([=](f64v d, f64v i) NNFAST_LAMBDA { return d * i / rows; }, dgamma, inv_std));
    for_tile<T>(a.rows, n, [&](index_t i, index_t j, index_t k) NNFAST_LAMBDA {
      const vec<T> x = load_n(a.x + i * a.x_row + j, k);
      const vec<T> dy = load_n(a.dy + i * a.dy_row + j, k);
      store_n(a.dx + i * a.dx_row + j, s(j) * (dy - k0(j) - (x - m(j)) * k1(j)), k);
    });
  });
}

template <class T>
static void batch_normalization_inference_backward(const NormalizationArgs<T>& args) {
  for_tiles(args, [](const NormalizationArgs<T>& a, index_t n) NNFAST_LAMBDA {
    const Columns<T> inv_std = map<T>([&](f64v v) NNFAST_LAMBDA { return inverse_root(v, a.eps); }, load_tile<T>(a.var, n));
    if (a.dgamma || a.dbeta) {
      Columns<T> sums[2];
      gradient_sums(a, load_tile<T>(a.mean, n), n, sums);
      const Columns<T> dgamma = map<T>([](f64v s, f64v i) NNFAST_LAMBDA { return s * i; }, sums[1], inv_std);
      if (a.dgamma) store_tile(a.dgamma, dgamma, n);
      if (a.dbeta) store_tile(a.dbeta, sums[0], n);
    }
    if (!a.dx) return;
    const Rounded<T> s(map<T>([](f64v g, f64v i) NNFAST_LAMBDA { return g * i; }, gamma_tile(a, n), inv_std));
    for_tile<T>(a.rows, n, [&](index_t i, index_t j, index_t k) NNFAST_LAMBDA {
      store_n(a.dx + i * a.dx_row + j, load_n(a.dy + i * a.dy_row + j, k) * s(j), k);
    });
  });
}

template <class T>
static void layer_normalization_parameters(const NormalizationArgs<T>& args) {
  // mean and inv_std belong to rows here: they do not move with the columns.
  const T* const mean = args.mean;
  const T* const inv_std = args.inv_std;
  for_tiles(args, [=](const NormalizationArgs<T>& a, index_t n) NNFAST_LAMBDA {
    Columns<T> sums[2];
    column_sums(a.rows, sums, [&](index_t i, int r, f64v(&terms)[2]) NNFAST_LAMBDA {
      const index_t j = r * kLanes<double>;
      terms[0] = load_wide_n(a.dy + i * a.dy_row + j, n - j);
      terms[1] = terms[0] * ((load_wide_n(a.x + i * a.x_row + j, n - j) - static_cast<double>(mean[i])) *
                             static_cast<double>(inv_std[i]));
    });
    if (a.dbeta) store_tile(a.dbeta, sums[0], n);
    if (a.dgamma) store_tile(a.dgamma, sums[1], n);
  });
}

template <class T>
constexpr ColumnwiseKernels<T> columnwise_kernels = {
    &batch_normalization_train<T>,
    &batch_normalization_inference<T>,
    &batch_normalization_backward<T>,
    &batch_normalization_inference_backward<T>,
    &layer_normalization_parameters<T>,
};

}  // namespace nnfast::NNFAST_ISA
