#pragma once
// Parameter updates. No fused multiply-add here: these loops wait for memory, and two roundings give the bits of the
// formulas in nnfast/optimizer.hpp as NumPy computes them, on every instruction set.

#include "kernels/block.hpp"
#include "kernels/table/optimizer.hpp"

namespace nnfast::NNFAST_ISA {

template <class T>
NNFAST_INLINE vec<T> prepared(const UpdateArgs<T>& a, vec<T> g, vec<T> p) {
  g *= a.grad_scale;
  if (a.clip_value > 0) g = clamp(g, broadcast(a.clip_value));
  if (a.weight_decay != 0) g += a.weight_decay * p;
  if (a.l1 != 0) g += a.l1 * sign(p);
  return g;
}

// Each takes a register of g, after what is done to gradients first, and of p (in and out), and may load and store m,
// v.
template <class T>
static NNFAST_INLINE void sgd(const UpdateArgs<T>& a, index_t, index_t, vec<T> g, vec<T>& p) {
  p -= a.lr * g;
}
template <class T>
static NNFAST_INLINE void momentum(const UpdateArgs<T>& a, index_t i, index_t n, vec<T> g, vec<T>& p) {
  vec<T> v = load_n(a.v + i, n);
  if (a.torch_form) {
    v = a.keep * v + g;
    p -= a.lr * v;
  } else {
    v = a.keep * v - a.lr * g;
    p += v;
  }
  store_n(a.v + i, v, n);
}
template <class T>
static NNFAST_INLINE void nesterov(const UpdateArgs<T>& a, index_t i, index_t n, vec<T> g, vec<T>& p) {
  vec<T> v = load_n(a.v + i, n);
  if (a.torch_form) {
    v = a.keep * v + g;
    p -= a.lr * (g + a.keep * v);
  } else {
    const vec<T> step = a.lr * g;
    v = a.keep * v - step;
    p += a.keep * v - step;
  }
  store_n(a.v + i, v, n);
}
template <class T>
static NNFAST_INLINE void adagrad(const UpdateArgs<T>& a, index_t i, index_t n, vec<T> g, vec<T>& p) {
  const vec<T> v = load_n(a.v + i, n) + g * g;
  store_n(a.v + i, v, n);
  p -= a.lr * g / (sqrt(v) + a.eps);
}
template <class T>
static NNFAST_INLINE void rmsprop(const UpdateArgs<T>& a, index_t i, index_t n, vec<T> g, vec<T>& p) {
  const vec<T> v = a.keep * load_n(a.v + i, n) + a.add * (g * g);
  store_n(a.v + i, v, n);
  p -= a.lr * g / (sqrt(v) + a.eps);
}
template <class T>
static NNFAST_INLINE void adam(const UpdateArgs<T>& a, index_t i, index_t n, vec<T> g, vec<T>& p) {
  const vec<T> m = a.keep_m * load_n(a.m + i, n) + a.add_m * g;
  const vec<T> v = a.keep * load_n(a.v + i, n) + a.add * (g * g);
  store_n(a.m + i, m, n);
  store_n(a.v + i, v, n);
  p -= a.lr * m / (sqrt(v) * a.root + a.eps);
}

template <class T, void (*rule)(const UpdateArgs<T>&, index_t, index_t, vec<T>, vec<T>&)>
static void update(const UpdateArgs<T>& args) {
  UpdateArgs<T> a = args;  // the compiler need not fear that a store changes it
  const auto step = [&a](index_t i, index_t n) NNFAST_LAMBDA {
    vec<T> p = load_n(a.p + i, n);
    const vec<T> g = prepared(a, load_n(a.g + i, n), p);
    if (a.decay != 0) p -= a.decay * p;
    rule(a, i, n, g, p);
    store_n(a.p + i, p, n);
  };
  for (index_t row = 0; row < a.rows; ++row) {
    index_t i = 0;
    for (; i + kLanes<T> <= a.n; i += kLanes<T>) step(i, kLanes<T>);
    if (i < a.n) step(i, a.n - i);
    a.p += a.stride;
    a.g += a.stride;
    if (a.m != nullptr) a.m += a.stride;
    if (a.v != nullptr) a.v += a.stride;
  }
}

template <class T>
static double squares(const T* x, index_t n) {
  return sum_in_double(n, [x](index_t i, index_t count) NNFAST_LAMBDA {
    const f64v v = load_wide_n(x + i, count);
    return v * v;
  });
}
template <class T>
static double magnitudes(const T* x, index_t n) {
  return sum_in_double(n, [x](index_t i, index_t count) NNFAST_LAMBDA {
    const f64v v = load_wide_n(x + i, count);
    return select(v < 0, -v, v);
  });
}

template <class T>
static void clip(const T* x, T* y, index_t n, T limit) {
  for (index_t i = 0; i < n; i += kLanes<T>) store_n(y + i, clamp(load_n(x + i, n - i), broadcast(limit)), n - i);
}
template <class T>
static void scale(const T* x, T* y, index_t n, T factor) {
  for (index_t i = 0; i < n; i += kLanes<T>) store_n(y + i, load_n(x + i, n - i) * factor, n - i);
}
template <class T>
static void add_decay(const T* p, T* g, index_t n, T l1, T l2) {
  for (index_t i = 0; i < n; i += kLanes<T>) {
    const vec<T> w = load_n(p + i, n - i);
    vec<T> v = load_n(g + i, n - i);
    if (l1 != 0) v += l1 * sign(w);
    if (l2 != 0) v += l2 * w;
    store_n(g + i, v, n - i);
  }
}

template <class T>
constexpr OptimizerKernels<T> optimizer_kernels = {
    {&update<T, sgd<T>>, &update<T, momentum<T>>, &update<T, nesterov<T>>, &update<T, adagrad<T>>,
     &update<T, rmsprop<T>>, &update<T, adam<T>>},
    &squares<T>,
    &magnitudes<T>,
    &clip<T>,
    &scale<T>,
    &add_decay<T>,
};

}  // namespace nnfast::NNFAST_ISA
