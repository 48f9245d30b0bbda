#pragma once
// G2FACE_UNDER_ASAN is defined in a build under AddressSanitizer.

#if defined(__SANITIZE_ADDRESS__)
#define G2FACE_UNDER_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define G2FACE_UNDER_ASAN
#endif
#endif
