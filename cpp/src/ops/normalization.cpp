#include "nnfast/normalization.hpp"

#include "dispatch/select.hpp"

namespace nnfast {
namespace {

/// This member's columns, in blocks of 64 bytes.
template <class T>
Range share_columns(const Team& team, index_t cols) {
  return team.share(cols, 64 / static_cast<index_t>(sizeof(T)));
}

template <class T>
T* from(T* p, Range share) {
  return p ? p + share.begin : p;
}

/// x and what belongs to columns; a statistic that a kernel only reads is not written through these pointers.
template <class T>
NormalizationArgs<T> column_args(Range cols, MatrixView<const T> x, const T* gamma, const T* beta, double eps,
                                 const T* mean, const T* var, const T* inv_std) {
  NormalizationArgs<T> a = {};
  a.rows = x.rows;
  a.cols = cols.end - cols.begin;
  a.x = x.at(0, cols.begin);
  a.x_row = x.row_stride;
  a.gamma = from(gamma, cols);
  a.beta = from(beta, cols);
  a.eps = eps;
  a.mean = const_cast<T*>(from(mean, cols));
  a.var = const_cast<T*>(from(var, cols));
  a.inv_std = const_cast<T*>(from(inv_std, cols));
  return a;
}

template <class T>
void add_gradients(NormalizationArgs<T>& a, Range cols, MatrixView<const T> dy, MatrixView<T> dx, T* dgamma, T* dbeta) {
  a.dy = dy.at(0, cols.begin);
  a.dy_row = dy.row_stride;
  a.dx = dx ? dx.at(0, cols.begin) : nullptr;
  a.dx_row = dx.row_stride;
  a.dgamma = from(dgamma, cols);
  a.dbeta = from(dbeta, cols);
}

}  // namespace

template <class T>
void batch_normalization_train(Team& team, MatrixView<const T> x, const T* gamma, const T* beta, double eps, T* mean,
                               T* var, T* inv_std, MatrixView<T> y, T* xc, T* xn) {
  const Range cols = share_columns<T>(team, x.cols);
  NormalizationArgs<T> a = column_args(cols, x, gamma, beta, eps, mean, var, inv_std);
  a.y = y.at(0, cols.begin);
  a.y_row = y.row_stride;
  a.xc = from(xc, cols);
  a.xn = from(xn, cols);
  kernels<T>().columnwise.batch_normalization_train(a);
}

template <class T>
void update_running_statistics(Team& team, const T* mean, const T* var, index_t rows, index_t cols, double momentum,
                               bool unbiased, T* running_mean, T* running_var) {
  const Range share = share_columns<T>(team, cols);
  const double n = static_cast<double>(rows);
  const double correction = unbiased && rows > 1 ? n / (n - 1) : 1;
  for (index_t j = share.begin; j < share.end; ++j) {
    const double m = static_cast<double>(mean[j]);
    const double v = static_cast<double>(var[j]) * correction;
    running_mean[j] = static_cast<T>(momentum * static_cast<double>(running_mean[j]) + (1 - momentum) * m);
    running_var[j] = static_cast<T>(momentum * static_cast<double>(running_var[j]) + (1 - momentum) * v);
  }
}

template <class T>
void batch_normalization_inference(Team& team, MatrixView<const T> x, const T* gamma, const T* beta,
                                   const T* running_mean, const T* running_var, double eps, MatrixView<T> y) {
  const Range cols = share_columns<T>(team, x.cols);
  NormalizationArgs<T> a = column_args<T>(cols, x, gamma, beta, eps, running_mean, running_var, nullptr);
  a.y = y.at(0, cols.begin);
  a.y_row = y.row_stride;
  kernels<T>().columnwise.batch_normalization_inference(a);
}

template <class T>
void batch_normalization_backward(Team& team, MatrixView<const T> x, const T* gamma, const T* mean, const T* inv_std,
                                  MatrixView<const T> dy, MatrixView<T> dx, T* dgamma, T* dbeta) {
  const Range cols = share_columns<T>(team, x.cols);
  NormalizationArgs<T> a = column_args<T>(cols, x, gamma, nullptr, 0, mean, nullptr, inv_std);
  add_gradients(a, cols, dy, dx, dgamma, dbeta);
  kernels<T>().columnwise.batch_normalization_backward(a);
}

template <class T>
void batch_normalization_inference_backward(Team& team, MatrixView<const T> x, const T* gamma, const T* running_mean,
                                            const T* running_var, double eps, MatrixView<const T> dy, MatrixView<T> dx,
                                            T* dgamma, T* dbeta) {
  const Range cols = share_columns<T>(team, x.cols);
  NormalizationArgs<T> a = column_args<T>(cols, x, gamma, nullptr, eps, running_mean, running_var, nullptr);
  add_gradients(a, cols, dy, dx, dgamma, dbeta);
  kernels<T>().columnwise.batch_normalization_inference_backward(a);
}

template <class T>
void layer_normalization_forward(Team& team, MatrixView<const T> x, const T* gamma, const T* beta, double eps, T* mean,
                                 T* inv_std, MatrixView<T> y) {
  const Range rows = team.share(x.rows);
  LayerNormalizationArgs<T> a = {};
  a.rows = rows.end - rows.begin;
  a.cols = x.cols;
  a.x = x.at(rows.begin);
  a.x_row = x.row_stride;
  a.gamma = gamma;
  a.beta = beta;
  a.eps = eps;
  a.mean = mean + rows.begin;
  a.inv_std = inv_std + rows.begin;
  a.y = y.at(rows.begin);
  a.y_row = y.row_stride;
  kernels<T>().rowwise.layer_normalization(a);
}

template <class T>
void layer_normalization_backward(Team& team, MatrixView<const T> x, const T* gamma, const T* mean, const T* inv_std,
                                  MatrixView<const T> dy, MatrixView<T> dx, T* dgamma, T* dbeta) {
  if (dgamma || dbeta) {
    const Range cols = share_columns<T>(team, x.cols);
    NormalizationArgs<T> a = column_args<T>(cols, x, nullptr, nullptr, 0, nullptr, nullptr, nullptr);
    a.mean = const_cast<T*>(mean);
    a.inv_std = const_cast<T*>(inv_std);
    add_gradients(a, cols, dy, MatrixView<T>(), dgamma, dbeta);
    kernels<T>().columnwise.layer_normalization_parameters(a);
    if (dx) team.barrier();
  }
  if (!dx) return;
  const Range rows = team.share(x.rows);
  LayerNormalizationArgs<T> a = {};
  a.rows = rows.end - rows.begin;
  a.cols = x.cols;
  a.x = x.at(rows.begin);
  a.x_row = x.row_stride;
  a.gamma = gamma;
  a.mean = const_cast<T*>(mean) + rows.begin;
  a.inv_std = const_cast<T*>(inv_std) + rows.begin;
  a.dy = dy.at(rows.begin);
  a.dy_row = dy.row_stride;
  a.dx = dx.at(rows.begin);
  a.dx_row = dx.row_stride;
  kernels<T>().rowwise.layer_normalization_backward(a);
}

#define NNFAST_INSTANTIATE(T)                                                                                     \
  template void batch_normalization_train(Team&, MatrixView<const T>, const T*, const T*, double, T*, T*, T*,     \
                                          MatrixView<T>, T*, T*);                                                 \
  template void update_running_statistics(Team&, const T*, const T*, index_t, index_t, double, bool, T*, T*);     \
  template void batch_normalization_inference(Team&, MatrixView<const T>, const T*, const T*, const T*, const T*, \
                                              double, MatrixView<T>);                                             \
  template void batch_normalization_backward(Team&, MatrixView<const T>, const T*, const T*, const T*,            \
                                             MatrixView<const T>, MatrixView<T>, T*, T*);                         \
  template void batch_normalization_inference_backward(Team&, MatrixView<const T>, const T*, const T*, const T*,  \
                                                       double, MatrixView<const T>, MatrixView<T>, T*, T*);       \
  template void layer_normalization_forward(Team&, MatrixView<const T>, const T*, const T*, double, T*, T*,       \
                                            MatrixView<T>);                                                       \
  template void layer_normalization_backward(Team&, MatrixView<const T>, const T*, const T*, const T*,            \
                                             MatrixView<const T>, MatrixView<T>, T*, T*);
NNFAST_INSTANTIATE(float)
NNFAST_INSTANTIATE(double)
#undef NNFAST_INSTANTIATE

}  // namespace nnfast
