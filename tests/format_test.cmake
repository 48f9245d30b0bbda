# Every source is as clang-format 14 writes it (other versions differ in details).
cmake_minimum_required(VERSION 3.25)
file(GLOB_RECURSE sources ${ROOT}/include/*.hpp ${ROOT}/src/*.[ch]pp ${ROOT}/kernels/*.[ch]pp ${ROOT}/kernels/*.cu*
     ${ROOT}/tests/*.[ch]pp ${ROOT}/bench/*.[ch]pp ${ROOT}/examples/*.cpp
     ${ROOT}/weights_converter/*.[ch]pp ${ROOT}/fuzz/*.[ch]pp)
execute_process(COMMAND ${CLANG_FORMAT} --dry-run -Werror ${sources} RESULT_VARIABLE failed ERROR_VARIABLE said)
if(failed)
  string(REGEX MATCHALL "[^\n]*: error: code should be clang-formatted" places "${said}")
  list(TRANSFORM places REPLACE "^${ROOT}/([^:]*):.*$" "\\1")
  list(REMOVE_DUPLICATES places)
  list(JOIN places " " files)
  message(FATAL_ERROR "run: clang-format-14 -i ${files}\n${said}")
endif()
