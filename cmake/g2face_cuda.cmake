# g2face_cuda: the CUDA kernels, compiled by nvcc (G2FACE_CUDA) or as C++ for the host (G2FACE_CUDA_EMULATED). Plans do
# not use them yet; tests do.

if(G2FACE_CUDA AND G2FACE_CUDA_EMULATED)
  message(FATAL_ERROR "G2FACE_CUDA and G2FACE_CUDA_EMULATED are two ways to compile the same files: choose one")
endif()
if(G2FACE_CUDA)
  # One architecture compiles fastest, and shows what does not compile; releases name more.
  set(CMAKE_CUDA_ARCHITECTURES 90 CACHE STRING "GPU architectures to compile for")
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
  # The library asks for C++20, and CMake 3.25.1 (Debian 12) does not know that nvcc has it.
  if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  endif()
endif()

file(GLOB G2FACE_CUDA_KERNELS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/cuda/*.cu)
file(GLOB G2FACE_CUDA_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/cuda/*.cpp)

add_library(g2face_cuda STATIC ${G2FACE_CUDA_KERNELS} ${G2FACE_CUDA_SOURCES})
target_include_directories(g2face_cuda PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(g2face_cuda PUBLIC g2face PRIVATE g2face_warnings)
set_target_properties(g2face_cuda PROPERTIES OPTIMIZE_DEPENDENCIES ON)  # compiles without waiting for the library

if(G2FACE_CUDA)
  target_link_libraries(g2face_cuda PUBLIC CUDA::cudart_static)
else()
  file(GLOB CUDA_ON_HOST_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/cuda_on_host/*.cpp)
  list(FILTER CUDA_ON_HOST_SOURCES EXCLUDE REGEX "(_test|/faults)\\.cpp$")
  add_library(cuda_on_host STATIC ${CUDA_ON_HOST_SOURCES})
  target_include_directories(cuda_on_host PUBLIC ${PROJECT_SOURCE_DIR}/tests/cuda_on_host)
  target_link_libraries(cuda_on_host PRIVATE g2face_warnings)
  set_source_files_properties(${G2FACE_CUDA_KERNELS} PROPERTIES LANGUAGE CXX)
  target_link_libraries(g2face_cuda PUBLIC cuda_on_host)
endif()
