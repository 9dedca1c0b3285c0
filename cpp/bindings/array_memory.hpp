#pragma once
// Memory of large new arrays, used again once they are gone.

#include <pybind11/pybind11.h>

#include "nnfast/matrix.hpp"

namespace nnfast::bindings {

/// While this lives, arrays that NumPy makes on this thread own memory from a pool of recycled blocks, if `bytes` is
/// worth it. Fresh memory costs a page fault per 4 KiB, and malloc gives pages back to the system whenever some 100 KiB
/// are free: the arrays of one forward and backward of an affine layer (100, 784) x (784, 50) cost 90 us of faults
/// beside 190 us of work. At most kPoolBytes are kept.
class PooledArrays {
 public:
  explicit PooledArrays(index_t bytes);
  ~PooledArrays();
  PooledArrays(const PooledArrays&) = delete;
  PooledArrays& operator=(const PooledArrays&) = delete;

  static constexpr index_t kPoolBytes = index_t{64} << 20;

 private:
  PyObject* previous_ = nullptr;
};

/// Whether all arrays that NumPy makes from now on, on this thread (or in what inherits its context), use the pool; if
/// not, NumPy's own memory. For course code, whose temporaries in NumPy stand between our calls.
void pool_arrays_of_numpy(bool on);

}  // namespace nnfast::bindings
