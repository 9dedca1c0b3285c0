#pragma once
// Enumerations as the strings that Python uses for them.

#include <array>
#include <string>

#include "array_view.hpp"

namespace nnfast::bindings {

/// The index of `name` among `names`; ValueError that lists them all.
template <std::size_t kCount>
int index_of(const std::string& name, const std::array<const char*, kCount>& names, const char* function,
             const char* argument) {
  std::string all;
  for (std::size_t i = 0; i < kCount; ++i) {
    if (name == names[i]) return static_cast<int>(i);
    all += (i == 0 ? "'" : ", '") + std::string(names[i]) + "'";
  }
  value_error(function, ": ", argument, " is '", name, "'; expected one of ", all);
}

}  // namespace nnfast::bindings
