# g2face_revision: the header `revision.hpp`, looked up again at each build and rewritten only when something changed,
# so that a commit recompiles one file.

find_package(Git QUIET)
set(G2FACE_REVISION_DIR ${PROJECT_BINARY_DIR}/generated)
set(G2FACE_REVISION_ARGS
    -D SOURCE_DIR=${PROJECT_SOURCE_DIR}
    -D OUTPUT=${G2FACE_REVISION_DIR}/revision.hpp
    -D GIT=${GIT_EXECUTABLE}
    -D VERSION=${PROJECT_VERSION}
    -P ${PROJECT_SOURCE_DIR}/cmake/write_revision.cmake)
execute_process(COMMAND ${CMAKE_COMMAND} ${G2FACE_REVISION_ARGS} COMMAND_ERROR_IS_FATAL ANY)

add_custom_target(
  g2face_write_revision
  COMMAND ${CMAKE_COMMAND} ${G2FACE_REVISION_ARGS}
  BYPRODUCTS ${G2FACE_REVISION_DIR}/revision.hpp
  COMMENT "Looking up the git revision"
  VERBATIM)
add_library(g2face_revision INTERFACE)
add_dependencies(g2face_revision g2face_write_revision)
target_include_directories(g2face_revision INTERFACE ${G2FACE_REVISION_DIR})
