#pragma once
#include <cstdint>

#include "nnfast/matrix.hpp"

namespace nnfast {

inline constexpr int kOptimizers = 6;

/// One thread's piece of nnfast/optimizer.hpp with everything that is the same for all elements worked out in double.
template <class T>
struct UpdateArgs {
  index_t n;
  index_t rows;    // pieces of n elements ...
  index_t stride;  // ... one beginning so far behind another
  T* p;
  const T* g;
  T* m;
  T* v;
  T grad_scale;
  T clip_value;    // 0: none
  T weight_decay;  // coupled, 0: none
  T l1;            // 0: none
  T decay;         // decoupled: p -= decay p, 0: none
  T lr;            // adam: with the bias correction of m in it
  T keep;          // momentum, rho, beta2: what stays of v
  T add;           // 1 - rho, 1 - beta2: what comes in
  T keep_m;        // adam: beta1
  T add_m;         // adam: 1 - beta1
  T root;          // adam: what sqrt(v) is multiplied by
  T eps;
  bool torch_form;
};

/// kernels/optimizer.hpp. One thread.
template <class T>
struct OptimizerKernels {
  void (*update[kOptimizers])(const UpdateArgs<T>& a);  // by enum Optimizer
  double (*squares)(const T* x, index_t n);
  double (*magnitudes)(const T* x, index_t n);
  void (*clip)(const T* x, T* y, index_t n, T limit);
  void (*scale)(const T* x, T* y, index_t n, T factor);
  void (*add_decay)(const T* p, T* g, index_t n, T l1, T l2);
};

}  // namespace nnfast
