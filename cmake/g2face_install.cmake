# cmake --install, and the package behind find_package(g2face CONFIG).

include(CMakePackageConfigHelpers)
set(G2FACE_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/g2face)

install(TARGETS g2face EXPORT g2face_targets)
if(TARGET g2face_cli)
  install(TARGETS g2face_cli)
endif()
install(DIRECTORY include/g2face DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT g2face_targets NAMESPACE g2face:: FILE g2face-targets.cmake DESTINATION ${G2FACE_PACKAGE_DIR})
configure_package_config_file(cmake/g2face-config.cmake.in ${PROJECT_BINARY_DIR}/generated/g2face-config.cmake
                              INSTALL_DESTINATION ${G2FACE_PACKAGE_DIR} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/generated/g2face-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)  # 0.x: a minor version may change the interface
install(FILES ${PROJECT_BINARY_DIR}/generated/g2face-config.cmake
              ${PROJECT_BINARY_DIR}/generated/g2face-config-version.cmake
        DESTINATION ${G2FACE_PACKAGE_DIR})
