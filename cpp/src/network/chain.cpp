#include "nnfast/chain.hpp"

#include "nnfast/gemm.hpp"
#include "nnfast/normalization.hpp"

namespace nnfast {
namespace {

template <class T>
MatrixView<T> rows_of(T* data, Range rows, index_t cols) {
  return {data == nullptr ? nullptr : data + rows.begin * cols, rows.end - rows.begin, cols};
}

/// What the product and the normalization have not done yet.
template <class T>
void activate(Team& alone, const ChainLink<T>& link, Range rows) {
  const index_t at = rows.begin * link.W.cols;
  const index_t n = (rows.end - rows.begin) * link.W.cols;
  if (link.mask != nullptr) {
    relu_masked(alone, link.y + at, link.y + at, link.mask + at, n);
  } else if (link.activated && link.norm != ChainNorm::none) {
    activation_forward(alone, link.f, {}, link.y + at, link.y + at, n);
  }
}

template <class T>
void normalize(Team& team, Team& alone, const ChainLink<T>& link, Range rows, index_t batch) {
  const index_t out = link.W.cols;
  const MatrixView<const T> z = rows_of<const T>(link.z, rows, out);
  const MatrixView<T> y = rows_of(link.y, rows, out);
  switch (link.norm) {
    case ChainNorm::none: return;
    case ChainNorm::batch:
      team.barrier();
      batch_normalization_train(team, MatrixView<const T>(link.z, batch, out), link.gamma, link.beta, link.eps,
                                link.mean, link.var, link.inv_std, MatrixView<T>(link.y, batch, out), link.xc, link.xn);
      team.barrier();
      return;
    case ChainNorm::running:
      batch_normalization_inference<T>(alone, z, link.gamma, link.beta, link.mean, link.var, link.eps, y);
      return;
    case ChainNorm::layer:
      layer_normalization_forward(alone, z, link.gamma, link.beta, link.eps, link.mean + rows.begin,
                                  link.inv_std + rows.begin, y);
      return;
  }
}

/// dW = decay W, which the product is added to.
template <class T>
void start_with_decay(const Team& team, const ChainLink<T>& link, T decay) {
  if (decay == 0) return;
  const Range rows = team.share(link.W.rows);
  for (index_t i = rows.begin; i < rows.end; ++i) {
    for (index_t j = 0; j < link.W.cols; ++j) *link.dW.at(i, j) = decay * *link.W.at(i, j);
  }
}

}  // namespace

template <class T>
double chain_nanoseconds(std::span<const ChainLink<T>> links, index_t batch) {
  double sum = 0;
  for (const ChainLink<T>& link : links) sum += gemm_nanoseconds(batch, link.W.cols, link.W.rows);
  return sum * static_cast<double>(sizeof(T)) / 4;
}

template <class S, class T>
void chain_forward(Team& team, MatrixView<const S> x, std::span<const ChainLink<T>> links) {
  Team alone(0, 1, team.scratch());
  const Range rows = team.share(x.rows);
  const index_t count = rows.end - rows.begin;
  const ChainLink<T>* before = nullptr;
  for (const ChainLink<T>& link : links) {
    GemmOptions<T> options;
    options.epilogue.bias = link.b;
    options.epilogue.activate = link.activated && link.norm == ChainNorm::none && link.mask == nullptr;
    options.epilogue.f = link.f;
    const MatrixView<T> to = rows_of(link.norm == ChainNorm::none ? link.y : link.z, rows, link.W.cols);
    if (before == nullptr) {
      gemm(alone, x.block(rows.begin, 0, count, x.cols), link.W, to, options);
    } else {
      gemm(alone, rows_of<const T>(before->y, rows, link.W.rows), link.W, to, options);
    }
    normalize(team, alone, link, rows, x.rows);
    activate(alone, link, rows);
    before = &link;
  }
}

template <class S, class T>
void chain_backward(Team& team, MatrixView<const S> x, std::span<const ChainLink<T>> links, T decay) {
  Team alone(0, 1, team.scratch());
  const index_t batch = x.rows;
  const Range rows = team.share(batch);
  for (std::size_t i = links.size(); i-- > 1;) {
    const ChainLink<T>& link = links[i];
    const ChainLink<T>& before = links[i - 1];
    const index_t out = before.W.cols;
    GemmOptions<T> options;
    if (before.activated) {
      options.epilogue.saved = rows_of<const T>(before.y, rows, out);
      options.epilogue.f = before.f;
    }
    const bool normalized = before.norm != ChainNorm::none;
    const MatrixView<T> dn = rows_of(normalized ? before.dn : before.dz, rows, out);
    gemm(alone, rows_of<const T>(link.dz, rows, link.W.cols), link.W.transposed(), dn, options);
    if (before.norm == ChainNorm::batch) {
      team.barrier();
      batch_normalization_backward(team, MatrixView<const T>(before.z, batch, out), before.gamma,
                                   static_cast<const T*>(before.mean), static_cast<const T*>(before.inv_std),
                                   MatrixView<const T>(before.dn, batch, out), MatrixView<T>(before.dz, batch, out),
                                   before.dgamma, before.dbeta);
      team.barrier();
    } else if (before.norm == ChainNorm::layer) {
      layer_normalization_backward(alone, rows_of<const T>(before.z, rows, out), before.gamma,
                                   static_cast<const T*>(before.mean + rows.begin),
                                   static_cast<const T*>(before.inv_std + rows.begin), MatrixView<const T>(dn),
                                   rows_of(before.dz, rows, out), static_cast<T*>(nullptr), static_cast<T*>(nullptr));
    }
  }
  for (const ChainLink<T>& link : links) start_with_decay(team, link, decay);
  team.barrier();
  const ChainLink<T>* before = nullptr;
  for (const ChainLink<T>& link : links) {
    const MatrixView<const T> dz(link.dz, batch, link.W.cols);
    GemmOptions<T> options;
    options.b_column_sums = link.db;
    options.beta = decay == 0 ? T{0} : T{1};
    if (before == nullptr) {
      gemm(team, x.transposed(), dz, link.dW, options);
    } else {
      gemm(team, MatrixView<const T>(before->y, batch, link.W.rows).transposed(), dz, link.dW, options);
    }
    if (link.norm == ChainNorm::layer) {
      layer_normalization_backward(
          team, MatrixView<const T>(link.z, batch, link.W.cols), static_cast<const T*>(nullptr),
          static_cast<const T*>(link.mean), static_cast<const T*>(link.inv_std),
          MatrixView<const T>(link.dn, batch, link.W.cols), MatrixView<T>(), link.dgamma, link.dbeta);
    }
    before = &link;
  }
}

#define NNFAST_INSTANTIATE(S, T)                                                          \
  template void chain_forward(Team&, MatrixView<const S>, std::span<const ChainLink<T>>); \
  template void chain_backward(Team&, MatrixView<const S>, std::span<const ChainLink<T>>, T);
NNFAST_INSTANTIATE(float, float)
NNFAST_INSTANTIATE(float, double)
NNFAST_INSTANTIATE(double, double)
#undef NNFAST_INSTANTIATE
template double chain_nanoseconds(std::span<const ChainLink<float>>, index_t);
template double chain_nanoseconds(std::span<const ChainLink<double>>, index_t);

}  // namespace nnfast
