// Runs the tests whose name or file contains the argument, or all:  nnfast_tests [--exhaustive] [--list] [filter]...

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <vector>

#include "check.hpp"

namespace check {

namespace {
Test* first = nullptr;
Test* last = nullptr;
bool want_exhaustive = false;
long failed_checks = 0;  // of the running test
long checks = 0;
bool skipped = false;
constexpr long kPrinted = 10;
}  // namespace

Registration::Registration(Test* test) {
  (last != nullptr ? last->next : first) = test;
  last = test;
}

void record(bool ok, const char* file, int line, const std::string& message) {
  ++checks;
  if (ok) return;
  if (++failed_checks <= kPrinted) std::printf("%s:%d: %s\n", file, line, message.c_str());
}

bool exhaustive() { return want_exhaustive; }

void skip(const std::string& why) {
  skipped = true;
  std::printf("skipped: %s\n", why.c_str());
}

}  // namespace check

int main(int argc, char** argv) {
  using namespace check;
  want_exhaustive = std::getenv("NNFAST_EXHAUSTIVE") != nullptr;
  bool list = false;
  std::vector<const char*> filters;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--exhaustive") == 0) {
      want_exhaustive = true;
    } else if (std::strcmp(argv[i], "--list") == 0) {
      list = true;
    } else {
      filters.push_back(argv[i]);
    }
  }
  int passed = 0, failed = 0, skips = 0;
  for (Test* test = first; test != nullptr; test = test->next) {
    bool wanted = filters.empty();
    for (const char* filter : filters) {
      wanted = wanted || std::strstr(test->name, filter) != nullptr || std::strstr(test->file, filter) != nullptr;
    }
    if (!wanted) continue;
    if (list) {
      std::printf("%s\n", test->name);
      continue;
    }
    failed_checks = checks = 0;
    skipped = false;
    const auto start = std::chrono::steady_clock::now();
    try {
      test->body();
    } catch (const std::exception& error) {
      record(false, test->file, 0, std::string("unexpected exception: ") + error.what());
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (checks == 0 && !skipped) record(false, test->file, 0, "the test checked nothing");
    if (failed_checks > kPrinted) std::printf("... and %ld more\n", failed_checks - kPrinted);
    const char* verdict = failed_checks != 0 ? "FAILED" : skipped ? "skipped" : "ok";
    std::printf("%-7s %s (%ld checks, %.2f s)\n", verdict, test->name, checks, seconds);
    std::fflush(stdout);
    (failed_checks != 0 ? failed : skipped ? skips : passed) += 1;
  }
  if (list) return 0;
  if (passed + failed + skips == 0) {
    std::printf("no test has such a name\n");
    failed = 1;
  }
  if (skips != 0) std::printf("%d skipped\n", skips);
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
