lt_unit_test(test_router lt::router)
lt_unit_test(test_breaker lt::router)
