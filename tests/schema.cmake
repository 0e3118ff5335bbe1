foreach(test test_base test_json test_validate test_schemas)
  lt_unit_test(${test} lt::schema)
endforeach()
