# cmake -D SOURCE_DIR= -D OUTPUT= -D GIT= -D VERSION= -P write_revision.cmake
set(revision "unknown")  # a source archive carries no history
if(GIT AND EXISTS ${SOURCE_DIR}/.git)
  execute_process(COMMAND ${GIT} -C ${SOURCE_DIR} rev-parse --short=12 HEAD
                  OUTPUT_VARIABLE head OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    set(revision ${head})
    execute_process(COMMAND ${GIT} -C ${SOURCE_DIR} diff-index --quiet HEAD -- ERROR_QUIET RESULT_VARIABLE changed)
    if(changed)
      string(APPEND revision "+changes")
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [[#pragma once
#define G2FACE_VERSION "@VERSION@"
#define G2FACE_REVISION "@revision@"
]] @ONLY)
