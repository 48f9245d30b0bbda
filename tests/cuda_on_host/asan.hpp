#pragma once
// Fibers and device memory, as AddressSanitizer has to know of them.

#include "under_asan.hpp"

#ifdef G2FACE_UNDER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) static_cast<void>(address)
#define ASAN_UNPOISON_MEMORY_REGION(address, size) static_cast<void>(address)
#endif
