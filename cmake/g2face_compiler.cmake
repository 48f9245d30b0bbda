# Compilers that are known to work, warnings, sanitizers.

if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12)
   OR (CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14))
  message(FATAL_ERROR "g2face needs GCC 12 or Clang 14 or later, but ${CMAKE_CXX_COMPILER} is "
                      "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
endif()

# nvcc hands each option to the host compiler, whose -Wpedantic trips over the line marks of nvcc's own output.
add_library(g2face_warnings INTERFACE)
target_compile_options(
  g2face_warnings
  INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wconversion -Wshadow>
            $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wconversion,-Wshadow>)
# Clang says when it does not follow `omp simd`, as it does not without full optimisation: no defect of the source.
target_compile_options(g2face_warnings INTERFACE $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wno-pass-failed>)
if(G2FACE_WERROR)
  target_compile_options(g2face_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>
                                                   $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>)
endif()

if(G2FACE_SANITIZE OR G2FACE_FUZZ)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(G2FACE_FUZZ AND NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "G2FACE_FUZZ needs Clang, whose libFuzzer the targets use; "
                      "the compiler is ${CMAKE_CXX_COMPILER_ID}")
endif()
