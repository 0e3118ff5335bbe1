if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/unit/test_kernels.c)
  lt_unit_test(test_kernels san::engine m)
  target_include_directories(test_kernels PRIVATE ${PROJECT_SOURCE_DIR}/engine/src)
endif()
