#pragma once
// The losses of nnfast/loss.hpp: a row's loss and its gradient in one go.

#include "kernels/math.hpp"
#include "kernels/row.hpp"
#include "kernels/table/rowwise.hpp"

namespace nnfast::NNFAST_ISA {

template <class T>
NNFAST_INLINE bool ignored(const LossArgs<T>& a, index_t i) {
  return a.has_ignore_index && a.labels && a.labels[i] == a.ignore_index;
}
template <class T>
NNFAST_INLINE void ignore(const LossArgs<T>& a, index_t i) {
  a.loss[i] = 0;
  if (a.correct) a.correct[i] = 0;
  if (!a.dy) return;
  for (index_t j = 0; j < a.cols; j += kLanes<T>) store_n(a.dy + i * a.dy_row + j, zero<T>(), a.cols - j);
}

/// w x, but 0 for w = 0 whatever x is: what weighs nothing adds nothing.
template <class T>
NNFAST_INLINE T weighed(T w, T x) {
  return w == 0 ? T{0} : w * x;
}
template <class T>
NNFAST_INLINE vec<T> weighed_lanes(vec<T> w, vec<T> x) {
  return select(w == 0, zero<T>(), w * x);
}

/// The first place of the maximum; -1 where there is a NaN.
template <class T>
static index_t first_max(const T* x, index_t cols) {
  index_t first = cols > 0 ? 0 : -1;
  for (index_t j = 0; j < cols; ++j) {
    if (x[j] != x[j]) return -1;
    if (x[j] > x[first]) first = j;
  }
  return first;
}
/// Whether the first maximum of row i, `max`, stands where the target's is; no where there is a NaN.
template <class T>
static bool is_correct(const LossArgs<T>& a, index_t i, T max) {
  const T* y = a.y + i * a.y_row;
  const index_t t = a.labels ? a.labels[i] : first_max(a.dense + i * a.dense_row, a.cols);
  if (t < 0 || !(y[t] == max)) return false;
  index_t against = 0;
  for (index_t j = 0; j < t; ++j) against += y[j] == max;
  for (index_t j = 0; j < a.cols; ++j) against += y[j] != y[j];
  return against == 0;
}
/// Whether every output of row i is on its target's side.
template <class T>
static bool is_sided(const LossArgs<T>& a, index_t i) {
  const T* y = a.y + i * a.y_row;
  for (index_t j = 0; j < a.cols; ++j) {
    const bool yes = a.dense ? a.dense[i * a.dense_row + j] > T(0.5) : a.labels[i] == j;
    if (!(yes ? y[j] > 0 : y[j] <= 0)) return false;
  }
  return true;
}

/// q_ij without smoothing and weights: the dense row, or 1 at the label and 0 elsewhere.
template <class T>
NNFAST_INLINE vec<T> target(const LossArgs<T>& a, index_t i, index_t j, index_t n) {
  if (a.dense) return load_some(a.dense + i * a.dense_row + j, n);
  return select(only_lane<T>(a.labels[i] - j), broadcast(T{1}), zero<T>());
}
/// class_weight_j ((1 - s) q_ij + s / cols)
template <class T>
NNFAST_INLINE vec<T> smooth_target(const LossArgs<T>& a, index_t i, index_t j, index_t n) {
  vec<T> q = target(a, i, j, n);
  if (a.label_smoothing != 0) q = q * (1 - a.label_smoothing) + a.label_smoothing / static_cast<T>(a.cols);
  if (a.class_weight) q *= load_some(a.class_weight + j, n);
  return q;
}

/// From e = exp(y - max): e p - coef at the label and e p elsewhere, or (e p - q) coef.
template <class T, int kBlocks, bool kLabels>
struct FinishSoftmaxCrossEntropy {
  const LossArgs<T>* a;
  index_t i;
  index_t label;
  vec<T> p;
  vec<T> coef;
  NNFAST_INLINE vec<T> operator()(vec<T> e, index_t j, index_t n) const {
    if constexpr (!kLabels) return fma(e, p, -smooth_target(*a, i, j, n)) * coef;
    // In a long row the label is nearly always elsewhere.
    if (kBlocks == 0 && (label < j || label >= j + kLanes<T>)) return e * p;
    return fma(e, p, select(only_lane<T>(label - j), -coef, zero<T>()));
  }
};

/// With W = sum_j q_j:  L = sum_j q_j (max - y_j) + W log sum_j exp(y_j - max),  dy = W p - q. All terms of L are >= 0
/// for q >= 0, so that nothing cancels. kLabels: q is w at the label and 0 elsewhere.
template <class T, int kBlocks, bool kLabels>
static void softmax_cross_entropy_rows(const LossArgs<T>& args) {
  const LossArgs<T> a = args;
  constexpr index_t group = 64;  // rows whose logarithms are taken together
  using Finish = FinishSoftmaxCrossEntropy<T, kBlocks, kLabels>;
  RowWriter<T, Finish> writer(a.dy ? a.rows : 0, a.cols, a.dy == a.y);
  T total[group];
  T base[group];
  T weight[group];
  for (index_t first = 0; first < a.rows; first += group) {
    const index_t count = a.rows - first < group ? a.rows - first : group;
    for (index_t k = 0; k < count; ++k) {
      const index_t i = first + k;
      total[k] = 1;
      base[k] = 0;
      weight[k] = 0;
      if (ignored(a, i)) {
        ignore(a, i);
        continue;
      }
      const T* y = a.y + i * a.y_row;
      const T* next = i + 1 < a.rows ? y + a.y_row : y;
      Row<T, kBlocks, RowWriter<T, Finish>> row(y, next, a.dy ? a.dy + i * a.dy_row : nullptr, a.cols, writer);
      const T max = row.max();
      if (a.correct) a.correct[i] = is_correct(a, i, max);
      T w = a.sample_weight ? a.sample_weight[i] : T{1};
      if constexpr (kLabels) {
        if (a.class_weight) w *= a.class_weight[a.labels[i]];
        weight[k] = w;
        base[k] = weighed(w, max - y[a.labels[i]]);
      } else {
        weight[k] = row.sum([&](vec<T>, index_t j, index_t n) NNFAST_LAMBDA { return smooth_target(a, i, j, n); });
        base[k] = row.sum([&](vec<T> v, index_t j, index_t n)
                              NNFAST_LAMBDA { return weighed_lanes<T>(smooth_target(a, i, j, n), max - v); });
      }
      total[k] = row.sum_and_keep([&](vec<T> v) NNFAST_LAMBDA { return exp_nonpositive<T>(v - max); },
                                  [](vec<T> v) NNFAST_LAMBDA { return v; });
      if (a.dy) {
        const T coef = static_cast<T>(static_cast<double>(w) / a.normalizer);
        const T p = (kLabels ? coef : weight[k]) / total[k];
        row.finish(Finish{&a, i, kLabels ? a.labels[i] : 0, broadcast(p), broadcast(coef)});
      }
      if constexpr (!kLabels) {
        base[k] = weighed(w, base[k]);
        weight[k] *= w;
      }
    }
    for (index_t k = 0; k < count; k += kLanes<T>) {
      const index_t n = count - k;
      const vec<T> lse = weighed_lanes<T>(load_n(weight + k, n), log(load_n(total + k, n)));
      store_n(a.loss + first + k, load_n(base + k, n) + lse, n);
    }
  }
}

template <class T>
static void softmax_cross_entropy(const LossArgs<T>& a) {
  with_row_blocks<T>(a.cols, [&](auto blocks) NNFAST_LAMBDA {
    if (a.labels && a.label_smoothing == 0) {
      softmax_cross_entropy_rows<T, decltype(blocks)::value, true>(a);
    } else {
      softmax_cross_entropy_rows<T, decltype(blocks)::value, false>(a);
    }
  });
}

// One element of the elementwise losses: the loss, and in d the derivative divided by kSlope and the loss's factor.
// kSigns: each column is an answer of its own; otherwise the row's maximum is the answer.

/// max(y, 0) - y t as y (1 - t) or -y t, so that y = inf, t = 1 gives 0 and not inf - inf.
struct SigmoidCrossEntropy {
  static constexpr double kSlope = 1;
  static constexpr bool kSides = true;
  template <class T>
  NNFAST_INLINE static vec<T> loss(const LossArgs<T>&, vec<T> y, vec<T> t, vec<T>& d) {
    const mask<T> positive = y > 0;
    const vec<T> e = exp(select(positive, -y, y));
    const vec<T> p = e / (1 + e);  // of the less likely answer
    d = select(positive, 1 - t - p, p - t);
    return weighed_lanes<T>(select(positive, 1 - t, -t), y) + log1p(e);
  }
};
struct SquaredError {
  static constexpr double kSlope = 2;
  static constexpr bool kSides = false;
  template <class T>
  NNFAST_INLINE static vec<T> loss(const LossArgs<T>&, vec<T> y, vec<T> t, vec<T>& d) {
    d = y - t;
    return d * d;
  }
};
struct AbsoluteError {
  static constexpr double kSlope = 1;
  static constexpr bool kSides = false;
  template <class T>
  NNFAST_INLINE static vec<T> loss(const LossArgs<T>&, vec<T> y, vec<T> t, vec<T>& d) {
    const vec<T> difference = y - t;
    d = sign(difference);
    return select(difference < 0, -difference, difference);
  }
};
struct Huber {
  static constexpr double kSlope = 1;
  static constexpr bool kSides = false;
  template <class T>
  NNFAST_INLINE static vec<T> loss(const LossArgs<T>& a, vec<T> y, vec<T> t, vec<T>& d) {
    const vec<T> difference = y - t;
    const vec<T> distance = select(difference < 0, -difference, difference);
    d = clamp(difference, broadcast(a.delta));
    return select(distance <= a.delta, difference * difference / 2, a.delta * (distance - a.delta / 2));
  }
};

/// Whether y_ij > 0 is what t_ij > 1/2 says, for all j.
template <class T>
static bool all_signs_correct(const LossArgs<T>& a, index_t i) {
  const T* y = a.y + i * a.y_row;
  return sum_in_blocks<T>(a.cols, [&](index_t j, index_t n) NNFAST_LAMBDA {
           const vec<T> v = load_n(y + j, n);
           const mask<T> wrong = ((v > 0) ^ (target(a, i, j, n) > T(0.5))) | (v != v);
           return select(wrong, broadcast(T{1}), zero<T>());
         }) == 0;
}

template <class T, class F>
static void elementwise_loss(const LossArgs<T>& args) {
  const LossArgs<T> a = args;
  for (index_t i = 0; i < a.rows; ++i) {
    if (ignored(a, i)) {
      ignore(a, i);
      continue;
    }
    const T* y = a.y + i * a.y_row;
    T* dy = a.dy ? a.dy + i * a.dy_row : nullptr;
    if (a.correct) a.correct[i] = F::kSides ? is_sided(a, i) : is_correct(a, i, row_max(y, a.cols));
    const T w = (a.sample_weight ? a.sample_weight[i] : T{1}) * a.factor;
    const vec<T> coef = broadcast(static_cast<T>(F::kSlope * static_cast<double>(w) / a.normalizer));
    const T sum = sum_in_blocks<T>(a.cols, [&](index_t j, index_t n) NNFAST_LAMBDA {
      vec<T> d;
      const vec<T> loss = F::template loss<T>(a, load_n(y + j, n), target(a, i, j, n), d);
      if (dy) store_n(dy + j, d * coef, n);
      return loss;
    });
    a.loss[i] = w * sum;
  }
}

template <class T>
static void hinge(const LossArgs<T>& args) {
  const LossArgs<T> a = args;
  for (index_t i = 0; i < a.rows; ++i) {
    if (ignored(a, i)) {
      ignore(a, i);
      continue;
    }
    const T* y = a.y + i * a.y_row;
    T* dy = a.dy ? a.dy + i * a.dy_row : nullptr;
    if (a.correct) a.correct[i] = is_correct(a, i, row_max(y, a.cols));
    const index_t label = a.labels[i];
    const T w = (a.sample_weight ? a.sample_weight[i] : T{1}) * (a.class_weight ? a.class_weight[label] : T{1});
    const T coef = static_cast<T>(static_cast<double>(w) / a.normalizer);
    const T right = y[label];
    vec<T> count = zero<T>();
    const T sum = sum_in_blocks<T>(a.cols, [&](index_t j, index_t n) NNFAST_LAMBDA {
      const vec<T> z = load_n(y + j, n) - right + a.margin;
      const mask<T> off = only_lane<T>(label - j) | ~first_lanes<T>(n);
      const vec<T> hit = select(off, zero<T>(), select(z > 0, broadcast(T{1}), select(z != z, z, zero<T>())));
      count += hit;
      if (dy) store_n(dy + j, hit * coef, n);
      return select(hit == 0, zero<T>(), z);
    });
    a.loss[i] = w * sum;
    if (dy) dy[label] = -coef * fold(count, Add{});
  }
}

}  // namespace nnfast::NNFAST_ISA
