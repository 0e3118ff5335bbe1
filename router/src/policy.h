/* policy.h - questions to a policy; shared by router.c and policy.c. */
#ifndef LT_POLICY_H
#define LT_POLICY_H

#include "lt/router.h"

/* Does one of the calls name a blocked tool? */
int lt__policy_is_blocked(const struct lt_policy *p, const json_t *calls);
/* Do the calls only look something up? A tool says so itself (annotations.readOnlyHint, as the Model Context
 * Protocol has it) or bears one of Home Assistant's names for such tools. 0 for no calls. */
int lt__policy_is_question(const struct lt_catalog *catalog, const json_t *calls);
/* Must this request stay in the house? */
int lt__policy_is_never_cloud(const struct lt_policy *p, const struct lt_facts *f);
/* Do the provider's conditions (language, site, hour, kind, confidence, spend) fit this request? */
int lt__policy_applies(const struct lt_provider_rule *r, const struct lt_facts *f, unsigned kind,
                       double confidence);

#endif
