# Checks of the source tree itself. Each prints every offence before it fails.

find_package(Python3 COMPONENTS Interpreter QUIET)
find_program(G2FACE_CLANG_FORMAT NAMES clang-format-14)
find_program(G2FACE_RUN_CLANG_TIDY NAMES run-clang-tidy-14)
find_program(G2FACE_CLANG_TIDY NAMES clang-tidy-14)

foreach(check tree layers text)
  g2face_add_test(${check} COMMAND ${CMAKE_COMMAND} -D ROOT=${PROJECT_SOURCE_DIR}
                                   -P ${CMAKE_CURRENT_SOURCE_DIR}/${check}_test.cmake PROPERTIES LABELS lint)
endforeach()

if(G2FACE_CLANG_FORMAT)
  g2face_add_test(format COMMAND ${CMAKE_COMMAND} -D ROOT=${PROJECT_SOURCE_DIR} -D CLANG_FORMAT=${G2FACE_CLANG_FORMAT}
                                 -P ${CMAKE_CURRENT_SOURCE_DIR}/format_test.cmake PROPERTIES LABELS lint)
else()
  message(STATUS "No clang-format-14: the test `format` is left out")
endif()

# Each public header alone: that it compiles, and what it costs. Then the slowest compile units of this build.
if(Python3_FOUND AND G2FACE_LINT)
  g2face_add_test(compile_time COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/bench/compile_time.py
                                       --build ${PROJECT_BINARY_DIR} --compiler ${CMAKE_CXX_COMPILER}
                  PROPERTIES LABELS lint)
endif()
if(G2FACE_LINT)
  if(G2FACE_RUN_CLANG_TIDY AND G2FACE_CLANG_TIDY)
    cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
    g2face_add_test(tidy COMMAND ${G2FACE_RUN_CLANG_TIDY} -clang-tidy-binary ${G2FACE_CLANG_TIDY} -quiet -j ${cores}
                                 -p ${PROJECT_BINARY_DIR} "^${PROJECT_SOURCE_DIR}/(src|kernels|examples)/"
                    PROPERTIES LABELS lint PROCESSORS ${cores} TIMEOUT 600)
  else()
    message(STATUS "No clang-tidy-14: the test `tidy` is left out")
  endif()
endif()
