/* vendor_spec.h - would the vendor take this request?
 *
 * Checks a captured request as strictly as the vendors do: the body against the request schema of
 * the address it went to and its limits, each tool's parameters against the vendor's schema
 * language, and the headers that must be there. Read-only after loading, so the stub server's
 * threads may share it. */
#ifndef VENDOR_SPEC_H
#define VENDOR_SPEC_H

#include <stddef.h>

#include "stub_http.h"

struct vendor_spec;

struct vendor_spec *vendor_spec_load(void); /* never NULL: aborts when a file is missing or bad */
void vendor_spec_free(struct vendor_spec *s);
/* A stub_check_fn whose ctx is a struct vendor_spec. */
int vendor_spec_check(void *ctx, const struct stub_request *r, char *why, size_t why_bytes);
/* Content of tests/data/specs/<path>; free() it. Aborts when missing. */
char *spec_file(const char *path);

#endif
