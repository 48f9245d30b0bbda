# cmake -D PROGRAM= -D G2FACE= -D PICTURE= -D WORK_DIR= -D EXPECTED= -P readme_test.cmake
# Runs a program of the README in a fresh folder that holds the files it names, and compares what it prints.
file(REMOVE_RECURSE ${WORK_DIR})
file(MAKE_DIRECTORY ${WORK_DIR})
execute_process(COMMAND ${G2FACE} model init --config g2face-slim-64 --fill reference -o ${WORK_DIR}/model.safetensors
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${G2FACE} crop ${PICTURE} --box 128,10,196,196 --size 64 -o ${WORK_DIR}/in.png
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${PROGRAM} WORKING_DIRECTORY ${WORK_DIR} OUTPUT_VARIABLE printed
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(NOT "${printed}" STREQUAL "${EXPECTED}")
  message(FATAL_ERROR "it printed '${printed}', but README.md promises '${EXPECTED}'")
endif()
