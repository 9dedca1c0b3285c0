#pragma once
// Vector mathematics: y = g(x) for every lane of a register of float or double.

#include "kernels/vec.hpp"

namespace nnfast::NNFAST_ISA {

#define NNFAST_LANEWISE(name)                                                             \
  NNFAST_INLINE f32v name(f32v x) {                                                       \
    for (int i = 0; i < kLanes<float>; ++i) x[i] = static_cast<float>(__builtin_##name(static_cast<double>(x[i]))); \
    return x;                                                                             \
  }                                                                                       \
  NNFAST_INLINE f64v name(f64v x) {                                                       \
    for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_##name(x[i]);               \
    return x;                                                                             \
  }
NNFAST_LANEWISE(exp)
NNFAST_LANEWISE(expm1)
NNFAST_LANEWISE(log)
NNFAST_LANEWISE(log1p)
NNFAST_LANEWISE(erf)
NNFAST_LANEWISE(erfc)
NNFAST_LANEWISE(tanh)
#undef NNFAST_LANEWISE

template <class V>
NNFAST_INLINE V sigmoid(V x) {
  return 1 / (1 + exp(-x));
}
template <class V>
NNFAST_INLINE V softplus(V x) {
  const V a = x < 0 ? x : -x;
  return (x > 0 ? x : x - x) + log1p(exp(a));
}
template <class V>
NNFAST_INLINE V gelu(V x) {
  return x * (erfc(x * -0.70710678F) / 2);
}
template <class V>
NNFAST_INLINE V gelu_tanh(V x) {
  return x * sigmoid(x * (1.5957691F + 0.0713548F * x * x));
}
template <class V>
NNFAST_INLINE V mish(V x) {
  return x * tanh(softplus(x));
}

}  // namespace nnfast::NNFAST_ISA
