/* one_env.h - a broker and a gateway that all tests of a file share; each begins with no message waiting. */
#ifndef ONE_ENV_H
#define ONE_ENV_H

#include "harness.h"

static struct env *env;

static inline int open_env(const char *gateway)
{
    env = env_start();
    gateway_start(env, gateway);
    return 0;
}

static inline int close_env(void **state)
{
    (void)state;
    env_stop(env);
    return 0;
}

static inline int forget_waiting(void **state)
{
    (void)state;
    client_forget(env);
    return 0;
}

#endif
