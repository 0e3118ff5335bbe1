/* home_tools.h - the names of the home tool set, which every shipped network has learnt. */
#ifndef LT_HOME_TOOLS_H
#define LT_HOME_TOOLS_H

/* Is it a tool of the home set ("HassTurnOn")? Any thread. */
int lt_is_home_tool(const char *name);

#endif
