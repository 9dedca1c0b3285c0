#include "nnfast/loss.hpp"

#include "dispatch/select.hpp"

namespace nnfast {
namespace {

bool is_ignored(const LossSpec& spec, index_t label) { return spec.has_ignore_index && label == spec.ignore_index; }

}  // namespace

index_t first_bad_label(const LossSpec& spec, const index_t* labels, index_t batch, index_t cols) {
  for (index_t i = 0; i < batch; ++i) {
    if ((labels[i] < 0 || labels[i] >= cols) && !is_ignored(spec, labels[i])) return i;
  }
  return -1;
}

template <class T>
double loss_normalizer(const LossSpec& spec, const Targets<T>& t, index_t batch, index_t cols) {
  if (spec.reduction == Reduction::none || spec.reduction == Reduction::sum) return 1;
  const bool mean = spec.reduction == Reduction::mean;
  const bool by_class =
      mean && t.labels && t.class_weight && (spec.loss == Loss::softmax_cross_entropy || spec.loss == Loss::hinge);
  double sum = 0;
  for (index_t i = 0; i < batch; ++i) {
    if (t.labels && is_ignored(spec, t.labels[i])) continue;
    const double sample = t.sample_weight ? static_cast<double>(t.sample_weight[i]) : 1;
    sum += by_class ? sample * static_cast<double>(t.class_weight[t.labels[i]]) : sample;
  }
  const bool elementwise = spec.loss != Loss::softmax_cross_entropy && spec.loss != Loss::hinge;
  return mean && elementwise ? sum * static_cast<double>(cols) : sum;
}

template <class T>
void loss_rows(Team& team, const LossSpec& spec, MatrixView<const T> y, const Targets<T>& t, double normalizer,
               T* row_loss, MatrixView<T> dy, unsigned char* correct) {
  const Range rows = team.share(y.rows);
  LossArgs<T> a = {};
  a.rows = rows.end - rows.begin;
  a.cols = y.cols;
  a.y = y.at(rows.begin);
  a.y_row = y.row_stride;
  a.labels = t.labels ? t.labels + rows.begin : nullptr;
  a.dense = t.labels ? nullptr : t.dense.at(rows.begin);
  a.dense_row = t.dense.row_stride;
  a.class_weight = t.class_weight;
  a.sample_weight = t.sample_weight ? t.sample_weight + rows.begin : nullptr;
  a.has_ignore_index = spec.has_ignore_index;
  a.ignore_index = spec.ignore_index;
  a.normalizer = normalizer;
  a.label_smoothing = static_cast<T>(spec.label_smoothing);
  a.factor = spec.loss == Loss::squared_error ? static_cast<T>(spec.factor) : T{1};
  a.delta = static_cast<T>(spec.delta);
  a.margin = static_cast<T>(spec.margin);
  a.loss = row_loss + rows.begin;
  a.dy = dy ? dy.at(rows.begin) : nullptr;
  a.dy_row = dy.row_stride;
  a.correct = correct ? correct + rows.begin : nullptr;
  kernels<T>().rowwise.loss[static_cast<int>(spec.loss)](a);
}

template <class T>
double sum_rows(const T* row_loss, index_t n) {
  return kernels<T>().rowwise.sum(row_loss, n);
}

#define NNFAST_INSTANTIATE(T)                                                                                        \
  template double loss_normalizer(const LossSpec&, const Targets<T>&, index_t, index_t);                             \
  template void loss_rows(Team&, const LossSpec&, MatrixView<const T>, const Targets<T>&, double, T*, MatrixView<T>, \
                          unsigned char*);                                                                           \
  template double sum_rows(const T*, index_t);
NNFAST_INSTANTIATE(float)
NNFAST_INSTANTIATE(double)
#undef NNFAST_INSTANTIATE

}  // namespace nnfast
