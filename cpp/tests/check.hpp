#pragma once
// The smallest test framework that serves: TEST(name) { CHECK(...); CHECK_EQ(a, b); } in any file of this directory.
// A failed check is printed and counted, and the test goes on; a check that fails thousands of times prints ten of
// them.

#include <sstream>
#include <string>

namespace check {

struct Test {
  const char* name;
  const char* file;
  void (*body)();
  Test* next;
};

/// Puts a test on the list that main() walks, in the order of the file.
struct Registration {
  Registration(Test* test);
};

/// Counts one check of the test that runs now; prints where and what when it failed.
void record(bool ok, const char* file, int line, const std::string& message);

/// --exhaustive on the command line, or NNFAST_EXHAUSTIVE set: tests that sample take all.
bool exhaustive();

/// The running test needs something that this machine has not; the summary counts it as skipped.
void skip(const std::string& why);

template <class A, class B>
void record_equal(const A& a, const B& b, const char* what, const char* file, int line) {
  const bool ok = a == b;
  if (ok) return record(true, file, line, "");
  std::ostringstream message;
  message.precision(17);
  message << what << ": " << a << " != " << b;
  record(false, file, line, message.str());
}

}  // namespace check

#define TEST(name_)                                                                \
  static void test_##name_();                                                      \
  static check::Test test_entry_##name_{#name_, __FILE__, &test_##name_, nullptr}; \
  static const check::Registration test_registration_##name_{&test_entry_##name_}; \
  static void test_##name_()

#define CHECK(...) check::record(static_cast<bool>(__VA_ARGS__), __FILE__, __LINE__, #__VA_ARGS__)
/// Like CHECK, with words about the case at hand: CHECK_MSG(ok, "n = " + std::to_string(n)).
#define CHECK_MSG(cond, message)                                                                                 \
  do {                                                                                                           \
    const bool check_ok_ = static_cast<bool>(cond);                                                              \
    check::record(check_ok_, __FILE__, __LINE__, check_ok_ ? std::string() : #cond ": " + std::string(message)); \
  } while (false)
#define CHECK_EQ(a, b) check::record_equal((a), (b), #a " == " #b, __FILE__, __LINE__)
#define CHECK_NEAR(a, b, tolerance)                                                               \
  do {                                                                                            \
    const double check_a_ = static_cast<double>(a), check_b_ = static_cast<double>(b);            \
    const double check_d_ = check_a_ < check_b_ ? check_b_ - check_a_ : check_a_ - check_b_;      \
    std::ostringstream check_m_;                                                                  \
    check_m_.precision(17);                                                                       \
    check_m_ << #a " ~ " #b ": " << check_a_ << " and " << check_b_ << " differ by " << check_d_; \
    check::record(check_d_ <= (tolerance), __FILE__, __LINE__, check_m_.str());                   \
  } while (false)
#define CHECK_THROWS(Exception, ...)                                                      \
  do {                                                                                    \
    bool check_thrown_ = false;                                                           \
    try {                                                                                 \
      __VA_ARGS__;                                                                        \
    } catch (const Exception&) {                                                          \
      check_thrown_ = true;                                                               \
    }                                                                                     \
    check::record(check_thrown_, __FILE__, __LINE__, #__VA_ARGS__ " throws " #Exception); \
  } while (false)
