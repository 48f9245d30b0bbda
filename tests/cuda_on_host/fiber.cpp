#include "fiber.hpp"

#include <cstdint>
#include <utility>

#include "asan.hpp"

// The functions that change stacks: neither has the sanitizer anything to check there, nor may it take a jump to
// another stack for the end of all functions on this one.
#define CUDA_ON_HOST_SWITCH __attribute__((noinline, no_sanitize("address"), no_sanitize("undefined")))

namespace cuda_on_host {
namespace {

// `fake_stack` keeps what the sanitizer needs to come back to this stack.
void leave_for([[maybe_unused]] void** fake_stack, [[maybe_unused]] const void* stack,
               [[maybe_unused]] std::size_t bytes) {
#ifdef G2FACE_UNDER_ASAN
  __sanitizer_start_switch_fiber(fake_stack, stack, bytes);
#endif
}
void arrived([[maybe_unused]] void* fake_stack, [[maybe_unused]] const void** from_stack,
             [[maybe_unused]] std::size_t* from_bytes) {
#ifdef G2FACE_UNDER_ASAN
  __sanitizer_finish_switch_fiber(fake_stack, from_stack, from_bytes);
#endif
}

}  // namespace

Fiber::Fiber(std::size_t stack_bytes) : stack_bytes_(stack_bytes), stack_(new std::byte[stack_bytes]) {}

void Fiber::start(const std::function<void()>& function) {
  if (!done_) {  // its frames are still there
    on_stack_ = false;
    ASAN_UNPOISON_MEMORY_REGION(stack_.get(), stack_bytes_);
  }
  function_ = &function;
  done_ = false;
}

// ucontext makes the new stack, but it asks the kernel for the signal mask at each switch; the compiler's jump saves
// the place alone. (That of the C library is not for other stacks: the sanitizer, and a fortified build, object.)
#ifdef __x86_64__
namespace {
// A function of its own: the compiler allows no jump from where a place is saved.
[[noreturn]] CUDA_ON_HOST_SWITCH void jump_to(void** saved) { __builtin_longjmp(saved, 1); }
}  // namespace

CUDA_ON_HOST_SWITCH void Fiber::jump(Point& from, Point& to) {
  if (__builtin_setjmp(from.saved) == 0) jump_to(to.saved);
}
CUDA_ON_HOST_SWITCH void Fiber::first_jump() {
  ucontext_t own;
  getcontext(&own);
  own.uc_stack.ss_sp = stack_.get();
  own.uc_stack.ss_size = stack_bytes_;
  own.uc_link = nullptr;
  const auto self = reinterpret_cast<std::uintptr_t>(this);  // makecontext passes ints only
  makecontext(&own, reinterpret_cast<void (*)()>(&Fiber::enter), 2, static_cast<unsigned>(self >> 32),
              static_cast<unsigned>(self));
  if (__builtin_setjmp(caller_.saved) == 0) setcontext(&own);
}
#else
CUDA_ON_HOST_SWITCH void Fiber::jump(Point& from, Point& to) { swapcontext(&from.saved, &to.saved); }
CUDA_ON_HOST_SWITCH void Fiber::first_jump() {
  getcontext(&own_.saved);
  own_.saved.uc_stack.ss_sp = stack_.get();
  own_.saved.uc_stack.ss_size = stack_bytes_;
  own_.saved.uc_link = nullptr;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&own_.saved, reinterpret_cast<void (*)()>(&Fiber::enter), 2, static_cast<unsigned>(self >> 32),
              static_cast<unsigned>(self));
  swapcontext(&caller_.saved, &own_.saved);
}
#endif

bool Fiber::resume() {
  void* fake_stack = nullptr;
  leave_for(&fake_stack, stack_.get(), stack_bytes_);
  if (on_stack_) {
    jump(caller_, own_);
  } else {
    on_stack_ = true;
    first_jump();
  }
  arrived(fake_stack, nullptr, nullptr);
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
  return done_;
}

void Fiber::stop() {
  void* fake_stack = nullptr;
  leave_for(&fake_stack, caller_stack_, caller_stack_bytes_);
  jump(own_, caller_);
  arrived(fake_stack, &caller_stack_, &caller_stack_bytes_);
}

void Fiber::enter(unsigned high, unsigned low) {
  auto* self = reinterpret_cast<Fiber*>((static_cast<std::uintptr_t>(high) << 32) | low);
  self->body();
}

// Never returns: it waits on its stack for the next function.
void Fiber::body() {
  arrived(nullptr, &caller_stack_, &caller_stack_bytes_);
  for (;;) {
    try {
      (*function_)();
    } catch (...) {
      thrown_ = std::current_exception();
    }
    done_ = true;
    stop();
  }
}

}  // namespace cuda_on_host
