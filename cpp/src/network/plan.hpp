#pragma once
// What a plan is made of; included by the files of network/ only.

#include <atomic>
#include <chrono>
#include <optional>

#include "network/tempo.hpp"
#include "network/workspace.hpp"

namespace nnfast {

/// A layer with what the plan found out about it. An activation that follows an affine layer is that layer's epilogue.
template <class T>
struct Plan<T>::Node : Layer {
  bool activated = false;    // affine: f, params are the activation that was fused
  bool keeps_z = false;      // affine: f' needs the pre-activation
  bool from_output = false;  // f' is taken from the output
};

/// Matrices (batch, width) of a training step.
template <class T>
struct Plan<T>::Workspace {
  Tempo tempo;
  Buffer<T> slab;
  Buffer<double> partials;
  Buffer<index_t> labels;
  Buffer<unsigned char> correct;
  std::vector<T*> y;      // output of node i
  std::vector<T*> z;      // pre-activation of node i, or null
  std::vector<T*> dy;     // gradient of the output of node i; of z where an activation was fused
  std::vector<T*> stats;  // batch normalization: mean, var, inv_std (width each); layer normalization: mean, inv_std
  T* gathered_x = nullptr;
  T* gathered_t = nullptr;
  T* gathered_weight = nullptr;
  T* row_loss = nullptr;

  std::uint64_t seed = 0;  // of the recorded forward
  std::uint64_t step = 0;

  index_t batch = 0;
  index_t target_cols = -1;

  /// Sizes everything for a batch; `dense_cols` is the width of dense targets, 0 for labels.
  void reserve(const Plan& plan, index_t rows, index_t dense_cols);
};

}  // namespace nnfast
