#include "nnfast/vector_math.hpp"

#include "dispatch/select.hpp"

namespace nnfast {

template <class T>
void vector_math(Team& team, VectorFunction f, const T* x, T* y, index_t n) {
  const ActivationKernels<T>& table = kernels<T>().activation;
  using Kernel = void (*)(const T*, T*, index_t);
  const Kernel by_function[] = {table.exp, table.expm1, table.log, table.log1p, table.erf};
  const Range part = team.share(n, 1024);
  by_function[static_cast<int>(f)](x + part.begin, y + part.begin, part.end - part.begin);
}

template void vector_math(Team&, VectorFunction, const float*, float*, index_t);
template void vector_math(Team&, VectorFunction, const double*, double*, index_t);

}  // namespace nnfast
