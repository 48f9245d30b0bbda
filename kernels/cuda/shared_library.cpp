#include "kernels/cuda/shared_library.hpp"

#ifndef G2FACE_CUDA_EMULATED

#include <dlfcn.h>

namespace g2face::cuda {

SharedLibrary::SharedLibrary(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (handle_ == nullptr && *name != '\0') handle_ = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  }
}

void* SharedLibrary::address_of(const char* name) const {
  return handle_ == nullptr ? nullptr : ::dlsym(handle_, name);
}

}  // namespace g2face::cuda

#endif
