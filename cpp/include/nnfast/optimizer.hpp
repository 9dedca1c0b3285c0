#pragma once
// Parameter updates over flat arrays, and what is done to gradients before them.
// p parameters, g gradients, m and v states (zero at the start), t = 1, 2, ... the step.

#include "nnfast/parallel.hpp"

namespace nnfast {

enum class Optimizer : int {
  sgd,       // p -= lr g
  momentum,  // v = mu v - lr g; p += v             (torch form: v = mu v + g; p -= lr v)
  nesterov,  // v' = mu v - lr g; p += mu v' - lr g   (torch form: v = mu v + g; p -= lr (g + mu v))
  adagrad,   // v += g^2; p -= lr g / (sqrt(v) + eps)
  rmsprop,   // v = rho v + (1 - rho) g^2; p -= lr g / (sqrt(v) + eps)
  adam,      // m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; p -= lr mhat / (sqrt(vhat) + eps)
             // mhat = m / (1 - b1^t), vhat = v / (1 - b2^t)
};

struct OptimizerSpec {
  Optimizer kind = Optimizer::sgd;
  double lr = 0.01;
  double momentum = 0.9;
  double rho = 0.99;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  bool torch_form = false;       // momentum, nesterov: lr is applied after the accumulation
  bool eps_outside_hat = false;  // adam: p -= lr sqrt(1-b2^t)/(1-b1^t) m / (sqrt(v) + eps), the book and Keras
  double weight_decay = 0;       // coupled: g += weight_decay p; decoupled: p -= lr weight_decay p
  bool decoupled = false;
  double l1 = 0;          // g += l1 sign(p)
  double clip_value = 0;  // > 0: g limited to [-clip_value, clip_value], before decay
  double clip_norm = 0;   // > 0: g scaled by min(1, clip_norm / (norm + 1e-6)) over all parameters, before decay
};

/// How many state arrays of the parameters' size the kind needs: 0 (sgd), 1, or 2 (adam).
int optimizer_states(Optimizer kind);

/// Updates p, m, v (n) in place. `grad_scale` multiplies g first (from clip_norm). Elementwise: no barrier. adagrad,
/// rmsprop, momentum and nesterov use v only. Subnormal numbers count as 0 (subnormals.hpp says why).
template <class T>
void optimizer_update(Team& team, const OptimizerSpec& spec, index_t t, double grad_scale, T* p, const T* g, T* m, T* v,
                      index_t n);

/// Sum of squares in float64 over chunks of kSumChunk with a fixed order of combination. `partial` holds
/// sum_partials(n) doubles; each member fills its share. Barrier, then sum_of_partials on any member.
inline constexpr index_t kSumChunk = 4096;
inline index_t sum_partials(index_t n) { return (n + kSumChunk - 1) / kSumChunk; }
template <class T>
void squares_partial(Team& team, const T* x, index_t n, double* partial);
template <class T>
void abs_partial(Team& team, const T* x, index_t n, double* partial);
double sum_of_partials(const double* partial, index_t count);

/// y = clamp(x, -limit, limit), NaN stays.
template <class T>
void clip(Team& team, const T* x, T* y, index_t n, double limit);
/// y = x * scale
template <class T>
void scale(Team& team, const T* x, T* y, index_t n, double factor);
/// g += l1 sign(p) + l2 p
template <class T>
void add_decay(Team& team, const T* p, T* g, index_t n, double l1, double l2);

}  // namespace nnfast
