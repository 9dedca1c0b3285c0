#pragma once
// Convolution and max pooling over images (batch, channels, height, width), all arrays contiguous. They serve the
// chapters on convolution of the courses; the layers of a Network have none.

#include <algorithm>

#include "nnfast/parallel.hpp"

namespace nnfast {

/// Where a filter or a pool of filter_h x filter_w stands on images with `pad` zeros around them.
struct Windows {
  index_t batch;
  index_t channels;
  index_t height;
  index_t width;
  index_t filter_h;
  index_t filter_w;
  index_t stride;
  index_t pad;

  [[nodiscard]] index_t out_h() const { return (height + 2 * pad - filter_h) / stride + 1; }
  [[nodiscard]] index_t out_w() const { return (width + 2 * pad - filter_w) / stride + 1; }
  [[nodiscard]] index_t positions() const { return out_h() * out_w(); }
  [[nodiscard]] index_t image() const { return channels * height * width; }
  [[nodiscard]] index_t filter() const { return channels * filter_h * filter_w; }
};

/// im2col: patches (batch, out_h, out_w, channels, filter_h, filter_w).
template <class T>
void patches(Team& team, const Windows& w, const T* x, T* patches);
/// col2im, its transpose: x (batch, channels, height, width) takes the sum of what stood at each place.
template <class T>
void add_patches(Team& team, const Windows& w, const T* patches, T* x);

/// How many elements of `workspace` a team of so many members needs.
template <class T>
index_t convolution_workspace(const Windows& w, index_t filters, int members, bool backward);

/// y (batch, filters, out_h, out_w) = W (filters, channels, filter_h, filter_w) over x, plus b (filters) if not null.
template <class T>
void convolution_forward(Team& team, const Windows& w, index_t filters, const T* x, MatrixView<const T> W, const T* b,
                         T* y, T* workspace);
/// dx, dW (contiguous) and db. Sums over the batch run over a grid of chunks fixed by the shape.
template <class T>
void convolution_backward(Team& team, const Windows& w, index_t filters, const T* x, MatrixView<const T> W, const T* dy,
                          T* dx, T* dW, T* db, T* workspace);

/// y (batch, channels, out_h, out_w): the largest of each window, zeros around the image among them; NaN if there is
/// one. `where`: its index in the window, row by row; the first of several.
template <class T>
void max_pool_forward(Team& team, const Windows& w, const T* x, T* y, index_t* where);
template <class T>
void max_pool_backward(Team& team, const Windows& w, const T* dy, const index_t* where, T* dx);

}  // namespace nnfast
