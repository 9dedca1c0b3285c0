// A convolution is a product per image: y_n (filters, positions) = W (filters, filter) col_n, with the patches of the
// image as the columns of col_n. Row (c, i, j) of col_n is channel c, shifted: runs of memory, and small enough for L2,
// while the patches of a whole batch, as the courses write them out, go through main memory several times.

#include "nnfast/convolution.hpp"

#include "nnfast/gemm.hpp"

namespace nnfast {
namespace {

constexpr index_t kColumnBytes = index_t{256} << 10;  // of col_n at a time, for L2
constexpr index_t kChunks = 16;                       // pieces of the batch with sums of their own

/// Of the outputs at `begin` + 0, 1, ... < `end` along one axis, those whose input at offset `shift` is in the image.
Range inside(index_t begin, index_t end, index_t shift, index_t stride, index_t length) {
  index_t first = begin;
  while (first < end && first * stride + shift < 0) ++first;
  index_t last = end;
  while (last > first && (last - 1) * stride + shift >= length) --last;
  return {first, last};
}

/// Rows of the output that a block of columns of col_n holds.
template <class T>
index_t block_rows(const Windows& w) {
  const index_t bytes = (w.filter() + 1) * w.out_w() * static_cast<index_t>(sizeof(T));
  return std::clamp<index_t>(kColumnBytes / std::max<index_t>(bytes, 1), 1, std::max<index_t>(w.out_h(), 1));
}

template <class T>
index_t block_size(const Windows& w) {
  return (w.filter() + 1) * block_rows<T>(w) * w.out_w();
}

/// Calls f(row of col, first output row and column, their input, how many columns) for each run inside the image.
template <class F>
void runs(const Windows& w, Range rows, F&& f) {
  index_t row = 0;
  for (index_t c = 0; c < w.channels; ++c) {
    for (index_t i = 0; i < w.filter_h; ++i) {
      for (index_t j = 0; j < w.filter_w; ++j, ++row) {
        const Range across = inside(0, w.out_w(), j - w.pad, w.stride, w.width);
        const Range down = inside(rows.begin, rows.end, i - w.pad, w.stride, w.height);
        f(row, (c * w.height + i - w.pad) * w.width + j - w.pad, down, across);
      }
    }
  }
}

/// col (filter + 1, rows of the output x out_w) of one image; the last row is ones, whose product with dy is db.
template <class T>
void unfold(const Windows& w, Range rows, const T* image, T* col) {
  const index_t width = w.out_w();
  const index_t columns = (rows.end - rows.begin) * width;
  runs(w, rows, [&](index_t row, index_t offset, Range down, Range across) {
    T* const to = col + row * columns;
    if (down.end - down.begin < rows.end - rows.begin || across.end - across.begin < width)
      std::fill_n(to, columns, T{0});
    for (index_t y = down.begin; y < down.end; ++y) {
      const T* const from = image + offset + y * w.stride * w.width;
      T* const line = to + (y - rows.begin) * width;
      if (w.stride == 1) {
        for (index_t x = across.begin; x < across.end; ++x) line[x] = from[x];
      } else {
        for (index_t x = across.begin; x < across.end; ++x) line[x] = from[x * w.stride];
      }
    }
  });
  std::fill_n(col + w.filter() * columns, columns, T{1});
}

/// image += col, each element where it came from.
template <class T>
void fold(const Windows& w, Range rows, const T* col, T* image) {
  const index_t width = w.out_w();
  const index_t columns = (rows.end - rows.begin) * width;
  runs(w, rows, [&](index_t row, index_t offset, Range down, Range across) {
    const T* const from = col + row * columns;
    for (index_t y = down.begin; y < down.end; ++y) {
      T* const to = image + offset + y * w.stride * w.width;
      const T* const line = from + (y - rows.begin) * width;
      if (w.stride == 1) {
        for (index_t x = across.begin; x < across.end; ++x) to[x] += line[x];
      } else {
        for (index_t x = across.begin; x < across.end; ++x) to[x * w.stride] += line[x];
      }
    }
  });
}

/// The images of one chunk.
Range chunk(index_t batch, index_t count, index_t c) { return {batch * c / count, batch * (c + 1) / count}; }
index_t chunks(index_t batch) { return std::clamp<index_t>(batch, 1, kChunks); }

}  // namespace

template <class T>
void patches(Team& team, const Windows& w, const T* x, T* out) {
  const index_t size = w.filter();
  const Range lines = team.share(w.batch * w.out_h());
  for (index_t line = lines.begin; line < lines.end; ++line) {
    const T* const image = x + line / w.out_h() * w.image();
    const index_t top = line % w.out_h() * w.stride - w.pad;
    for (index_t position = 0; position < w.out_w(); ++position) {
      const index_t left = position * w.stride - w.pad;
      const Range across = inside(0, w.filter_w, left, 1, w.width);
      const Range down = inside(0, w.filter_h, top, 1, w.height);
      T* patch = out + (line * w.out_w() + position) * size;
      for (index_t c = 0; c < w.channels; ++c) {
        for (index_t i = 0; i < w.filter_h; ++i, patch += w.filter_w) {
          const bool in = i >= down.begin && i < down.end;
          const T* const from = image + (c * w.height + top + i) * w.width + left;
          for (index_t j = 0; j < w.filter_w; ++j) {
            patch[j] = in && j >= across.begin && j < across.end ? from[j] : T{0};
          }
        }
      }
    }
  }
}

template <class T>
void add_patches(Team& team, const Windows& w, const T* in, T* x) {
  const index_t size = w.filter();
  const Range images = team.share(w.batch);
  std::fill(x + images.begin * w.image(), x + images.end * w.image(), T{0});
  for (index_t line = images.begin * w.out_h(); line < images.end * w.out_h(); ++line) {
    T* const image = x + line / w.out_h() * w.image();
    const index_t top = line % w.out_h() * w.stride - w.pad;
    const Range down = inside(0, w.filter_h, top, 1, w.height);
    for (index_t position = 0; position < w.out_w(); ++position) {
      const index_t left = position * w.stride - w.pad;
      const Range across = inside(0, w.filter_w, left, 1, w.width);
      for (index_t c = 0; c < w.channels; ++c) {
        const T* const patch = in + (line * w.out_w() + position) * size + c * w.filter_h * w.filter_w;
        for (index_t i = down.begin; i < down.end; ++i) {
          T* const to = image + (c * w.height + top + i) * w.width + left;
          for (index_t j = across.begin; j < across.end; ++j) to[j] += patch[i * w.filter_w + j];
        }
      }
    }
  }
}

template <class T>
index_t convolution_workspace(const Windows& w, index_t filters, int members, bool backward) {
  if (!backward) return members * block_size<T>(w);
  return 2 * members * block_size<T>(w) + chunks(w.batch) * filters * (w.filter() + 1);
}

template <class T>
void convolution_forward(Team& team, const Windows& w, index_t filters, const T* x, MatrixView<const T> W, const T* b,
                         T* y, T* workspace) {
  T* const col = workspace + team.rank() * block_size<T>(w);
  const index_t height = block_rows<T>(w);
  const index_t blocks = (w.out_h() + height - 1) / height;
  const Range units = team.share(w.batch * blocks);
  Team alone(0, 1, team.scratch());
  for (index_t unit = units.begin; unit < units.end; ++unit) {
    const index_t n = unit / blocks;
    const index_t top = unit % blocks * height;
    const Range rows = {top, std::min(top + height, w.out_h())};
    const index_t columns = (rows.end - rows.begin) * w.out_w();
    unfold(w, rows, x + n * w.image(), col);
    T* const out = y + n * filters * w.positions() + rows.begin * w.out_w();
    const MatrixView<T> y_block(out, filters, columns, w.positions(), 1);
    gemm<T>(alone, W, MatrixView<const T>(col, w.filter(), columns), y_block);
    if (b == nullptr) continue;
    for (index_t f = 0; f < filters; ++f) {
      T* const line = y_block.at(f);
      for (index_t j = 0; j < columns; ++j) line[j] += b[f];
    }
  }
}

template <class T>
void convolution_backward(Team& team, const Windows& w, index_t filters, const T* x, MatrixView<const T> W, const T* dy,
                          T* dx, T* dW, T* db, T* workspace) {
  T* const col = workspace + team.rank() * 2 * block_size<T>(w);
  T* const dcol = col + block_size<T>(w);
  T* const sums = workspace + team.size() * 2 * block_size<T>(w);
  const index_t height = block_rows<T>(w);
  const index_t count = chunks(w.batch);
  const index_t width = w.filter() + 1;
  Team alone(0, 1, team.scratch());
  const Range mine = team.share(count);
  for (index_t c = mine.begin; c < mine.end; ++c) {
    const MatrixView<T> sum(sums + c * filters * width, filters, width);
    GemmOptions<T> options;
    const Range images = chunk(w.batch, count, c);
    if (images.begin == images.end) std::fill_n(sum.data, filters * width, T{0});
    for (index_t n = images.begin; n < images.end; ++n) {
      std::fill_n(dx + n * w.image(), w.image(), T{0});
      for (index_t top = 0; top < w.out_h(); top += height) {
        const Range rows = {top, std::min(top + height, w.out_h())};
        const index_t columns = (rows.end - rows.begin) * w.out_w();
        const T* const from = dy + n * filters * w.positions() + top * w.out_w();
        const MatrixView<const T> dy_block(from, filters, columns, w.positions(), 1);
        unfold(w, rows, x + n * w.image(), col);
        gemm<T>(alone, dy_block, MatrixView<const T>(col, width, columns).transposed(), sum, options);
        options.beta = 1;
        gemm<T>(alone, W.transposed(), dy_block, MatrixView<T>(dcol, w.filter(), columns));
        fold(w, rows, dcol, dx + n * w.image());
      }
    }
  }
  team.barrier();
  const Range own = team.share(filters);
  for (index_t f = own.begin; f < own.end; ++f) {
    for (index_t j = 0; j < width; ++j) {
      T total = sums[f * width + j];
      for (index_t c = 1; c < count; ++c) total += sums[(c * filters + f) * width + j];
      (j < w.filter() ? dW[f * w.filter() + j] : db[f]) = total;
    }
  }
}

template <class T>
void max_pool_forward(Team& team, const Windows& w, const T* x, T* y, index_t* where) {
  const Range planes = team.share(w.batch * w.channels);
  for (index_t plane = planes.begin; plane < planes.end; ++plane) {
    const T* const image = x + plane * w.height * w.width;
    index_t out = plane * w.positions();
    for (index_t top = -w.pad; top <= w.height + w.pad - w.filter_h; top += w.stride) {
      for (index_t left = -w.pad; left <= w.width + w.pad - w.filter_w; left += w.stride, ++out) {
        T best = 0;
        index_t at = -1;
        for (index_t i = 0; i < w.filter_h; ++i) {
          for (index_t j = 0; j < w.filter_w; ++j) {
            const bool in = top + i >= 0 && top + i < w.height && left + j >= 0 && left + j < w.width;
            const T value = in ? image[(top + i) * w.width + left + j] : T{0};
            // Not <= is larger or NaN; a NaN that is the best already stays.
            if (at < 0 || (!(value <= best) && best == best)) {
              best = value;
              at = i * w.filter_w + j;
            }
          }
        }
        y[out] = best;
        where[out] = at;
      }
    }
  }
}

template <class T>
void max_pool_backward(Team& team, const Windows& w, const T* dy, const index_t* where, T* dx) {
  const Range planes = team.share(w.batch * w.channels);
  for (index_t plane = planes.begin; plane < planes.end; ++plane) {
    T* const image = dx + plane * w.height * w.width;
    std::fill_n(image, w.height * w.width, T{0});
    index_t out = plane * w.positions();
    for (index_t top = -w.pad; top <= w.height + w.pad - w.filter_h; top += w.stride) {
      for (index_t left = -w.pad; left <= w.width + w.pad - w.filter_w; left += w.stride, ++out) {
        const index_t i = top + where[out] / w.filter_w;
        const index_t j = left + where[out] % w.filter_w;
        if (i >= 0 && i < w.height && j >= 0 && j < w.width) image[i * w.width + j] += dy[out];
      }
    }
  }
}

#define NNFAST_INSTANTIATE(T)                                                                                         \
  template void patches(Team&, const Windows&, const T*, T*);                                                         \
  template void add_patches(Team&, const Windows&, const T*, T*);                                                     \
  template index_t convolution_workspace<T>(const Windows&, index_t, int, bool);                                      \
  template void convolution_forward(Team&, const Windows&, index_t, const T*, MatrixView<const T>, const T*, T*, T*); \
  template void convolution_backward(Team&, const Windows&, index_t, const T*, MatrixView<const T>, const T*, T*, T*, \
                                     T*, T*);                                                                         \
  template void max_pool_forward(Team&, const Windows&, const T*, T*, index_t*);                                      \
  template void max_pool_backward(Team&, const Windows&, const T*, const index_t*, T*);
NNFAST_INSTANTIATE(float)
NNFAST_INSTANTIATE(double)
#undef NNFAST_INSTANTIATE

}  // namespace nnfast
