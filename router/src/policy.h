/* policy.h - questions to a policy; shared by router.c and policy.c. */
#ifndef LT_POLICY_H
#define LT_POLICY_H

#include "lt/router.h"

/* Does one of the calls name a blocked tool? */
int lt__policy_is_blocked(const struct lt_policy *p, const json_t *calls);
/* Must this request stay in the house? */
int lt__policy_is_never_cloud(const struct lt_policy *p, const struct lt_facts *f);
/* Do the provider's conditions (language, site, hour, kind, confidence, spend) fit this request? */
int lt__policy_applies(const struct lt_provider_rule *r, const struct lt_facts *f, unsigned kind,
                       double confidence);

#endif
