lt_unit_test(test_topics lt_front)
lt_unit_test(test_config lt_front)
if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/unit/test_discovery.c)
  lt_unit_test(test_discovery lt_discovery)
endif()
lt_unit_test(test_worker lt_front)

# Against a real broker and the real binary. One at a time: they start processes and keep time.
add_library(test_harness STATIC integration/harness.c)
target_include_directories(test_harness PUBLIC integration)
target_compile_definitions(test_harness PUBLIC LINTEL_BIN="$<TARGET_FILE:lintel>"
                           SOURCE_DIR="${PROJECT_SOURCE_DIR}")
target_link_libraries(test_harness PUBLIC lt_schema PkgConfig::JANSSON PkgConfig::CMOCKA lt_flags
                      PRIVATE PkgConfig::MOSQUITTO PkgConfig::SQLITE Threads::Threads)
add_dependencies(test_harness lintel)
function(lt_integration_test name)
  add_executable(${name} integration/${name}.c)
  target_link_libraries(${name} PRIVATE test_harness ${ARGN} lt_flags)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300 RUN_SERIAL TRUE LABELS integration)
endfunction()
lt_integration_test(test_serve)
lt_integration_test(test_durability)
lt_integration_test(test_cloud lt_stub_http)
lt_integration_test(test_cli)
if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_learning.c)
  lt_integration_test(test_learning)
endif()

# Run by hand: MQTT in to call out, as JSON.
add_executable(bench_serve bench/bench_serve.c)
target_link_libraries(bench_serve PRIVATE test_harness PkgConfig::MOSQUITTO lt_flags)
