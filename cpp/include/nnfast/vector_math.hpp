#pragma once
// The elementary functions that the activations are made of, over contiguous arrays.

#include "nnfast/parallel.hpp"

namespace nnfast {

enum class VectorFunction : int { exp, expm1, log, log1p, erf };

/// y = f(x); y may be x.
template <class T>
void vector_math(Team& team, VectorFunction f, const T* x, T* y, index_t n);

}  // namespace nnfast
