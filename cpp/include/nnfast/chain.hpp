#pragma once
// The affine layers of a course's network with what stands between them, forward and backward in one region each, on
// arrays that all belong to the caller: a course's network is a dict of arrays, and everything between its layers can
// be looked at afterwards. (nnfast's own networks run as a Plan.)
//
//   z_i = y_{i-1} W_i + b_i,  y_i = f(normalization(z_i))
//
// A member of the team takes its rows through the layers; only batch normalization makes it wait for the others.

#include <span>

#include "nnfast/activation.hpp"
#include "nnfast/matrix.hpp"
#include "nnfast/parallel.hpp"

namespace nnfast {

enum class ChainNorm : unsigned char { none, batch, running, layer };

/// One affine layer, what follows it, and their gradients. Matrices are (batch, out), contiguous.
template <class T>
struct ChainLink {
  MatrixView<const T> W;
  const T* b = nullptr;
  ChainNorm norm = ChainNorm::none;
  const T* gamma = nullptr;
  const T* beta = nullptr;
  double eps = 0;
  bool activated = false;
  Activation f = Activation::relu;

  T* z = nullptr;        // where a normalization follows
  T* y = nullptr;        // what the next layer gets
  bool* mask = nullptr;  // with f = relu: where its input is <= 0, where wanted
  T* xc = nullptr;       // z - mean and (z - mean) / std, where wanted
  T* xn = nullptr;
  T* mean = nullptr;  // (out,), of layer normalization (batch,); the running ones are inputs
  T* var = nullptr;
  T* inv_std = nullptr;

  T* dn = nullptr;  // of the normalization's output
  T* dz = nullptr;
  MatrixView<T> dW;
  T* db = nullptr;
  T* dgamma = nullptr;
  T* dbeta = nullptr;
};

/// Nanoseconds of one thread for a forward pass.
template <class T>
double chain_nanoseconds(std::span<const ChainLink<T>> links, index_t batch);

/// x (batch, in) of any strides may be float where the rest is double.
template <class S, class T>
void chain_forward(Team& team, MatrixView<const S> x, std::span<const ChainLink<T>> links);
/// From the last dz to all dW, db, dgamma, dbeta; dW takes in `decay` W. There is no dx: nobody asks for that of the
/// data.
template <class S, class T>
void chain_backward(Team& team, MatrixView<const S> x, std::span<const ChainLink<T>> links, T decay);

}  // namespace nnfast
