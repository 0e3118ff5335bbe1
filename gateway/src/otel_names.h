/* otel_names.h - OpenTelemetry's names for generative AI, in Prometheus' spelling: dots become underscores, a
 * unit is appended. The conventions (https://opentelemetry.io/docs/specs/semconv/gen-ai/) are still in
 * development, so every name of theirs that we use stands here and nowhere else. */
#ifndef LT_OTEL_NAMES_H
#define LT_OTEL_NAMES_H

#define LT_OTEL_DURATION                                                                           \
    "gen_ai_client_operation_duration_seconds"        /* gen_ai.client.operation.duration */
#define LT_OTEL_TOKENS    "gen_ai_client_token_usage" /* gen_ai.client.token.usage */
#define LT_OTEL_OPERATION "gen_ai_operation_name"
#define LT_OTEL_PROVIDER  "gen_ai_provider_name"
#define LT_OTEL_MODEL     "gen_ai_request_model"
#define LT_OTEL_TOKEN     "gen_ai_token_type" /* "input", "output" */
#define LT_OTEL_ERROR     "error_type"

#endif
