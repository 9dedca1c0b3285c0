#include "nnfast/memory.hpp"

#include <cstdlib>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace nnfast {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kLarge = std::size_t{1} << 20;

}  // namespace

void* allocate(std::size_t bytes) {
  const std::size_t alignment = bytes >= kLarge ? kHugePage : kLine;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  if (rounded < bytes) return nullptr;
  void* const memory = std::aligned_alloc(alignment, rounded);
#ifdef __linux__
  if (memory != nullptr && alignment == kHugePage) madvise(memory, rounded, MADV_HUGEPAGE);  // advice: may be refused
#endif
  return memory;
}

}  // namespace nnfast
