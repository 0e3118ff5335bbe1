foreach(test test_base test_json test_validate test_schemas test_store test_store_admin)
  lt_unit_test(${test} lt::schema)
endforeach()
# fixtures of older, foreign and damaged databases are made with SQLite itself
target_link_libraries(test_store PRIVATE PkgConfig::SQLITE)
