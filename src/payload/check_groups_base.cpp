#define G2FACE_ISA base
#include "payload/check_groups_pass.hpp"
