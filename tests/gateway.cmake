lt_unit_test(test_topics lt_front)
lt_unit_test(test_config lt_front)
