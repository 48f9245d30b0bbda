#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

// Tests ask for absurd amounts of memory and expect an exception; AddressSanitizer would end the process instead.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }

// LLVM's OpenMP runtime forgets what it held for teams of other sizes.
extern "C" const char* __lsan_default_suppressions() { return "leak:libomp.so"; }
