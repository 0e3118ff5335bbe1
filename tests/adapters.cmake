# The stub server runs threads of its own and checks requests against the vendors' schemas.
add_library(lt_stub_http STATIC support/stub_http.c support/vendor_spec.c)
target_include_directories(lt_stub_http PUBLIC support)
target_compile_definitions(lt_stub_http PRIVATE TEST_DATA_DIR="${CMAKE_CURRENT_SOURCE_DIR}/data")
target_link_libraries(lt_stub_http PUBLIC lt::schema PkgConfig::JANSSON Threads::Threads PRIVATE lt_flags)

lt_unit_test(test_http lt::adapters lt::io_uv lt_stub_http)
lt_unit_test(test_adapters lt::adapters lt::io_uv lt_stub_http)
lt_unit_test(test_cost lt::adapters)
lt_unit_test(test_tools_render lt::adapters lt::schema lt_stub_http)
target_include_directories(test_tools_render PRIVATE ${PROJECT_SOURCE_DIR}/adapters/src)
lt_unit_test(test_stream lt::adapters lt::schema lt_stub_http)
target_include_directories(test_stream PRIVATE ${PROJECT_SOURCE_DIR}/adapters/src)
lt_unit_test(test_stream_http lt::adapters lt::io_uv lt_stub_http)
