#pragma once
// The update of blocks of parameters by one thread: what optimizer_update() shares out, and what a plan does to the
// part of a layer whose gradient it has just computed.

#include <cmath>

#include "dispatch/select.hpp"
#include "nnfast/optimizer.hpp"
#include "subnormals.hpp"

namespace nnfast {

template <class T>
class Update {
 public:
  Update(const OptimizerSpec& spec, index_t t, double grad_scale, T* p, const T* g, T* m, T* v)
      : update_(kernels<T>().optimizer.update[static_cast<int>(spec.kind)]), p_(p), g_(g), m_(m), v_(v) {
    double lr = spec.lr;
    double keep = spec.momentum;
    double root = 1;
    if (spec.kind == Optimizer::rmsprop) keep = spec.rho;
    if (spec.kind == Optimizer::adam) {
      keep = spec.beta2;
      const double steps = static_cast<double>(t);
      const double m_hat = 1 - std::pow(spec.beta1, steps);
      const double v_hat = std::sqrt(1 - std::pow(spec.beta2, steps));
      lr /= m_hat;
      if (spec.eps_outside_hat) {
        lr *= v_hat;
      } else {
        root = 1 / v_hat;
      }
    }
    args_.grad_scale = static_cast<T>(grad_scale);
    args_.clip_value = static_cast<T>(spec.clip_value);
    args_.weight_decay = spec.decoupled ? T{0} : static_cast<T>(spec.weight_decay);
    args_.l1 = static_cast<T>(spec.l1);
    args_.decay = spec.decoupled ? static_cast<T>(spec.lr * spec.weight_decay) : T{0};
    args_.lr = static_cast<T>(lr);
    args_.keep = static_cast<T>(keep);
    args_.add = static_cast<T>(1 - keep);
    args_.keep_m = static_cast<T>(spec.beta1);
    args_.add_m = static_cast<T>(1 - spec.beta1);
    args_.root = static_cast<T>(root);
    args_.eps = static_cast<T>(spec.eps);
    args_.torch_form = spec.torch_form;
  }

  /// `rows` pieces of n elements, the first at element `first`, the next `stride` further on.
  void operator()(index_t first, index_t n, index_t rows = 1, index_t stride = 0) const {
    if (n <= 0 || rows <= 0) return;
    if (n == stride) {  // one long piece
      n *= rows;
      rows = 1;
    }
    UpdateArgs<T> a = args_;
    a.n = n;
    a.rows = rows;
    a.stride = stride;
    a.p = p_ + first;
    a.g = g_ + first;
    a.m = m_ == nullptr ? nullptr : m_ + first;
    a.v = v_ == nullptr ? nullptr : v_ + first;
    const Subnormals in_updates(Subnormals::as_zero);
    update_(a);
  }

 private:
  void (*update_)(const UpdateArgs<T>&);
  UpdateArgs<T> args_ = {};
  T* p_;
  const T* g_;
  T* m_;
  T* v_;
};

}  // namespace nnfast
