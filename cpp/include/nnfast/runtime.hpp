#pragma once
// What this build is and which instruction set runs.

#include <string>
#include <vector>

namespace nnfast {

/// Names, best first: "avx512", "avx2", "sse42", or "generic" on other processors.
std::vector<std::string> compiled_isas();
/// Those of compiled_isas() that this processor and operating system run.
std::vector<std::string> supported_isas();
std::string isa();
/// Throws std::invalid_argument for a name that is unknown or unsupported here; then nothing has changed.
/// Not to be called while another thread computes.
void set_isa(const std::string& name);

std::string compiler();
bool has_openmp();

/// Reads NNFAST_ISA and NNFAST_NUM_THREADS; throws std::invalid_argument for values it cannot honour.
void configure_from_environment();

}  // namespace nnfast
