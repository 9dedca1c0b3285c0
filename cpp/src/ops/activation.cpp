#include "nnfast/activation.hpp"

#include "dispatch/select.hpp"

namespace nnfast {

namespace {

// Elements that one member takes at a time: 4 or 8 KiB, whole cache lines, so that no two members write to one line
// (of an aligned array), and enough work to be worth a call.
constexpr index_t kGrain = 1024;

constexpr const char* kNames[] = {
    "identity", "step", "relu",    "leaky_relu",   "elu",        "selu",        "celu", "gelu",     "gelu_tanh",
    "silu",     "mish", "sigmoid", "hard_sigmoid", "hard_swish", "log_sigmoid", "tanh", "softplus", "softsign",
};
static_assert(sizeof(kNames) / sizeof(kNames[0]) == kActivations);

}  // namespace

const char* activation_name(Activation f) { return kNames[static_cast<int>(f)]; }

bool derivative_from_output(Activation f, ActivationParams params) {
  switch (f) {
    case Activation::gelu:
    case Activation::gelu_tanh:
    case Activation::silu:
    case Activation::mish:
    case Activation::hard_swish: return false;
    case Activation::leaky_relu:
    case Activation::elu:
    case Activation::celu: return params.alpha > 0;
    case Activation::selu: return params.alpha > 0 && params.beta > 0;
    default: return true;
  }
}

template <class T>
void activation_forward(Team& team, Activation f, ActivationParams params, const T* x, T* y, index_t n) {
  const Range part = team.share(n, kGrain);
  kernels<T>().activation.forward[static_cast<int>(f)](x + part.begin, y + part.begin, part.end - part.begin,
                                                       static_cast<T>(params.alpha), static_cast<T>(params.beta));
}

template <class T>
void activation_backward(Team& team, Activation f, ActivationParams params, const T* dy, const T* saved, T* dx,
                         index_t n) {
  const ActivationKernels<T>& table = kernels<T>().activation;
  const auto backward =
      (derivative_from_output(f, params) ? table.backward_from_output : table.backward_from_input)[static_cast<int>(f)];
  const Range part = team.share(n, kGrain);
  backward(dy + part.begin, saved + part.begin, dx + part.begin, part.end - part.begin, static_cast<T>(params.alpha),
           static_cast<T>(params.beta));
}

template <class T>
void prelu_forward(Team& team, MatrixView<const T> x, const T* alpha, index_t alpha_size, MatrixView<T> y) {
  const Range rows = team.share(x.rows);
  for (index_t i = rows.begin; i < rows.end; ++i) {
    kernels<T>().activation.prelu(x.at(i), alpha, alpha_size, y.at(i), x.cols);
  }
}

template <class T>
void prelu_backward(Team& team, MatrixView<const T> x, const T* alpha, index_t alpha_size, MatrixView<const T> dy,
                    MatrixView<T> dx, T* dalpha) {
  const ActivationKernels<T>& table = kernels<T>().activation;
  if (dalpha == nullptr) {
    const Range rows = team.share(x.rows);
    for (index_t i = rows.begin; i < rows.end; ++i) {
      table.prelu_backward(dy.at(i), x.at(i), alpha, alpha_size, dx.at(i), static_cast<T*>(nullptr), x.cols);
    }
    return;
  }
  // Members share the columns, so that each dalpha is summed by one of them, down the rows in their order. One alpha
  // for everything is one output: a single member does it all, in the same order for any team.
  const Range cols = alpha_size != 1 ? team.share(x.cols, 64 / static_cast<index_t>(sizeof(T)))
                                     : Range{0, team.rank() == 0 ? x.cols : 0};
  if (alpha_size == 1 && team.rank() == 0) dalpha[0] = 0;
  if (alpha_size != 1) {
    for (index_t j = cols.begin; j < cols.end; ++j) dalpha[j] = 0;
  }
  if (cols.begin == cols.end) return;
  const index_t j = cols.begin, n = cols.end - cols.begin, a = alpha_size != 1 ? j : 0;
  for (index_t i = 0; i < x.rows; ++i) {
    table.prelu_backward(dy.at(i, j), x.at(i, j), alpha + a, alpha_size != 1 ? n : 1, dx ? dx.at(i, j) : nullptr,
                         dalpha + a, n);
  }
}

template <class T>
void relu_masked(Team& team, const T* x, T* y, bool* mask, index_t n) {
  const Range part = team.share(n, kGrain);
  kernels<T>().activation.relu_masked(x + part.begin, y + part.begin, mask + part.begin, part.end - part.begin);
}
template <class T>
void zero_masked(Team& team, const bool* mask, T* dy, index_t n) {
  const Range part = team.share(n, kGrain);
  kernels<T>().activation.zero_masked(mask + part.begin, dy + part.begin, part.end - part.begin);
}

#define NNFAST_INSTANTIATE(T)                                                                                        \
  template void activation_forward<T>(Team&, Activation, ActivationParams, const T*, T*, index_t);                   \
  template void activation_backward<T>(Team&, Activation, ActivationParams, const T*, const T*, T*, index_t);        \
  template void prelu_forward<T>(Team&, MatrixView<const T>, const T*, index_t, MatrixView<T>);                      \
  template void relu_masked(Team&, const T*, T*, bool*, index_t);                                                    \
  template void zero_masked(Team&, const bool*, T*, index_t);                                                        \
  template void prelu_backward<T>(Team&, MatrixView<const T>, const T*, index_t, MatrixView<const T>, MatrixView<T>, \
                                  T*);
NNFAST_INSTANTIATE(float)
NNFAST_INSTANTIATE(double)
#undef NNFAST_INSTANTIATE

}  // namespace nnfast
