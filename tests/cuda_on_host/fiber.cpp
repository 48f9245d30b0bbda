#include "fiber.hpp"

#include <cstdint>
#include <utility>

#include "asan.hpp"

namespace cuda_on_host {
namespace {

// `fake_stack` keeps what the sanitizer needs to come back to this stack; null says that nobody will.
void leave_for([[maybe_unused]] void** fake_stack, [[maybe_unused]] const void* stack,
               [[maybe_unused]] std::size_t bytes) {
#ifdef CUDA_ON_HOST_ASAN
  __sanitizer_start_switch_fiber(fake_stack, stack, bytes);
#endif
}
void arrived([[maybe_unused]] void* fake_stack, [[maybe_unused]] const void** from_stack,
             [[maybe_unused]] std::size_t* from_bytes) {
#ifdef CUDA_ON_HOST_ASAN
  __sanitizer_finish_switch_fiber(fake_stack, from_stack, from_bytes);
#endif
}

}  // namespace

Fiber::Fiber(std::size_t stack_bytes) : stack_bytes_(stack_bytes), stack_(new std::byte[stack_bytes]) {}

void Fiber::start(const std::function<void()>& function) {
  ASAN_UNPOISON_MEMORY_REGION(stack_.get(), stack_bytes_);
  function_ = &function;
  done_ = false;
  thrown_ = nullptr;
  getcontext(&own_);
  own_.uc_stack.ss_sp = stack_.get();
  own_.uc_stack.ss_size = stack_bytes_;
  own_.uc_link = nullptr;
  const auto self = reinterpret_cast<std::uintptr_t>(this);  // makecontext passes ints only
  makecontext(&own_, reinterpret_cast<void (*)()>(&Fiber::enter), 2, static_cast<unsigned>(self >> 32),
              static_cast<unsigned>(self));
}

bool Fiber::resume() {
  void* fake_stack = nullptr;
  leave_for(&fake_stack, stack_.get(), stack_bytes_);
  swapcontext(&caller_, &own_);
  arrived(fake_stack, nullptr, nullptr);
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
  return done_;
}

void Fiber::stop() {
  void* fake_stack = nullptr;
  leave_for(&fake_stack, caller_stack_, caller_stack_bytes_);
  swapcontext(&own_, &caller_);
  arrived(fake_stack, &caller_stack_, &caller_stack_bytes_);
}

void Fiber::enter(unsigned high, unsigned low) {
  auto* self = reinterpret_cast<Fiber*>((static_cast<std::uintptr_t>(high) << 32) | low);
  self->body();
}

void Fiber::body() {
  arrived(nullptr, &caller_stack_, &caller_stack_bytes_);
  try {
    (*function_)();
  } catch (...) {
    thrown_ = std::current_exception();
  }
  done_ = true;
  leave_for(nullptr, caller_stack_, caller_stack_bytes_);
  setcontext(&caller_);
}

}  // namespace cuda_on_host
