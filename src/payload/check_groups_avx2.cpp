#if defined(__x86_64__)
#define G2FACE_ISA avx2
#include "payload/check_groups_pass.hpp"
#endif
