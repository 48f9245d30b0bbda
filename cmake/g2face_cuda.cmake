# The CUDA backend: compiled by nvcc (G2FACE_CUDA), or as C++ that runs on the host for tests (G2FACE_CUDA_EMULATED).
# Both put it into the library. g2face_cuda gives tests and benchmarks the names that its sources use.

if(G2FACE_CUDA AND G2FACE_CUDA_EMULATED)
  message(FATAL_ERROR "G2FACE_CUDA and G2FACE_CUDA_EMULATED are two ways to compile the same files: choose one")
endif()
if(G2FACE_CUDA)
  # Machine code for every generation since Ampere that the toolkit knows, and PTX for those to come. One architecture
  # compiles fastest, and is enough to see what does not compile: -D CMAKE_CUDA_ARCHITECTURES=90a.
  find_package(CUDAToolkit 12 REQUIRED)
  set(all_architectures 80-real 86-real 89-real 90a-real)
  if(CUDAToolkit_VERSION VERSION_GREATER_EQUAL 12.8)
    list(APPEND all_architectures 100-real 120)
  else()
    list(APPEND all_architectures 90-virtual)
  endif()
  set(CMAKE_CUDA_ARCHITECTURES "${all_architectures}" CACHE STRING "GPU architectures to compile for")
  enable_language(CUDA)
  # The library asks for C++20, and CMake 3.25.1 (Debian 12) does not know that nvcc has it.
  if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  endif()
endif()

file(GLOB G2FACE_CUDA_KERNELS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/cuda/*.cu)
file(GLOB G2FACE_CUDA_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/cuda/*.cpp)
target_sources(g2face PRIVATE ${G2FACE_CUDA_KERNELS} ${G2FACE_CUDA_SOURCES})
target_compile_definitions(g2face PRIVATE G2FACE_WITH_CUDA)

if(G2FACE_CUDA)
  list(TRANSFORM CMAKE_CUDA_ARCHITECTURES REPLACE "^([0-9]+[a-z]*).*$" "sm_\\1" OUTPUT_VARIABLE G2FACE_CUDA_ARCHITECTURES)
  list(JOIN G2FACE_CUDA_ARCHITECTURES ", " G2FACE_CUDA_ARCHITECTURES)
else()
  set(G2FACE_CUDA_ARCHITECTURES "the host, emulated")
endif()
set_source_files_properties(kernels/cuda/backend.cpp PROPERTIES COMPILE_DEFINITIONS
                                                                "G2FACE_CUDA_ARCHITECTURES=\"${G2FACE_CUDA_ARCHITECTURES}\"")
# Matrix products of warpgroups are in the code for sm_90a alone.
if(G2FACE_CUDA_EMULATED OR CMAKE_CUDA_ARCHITECTURES MATCHES "90a")
  set_source_files_properties(kernels/cuda/runtime.cpp PROPERTIES COMPILE_DEFINITIONS G2FACE_SM_90A)
endif()

# g2face_cuda_library(NAME HEADER FILE LIBRARY...): kernels/cuda/FILE.cpp uses a library that it loads when a plan asks for
# it. Only its header is needed here; where the library is now is the second place to look for it, after the system's own.
# It is found in the toolkit, or below a CMAKE_PREFIX_PATH, which may be a Python's site-packages with NVIDIA's packages.
function(g2face_cuda_library name header file)
  set(folders ${CUDAToolkit_TARGET_DIR} ${CUDAToolkit_ROOT} /usr/local/cuda)
  foreach(prefix IN LISTS CMAKE_PREFIX_PATH)
    list(APPEND folders ${prefix} ${prefix}/nvidia/${file} ${prefix}/nvidia/cu${CUDAToolkit_VERSION_MAJOR})
  endforeach()
  find_path(G2FACE_${name}_INCLUDE_DIR ${header} HINTS ${CUDAToolkit_INCLUDE_DIRS} ${folders} PATH_SUFFIXES include)
  find_library(G2FACE_${name}_LIBRARY NAMES ${ARGN} HINTS ${CUDAToolkit_LIBRARY_DIR} ${folders}
               PATH_SUFFIXES lib64 lib)
  if(NOT G2FACE_${name}_INCLUDE_DIR)
    message(STATUS "${header} was not found: plans do without its library")
    return()
  endif()
  set(library "$<$<BOOL:${G2FACE_${name}_LIBRARY}>:${G2FACE_${name}_LIBRARY}>")
  set_source_files_properties(
    kernels/cuda/${file}.cpp PROPERTIES COMPILE_OPTIONS "-isystem;${G2FACE_${name}_INCLUDE_DIR}"
                                        COMPILE_DEFINITIONS "G2FACE_WITH_${name};G2FACE_${name}_LIBRARY=\"${library}\"")
endfunction()
if(G2FACE_CUDA AND G2FACE_CUDA_LIBRARIES)
  g2face_cuda_library(CUBLASLT cublasLt.h cublas cublasLt libcublasLt.so.${CUDAToolkit_VERSION_MAJOR})
  g2face_cuda_library(CUDNN cudnn.h cudnn cudnn libcudnn.so.9)
  g2face_cuda_library(NCCL nccl.h nccl nccl libnccl.so.2)
elseif(G2FACE_CUDA_EMULATED)  # with stand-ins
  foreach(library cublas:CUBLASLT cudnn:CUDNN nccl:NCCL)
    string(REGEX REPLACE ":.*" "" file ${library})
    string(REGEX REPLACE ".*:" "" name ${library})
    set_source_files_properties(kernels/cuda/${file}.cpp PROPERTIES COMPILE_DEFINITIONS
                                                                    "G2FACE_WITH_${name};G2FACE_${name}_LIBRARY=\"\"")
  endforeach()
endif()

add_library(g2face_cuda INTERFACE)
target_include_directories(g2face_cuda INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(g2face_cuda INTERFACE g2face)
if(G2FACE_CUDA)
  # The target is older than CMAKE_CUDA_ARCHITECTURES in the first configuration of a build.
  set_target_properties(g2face PROPERTIES CUDA_ARCHITECTURES "${CMAKE_CUDA_ARCHITECTURES}")
  target_link_libraries(g2face PRIVATE CUDA::cudart_static ${CMAKE_DL_LIBS})
  target_link_libraries(g2face_cuda INTERFACE CUDA::cudart_static)
else()
  file(GLOB CUDA_ON_HOST_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/cuda_on_host/*.cpp)
  list(FILTER CUDA_ON_HOST_SOURCES EXCLUDE REGEX "(_test|/faults)\\.cpp$")
  # `#pragma unroll` is nvcc's and Clang's.
  set_source_files_properties(${G2FACE_CUDA_KERNELS} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS -Wno-unknown-pragmas)
  target_sources(g2face PRIVATE ${CUDA_ON_HOST_SOURCES})
  target_compile_definitions(g2face PRIVATE G2FACE_CUDA_EMULATED)
  target_include_directories(g2face PRIVATE ${PROJECT_SOURCE_DIR}/tests/cuda_on_host)
  target_include_directories(g2face_cuda INTERFACE ${PROJECT_SOURCE_DIR}/tests/cuda_on_host)
endif()
