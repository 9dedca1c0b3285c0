#include "array_memory.hpp"

#include <pybind11/numpy.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>
#include <vector>

#include "nnfast/memory.hpp"

namespace nnfast::bindings {
namespace {

namespace py = pybind11;

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kSmallest = std::size_t{32} << 10;
constexpr std::size_t kLargest = static_cast<std::size_t>(PooledArrays::kPoolBytes);
constexpr std::size_t kGranule = std::size_t{4} << 10;

/// Stands directly in front of an array's memory.
struct alignas(16) Header {
  std::size_t bytes;
};

std::size_t size_of(const void* memory) { return (static_cast<const Header*>(memory) - 1)->bytes; }
bool is_small(std::size_t bytes) { return bytes < kSmallest; }
/// What goes before the memory in its block: large arrays begin at a cache line.
std::size_t offset(std::size_t bytes) { return is_small(bytes) ? sizeof(Header) : kAlignment; }
void release(void* memory) { std::free(static_cast<char*>(memory) - offset(size_of(memory))); }

void* in_block(void* block, std::size_t bytes) {
  if (block == nullptr) return nullptr;
  auto* const memory = reinterpret_cast<Header*>(static_cast<char*>(block) + offset(bytes));
  (memory - 1)->bytes = bytes;
  return memory;
}

/// Free memory of large arrays.
class Pool {
 public:
  /// Null when there is no memory.
  void* take(std::size_t bytes) {
    if (is_small(bytes)) return in_block(std::malloc(offset(bytes) + bytes), bytes);
    if (bytes > std::numeric_limits<std::size_t>::max() / 2) return nullptr;
    const std::size_t rounded = (bytes + kGranule - 1) / kGranule * kGranule;
    if (void* const found = find(rounded)) return found;
    return in_block(allocate(offset(rounded) + rounded), rounded);
  }

  void give(void* memory) {
    if (memory != nullptr && !keep(memory)) release(memory);
  }

 private:
  // Never waits for the lock: in a child of fork() another thread may have held it.
  void* find(std::size_t bytes) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return nullptr;
    // What was given back last is still in cache. A block of another size serves if it is at most a quarter larger.
    for (auto it = free_.rbegin(); it != free_.rend(); ++it) {
      const std::size_t size = size_of(*it);
      if (size < bytes || size > bytes + bytes / 4) continue;
      void* const found = *it;
      kept_ -= size;
      free_.erase(std::next(it).base());
      return found;
    }
    return nullptr;
  }

  bool keep(void* memory) {
#ifdef __SANITIZE_ADDRESS__
    return false;  // so that a use after the end is found
#endif
    const std::size_t size = size_of(memory);
    if (is_small(size) || size > kLargest) return false;
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return false;
    kept_ += size;
    free_.push_back(memory);
    while (kept_ > static_cast<std::size_t>(PooledArrays::kPoolBytes)) {
      kept_ -= size_of(free_.front());
      release(free_.front());
      free_.erase(free_.begin());
    }
    return true;
  }

  std::mutex mutex_;
  std::vector<void*> free_;  // the oldest first
  std::size_t kept_ = 0;
};

// Never destroyed: arrays may outlive static objects.
Pool& pool() {
  static Pool* const instance = new Pool;
  return *instance;
}

void* pool_malloc(void*, std::size_t bytes) { return pool().take(bytes); }
void* pool_calloc(void*, std::size_t count, std::size_t bytes) {
  if (bytes != 0 && count > std::numeric_limits<std::size_t>::max() / 2 / bytes) return nullptr;
  const std::size_t all = count * bytes;
  // Pages of zeros from the system cost nothing until somebody looks at them.
  if (all > kLargest) return in_block(std::calloc(1, offset(all) + all), all);
  void* const memory = pool().take(all);
  if (memory != nullptr) std::memset(memory, 0, all);
  return memory;
}
void* pool_realloc(void*, void* memory, std::size_t bytes) {
  if (memory != nullptr && bytes <= size_of(memory)) return memory;
  void* const larger = pool().take(bytes);
  if (larger != nullptr && memory != nullptr) {
    std::memcpy(larger, memory, size_of(memory));
    pool().give(memory);
  }
  return larger;
}
void pool_free(void*, void* memory, std::size_t) { pool().give(memory); }

/// NumPy's PyDataMem_Handler (NEP 49), version 1.
struct Handler {
  char name[127];
  std::uint8_t version;
  void* context;
  void* (*malloc)(void*, std::size_t);
  void* (*calloc)(void*, std::size_t, std::size_t);
  void* (*realloc)(void*, void*, std::size_t);
  void (*free)(void*, void*, std::size_t);
};
Handler handler = {"nnfast_pool", 1, nullptr, &pool_malloc, &pool_calloc, &pool_realloc, &pool_free};

using SetHandler = PyObject* (*)(PyObject*);

/// PyDataMem_SetHandler, of which pybind11 has no declaration.
SetHandler find_set_handler() {
  constexpr int kIndex = 304;  // in NumPy's table of functions since 1.22
  const py::object table = py::detail::import_numpy_core_submodule("multiarray").attr("_ARRAY_API");
  void** const functions = static_cast<void**>(PyCapsule_GetPointer(table.ptr(), nullptr));
  return reinterpret_cast<SetHandler>(functions[kIndex]);
}

PyObject* handler_capsule() {
  static PyObject* const capsule = PyCapsule_New(&handler, "mem_handler", nullptr);
  return capsule;
}

SetHandler set_handler() {
  static const SetHandler found = find_set_handler();
  return found;
}

}  // namespace

void pool_arrays_of_numpy(bool on) {
  PyObject* const previous = set_handler()(on ? handler_capsule() : nullptr);
  if (previous == nullptr) throw py::error_already_set();
  Py_DECREF(previous);
}

PooledArrays::PooledArrays(index_t bytes) {
  if (bytes < static_cast<index_t>(kSmallest)) return;
  previous_ = set_handler()(handler_capsule());
  if (previous_ == nullptr) throw py::error_already_set();
}

PooledArrays::~PooledArrays() {
  if (previous_ == nullptr) return;
  Py_XDECREF(set_handler()(previous_));
  Py_DECREF(previous_);
}

}  // namespace nnfast::bindings
