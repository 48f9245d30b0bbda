#pragma once
// A function on a stack of its own that can stop in the middle and go on later. AddressSanitizer is told of each
// switch.

#include <ucontext.h>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>

namespace cuda_on_host {

class Fiber {
 public:
  explicit Fiber(std::size_t stack_bytes = std::size_t{1} << 17);

  /// Goes back to the beginning of a new function. What an unfinished one left on the stack is forgotten.
  void start(const std::function<void()>& function);
  /// Runs until the function stops or returns; throws what it throws. True if it returned.
  bool resume();
  /// Called by the function: goes back to whoever called resume().
  void stop();

 private:
  /// A place to come back to on another stack.
  struct Point {
#ifdef __x86_64__
    void* saved[5];
#else
    ucontext_t saved;
#endif
  };

  static void enter(unsigned high, unsigned low);
  static void jump(Point& from, Point& to);
  void first_jump();
  void body();

  std::size_t stack_bytes_;
  std::unique_ptr<std::byte[]> stack_;
  const std::function<void()>* function_ = nullptr;
  bool on_stack_ = false;  // body() runs there, and waits for the next function or in the middle of one
  bool done_ = true;
  Point own_{}, caller_{};
  const void* caller_stack_ = nullptr;
  std::size_t caller_stack_bytes_ = 0;
  std::exception_ptr thrown_;
};

}  // namespace cuda_on_host
