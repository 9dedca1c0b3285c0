#include "nnfast/optimizer.hpp"

#include "ops/update.hpp"

namespace nnfast {
namespace {

constexpr index_t kGrain = 1024;  // elements; pieces of whole cache lines

}  // namespace

int optimizer_states(Optimizer kind) {
  if (kind == Optimizer::sgd) return 0;
  return kind == Optimizer::adam ? 2 : 1;
}

template <class T>
void optimizer_update(Team& team, const OptimizerSpec& spec, index_t t, double grad_scale, T* p, const T* g, T* m, T* v,
                      index_t n) {
  const Range share = team.share(n, kGrain);
  Update<T>(spec, t, grad_scale, p, g, m, v)(share.begin, share.end - share.begin);
}

template <class T>
void squares_partial(Team& team, const T* x, index_t n, double* partial) {
  const Range chunks = team.share(sum_partials(n));
  for (index_t c = chunks.begin; c < chunks.end; ++c) {
    const index_t i = c * kSumChunk;
    partial[c] = kernels<T>().optimizer.squares(x + i, n - i < kSumChunk ? n - i : kSumChunk);
  }
}
template <class T>
void abs_partial(Team& team, const T* x, index_t n, double* partial) {
  const Range chunks = team.share(sum_partials(n));
  for (index_t c = chunks.begin; c < chunks.end; ++c) {
    const index_t i = c * kSumChunk;
    partial[c] = kernels<T>().optimizer.magnitudes(x + i, n - i < kSumChunk ? n - i : kSumChunk);
  }
}

double sum_of_partials(const double* partial, index_t count) {
  double sum = 0;
  for (index_t c = 0; c < count; ++c) sum += partial[c];
  return sum;
}

template <class T>
void clip(Team& team, const T* x, T* y, index_t n, double limit) {
  const Range share = team.share(n, kGrain);
  kernels<T>().optimizer.clip(x + share.begin, y + share.begin, share.end - share.begin, static_cast<T>(limit));
}
template <class T>
void scale(Team& team, const T* x, T* y, index_t n, double factor) {
  const Range share = team.share(n, kGrain);
  kernels<T>().optimizer.scale(x + share.begin, y + share.begin, share.end - share.begin, static_cast<T>(factor));
}
template <class T>
void add_decay(Team& team, const T* p, T* g, index_t n, double l1, double l2) {
  const Range share = team.share(n, kGrain);
  kernels<T>().optimizer.add_decay(p + share.begin, g + share.begin, share.end - share.begin, static_cast<T>(l1),
                                   static_cast<T>(l2));
}

#define NNFAST_INSTANTIATE(T)                                                                                  \
  template void optimizer_update(Team&, const OptimizerSpec&, index_t, double, T*, const T*, T*, T*, index_t); \
  template void squares_partial(Team&, const T*, index_t, double*);                                            \
  template void abs_partial(Team&, const T*, index_t, double*);                                                \
  template void clip(Team&, const T*, T*, index_t, double);                                                    \
  template void scale(Team&, const T*, T*, index_t, double);                                                   \
  template void add_decay(Team&, const T*, T*, index_t, double, double);
NNFAST_INSTANTIATE(float)
NNFAST_INSTANTIATE(double)
#undef NNFAST_INSTANTIATE

}  // namespace nnfast
