#pragma once
// Working without the GIL, and taking it again in between.

#include <Python.h>

#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif

#include <chrono>
#include <thread>

namespace nnfast::bindings {

/// Releases the GIL for the life of the object. Where the interpreter has ended meanwhile, CPython before 3.14 ends a
/// thread that asks for the GIL by unwinding its stack; that must not pass through destructors and OpenMP regions
/// (std::terminate), so the thread waits here for the end of the process instead, as CPython 3.14 has it wait.
class GilRelease {
 public:
  GilRelease() : state_(PyEval_SaveThread()) {}
  ~GilRelease() { take(); }
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

  /// Holds the GIL for the life of the object, on the thread that released it.
  class Held {
   public:
    explicit Held(GilRelease& release) : release_(release) { release_.take(); }
    ~Held() { release_.state_ = PyEval_SaveThread(); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

   private:
    GilRelease& release_;
  };

 private:
  void take() {
#ifdef __GLIBCXX__
    try {
      PyEval_RestoreThread(state_);
    } catch (abi::__forced_unwind&) {
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
#else
    PyEval_RestoreThread(state_);
#endif
  }

  PyThreadState* state_;
};

}  // namespace nnfast::bindings
