#pragma once
// CUDA_ON_HOST_ASAN is defined in a build under AddressSanitizer.

#if defined(__SANITIZE_ADDRESS__)
#define CUDA_ON_HOST_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CUDA_ON_HOST_ASAN
#endif
#endif

#ifdef CUDA_ON_HOST_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) static_cast<void>(address)
#define ASAN_UNPOISON_MEMORY_REGION(address, size) static_cast<void>(address)
#endif
