#pragma once
// Libraries that are loaded when a plan first asks for them: cuBLASLt takes half a second and 200 MB, which a program
// that does not use it should not pay.
//   #define FUNCTIONS(F) F(first) F(second)
//   struct Library {
//     FUNCTIONS(G2FACE_DECLARE_FUNCTION)
//     bool complete = true;  // all of them were found
//   };
//   Library found;
//   const SharedLibrary file{"libsome.so.1"};
//   FUNCTIONS(G2FACE_FIND_FUNCTION)

#include <initializer_list>

#define G2FACE_DECLARE_FUNCTION(name) decltype(&::name) name = nullptr;  // NOLINT(bugprone-macro-parentheses): a name

namespace g2face::cuda {

#ifdef G2FACE_CUDA_EMULATED

/// The stand-ins of tests are part of the program.
struct SharedLibrary {
  explicit SharedLibrary(std::initializer_list<const char*>) {}
};
#define G2FACE_FIND_FUNCTION(name) found.name = &::name;

#else

/// Stays loaded until the program ends.
class SharedLibrary {
 public:
  /// The first of these that the system finds, or none. Empty names are passed over.
  explicit SharedLibrary(std::initializer_list<const char*> names);

  /// Sets `function` to the one of that name. False if there is none, or no library.
  template <class Function>
  bool find(const char* name, Function*& function) const {
    function = reinterpret_cast<Function*>(address_of(name));
    return function != nullptr;
  }

 private:
  void* address_of(const char* name) const;

  void* handle_ = nullptr;
};
#define G2FACE_FIND_FUNCTION(name) found.complete = file.find(#name, found.name) && found.complete;

#endif

}  // namespace g2face::cuda
