#include "nnfast/sigmoid_descent.hpp"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "dispatch/select.hpp"
#include "nnfast/activation.hpp"
#include "nnfast/gemm.hpp"

namespace nnfast {
namespace {

// A row that is widened may be written beyond its end.
constexpr index_t kSlack = kPackSlack / static_cast<index_t>(sizeof(double));

/// The matrices of one mini-batch, cut from the caller's memory.
struct Buffers {
  std::vector<MatrixView<double>> a;      // the input, and every layer's output
  std::vector<MatrixView<double>> delta;  // every layer's
  MatrixView<double> step;                // -eta / m delta of the layer in hand

  Buffers(double* memory, index_t rows, index_t in, std::span<const SigmoidLayer> layers) {
    const auto take = [&](index_t cols, index_t stride) {
      const MatrixView<double> view(memory, rows, cols, stride, 1);
      memory += rows * stride;
      return view;
    };
    a.push_back(take(in, in + kSlack));
    index_t widest = 0;
    for (const SigmoidLayer& layer : layers) {
      a.push_back(take(layer.W.cols, layer.W.cols));
      delta.push_back(take(layer.W.cols, layer.W.cols));
      widest = std::max(widest, layer.W.cols);
    }
    step = take(widest, widest);
  }
};

template <class S>
void gather(const Team& team, MatrixView<const S> x, const index_t* chosen, MatrixView<double> a) {
  const Range rows = team.share(a.rows);
  for (index_t r = rows.begin; r < rows.end; ++r) {
    if constexpr (std::is_same_v<S, float>) {
      kernels<double>().gemm.pack_floats(x.at(chosen[r]), x.cols, 1, 1, x.cols, x.cols, 1.0, a.at(r));
    } else {
      std::copy_n(x.at(chosen[r]), x.cols, a.at(r));
    }
  }
}

/// delta of the outputs, by rows.
void begin_backward(Team& alone, Range rows, MatrixView<const double> y, const index_t* chosen,
                    MatrixView<const double> a, bool quadratic, MatrixView<double> delta) {
  for (index_t r = rows.begin; r < rows.end; ++r) {
    for (index_t j = 0; j < a.cols; ++j) *delta.at(r, j) = *a.at(r, j) - *y.at(chosen[r], j);
    if (quadratic)
      activation_backward<double>(alone, Activation::sigmoid, {}, delta.at(r), a.at(r), delta.at(r), a.cols);
  }
}

}  // namespace

template <class S>
index_t SigmoidDescent<S>::workspace() const {
  index_t widths = x.cols + kSlack;
  index_t widest = 0;
  for (const SigmoidLayer& layer : layers) {
    widths += 2 * layer.W.cols;
    widest = std::max(widest, layer.W.cols);
  }
  return batch * (widths + widest);
}

template <class S>
double SigmoidDescent<S>::nanoseconds_per_meeting() const {
  double sum = 0;
  for (const SigmoidLayer& layer : layers) sum += gemm_nanoseconds(batch, layer.W.cols, layer.W.rows);
  return 6 * sum / static_cast<double>(3 * layers.size() + 2);  // three products in double; see run
}

template <class S>
void SigmoidDescent<S>::run(Team& team, double* memory) const {
  Team alone(0, 1, team.scratch());
  const auto count = static_cast<index_t>(order.size());
  for (index_t first = 0; first < count; first += batch) {
    const index_t m = std::min(batch, count - first);
    const index_t* const chosen = order.data() + first;
    const Buffers buffers(memory, m, x.cols, layers);
    const double rate = -eta / static_cast<double>(m);
    gather(team, x, chosen, buffers.a[0]);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      team.barrier();
      GemmOptions<double> options;
      options.epilogue.bias = layers[i].b;
      options.epilogue.activate = true;
      options.epilogue.f = Activation::sigmoid;
      gemm<double>(team, buffers.a[i], layers[i].W, buffers.a[i + 1], options);
    }
    team.barrier();
    begin_backward(alone, team.share(m), y, chosen, buffers.a.back(), quadratic, buffers.delta.back());
    for (std::size_t i = layers.size(); i-- > 0;) {
      team.barrier();
      const SigmoidLayer& layer = layers[i];
      const MatrixView<double> delta = buffers.delta[i];
      const MatrixView<double> step(buffers.step.data, m, layer.W.cols);
      const Range share = team.share(m * layer.W.cols);
      for (index_t j = share.begin; j < share.end; ++j) step.data[j] = rate * delta.data[j];
      if (i > 0) {
        GemmOptions<double> options;
        options.epilogue.saved = buffers.a[i];
        options.epilogue.f = Activation::sigmoid;
        gemm<double>(team, delta, layer.W.transposed(), buffers.delta[i - 1], options);
      }
      team.barrier();
      GemmOptions<double> options;
      options.beta = decay;
      if (layer.W.col_stride == 1) {
        gemm<double>(team, buffers.a[i].transposed(), step, layer.W, options);
      } else {
        gemm<double>(team, step.transposed(), buffers.a[i], layer.W.transposed(), options);
      }
      const Range columns = team.share(layer.W.cols);
      for (index_t r = 0; r < m; ++r) {
        for (index_t j = columns.begin; j < columns.end; ++j) layer.b[j] += *step.at(r, j);
      }
    }
    team.barrier();
  }
}

template struct SigmoidDescent<float>;
template struct SigmoidDescent<double>;

}  // namespace nnfast
