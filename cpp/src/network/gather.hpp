#pragma once
// Rows of a data set, copied (and bytes scaled) into a batch.

#include <algorithm>

#include "dispatch/select.hpp"
#include "nnfast/network.hpp"

namespace nnfast {

/// dst(r, :) = x(indices[first + r], :) for the rows r of `rows`, shared out in the team; indices null: row first + r.
template <class T>
void gather_rows(const Team& team, const Inputs<T>& x, const index_t* indices, index_t first, Range rows, index_t cols,
                 T* dst) {
  const Range share = team.share(rows.end - rows.begin);
  for (index_t r = rows.begin + share.begin; r < rows.begin + share.end; ++r) {
    const index_t source = indices == nullptr ? first + r : indices[first + r];
    if (x.bytes != nullptr) {
      kernels<T>().gemm.scale_bytes(x.bytes + source * cols, x.scale, dst + r * cols, cols);
    } else {
      std::copy_n(x.values + source * cols, cols, dst + r * cols);
    }
  }
}

}  // namespace nnfast
