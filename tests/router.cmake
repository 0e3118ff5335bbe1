lt_unit_test(test_breaker lt::router)
