# Checks of the source tree itself. Each prints every offence before it fails.

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

# Each public header alone, twice. What that costs: bench/compile_time.py.
file(GLOB_RECURSE PUBLIC_HEADERS RELATIVE ${PROJECT_SOURCE_DIR}/include CONFIGURE_DEPENDS
     ${PROJECT_SOURCE_DIR}/include/*.hpp)
set(HEADER_UNITS)
foreach(header IN LISTS PUBLIC_HEADERS)
  string(REGEX REPLACE "[/.]" "_" unit ${header})
  set(unit ${CMAKE_CURRENT_BINARY_DIR}/headers/${unit}.cpp)
  file(CONFIGURE OUTPUT ${unit} CONTENT "#include <${header}>\n#include <${header}>\n")
  list(APPEND HEADER_UNITS ${unit})
endforeach()
add_library(g2face_headers OBJECT EXCLUDE_FROM_ALL ${HEADER_UNITS})
target_link_libraries(g2face_headers PRIVATE g2face g2face_warnings)

if(G2FACE_TIDY)
  if(G2FACE_RUN_CLANG_TIDY AND G2FACE_CLANG_TIDY)
    g2face_add_test(headers COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target g2face_headers
                    PROPERTIES LABELS lint PROCESSORS 2)
    cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
    g2face_add_test(tidy COMMAND ${G2FACE_RUN_CLANG_TIDY} -clang-tidy-binary ${G2FACE_CLANG_TIDY} -quiet -j ${cores}
                                 -p ${PROJECT_BINARY_DIR} "^${PROJECT_SOURCE_DIR}/(src|kernels|weights_converter|examples)/.*[.]cpp$"
                    PROPERTIES LABELS lint PROCESSORS ${cores} TIMEOUT 1800)
  else()
    message(STATUS "No clang-tidy-14: the test `tidy` is left out")
  endif()
endif()
