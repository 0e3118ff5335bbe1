/* factory.h - training lines from a cloud model: `lintel generate --tools F --n N --provider P`.
 *
 * The model is shown the tools (and the home) of a catalogue and asked, in batches, for things people
 * say with the right calls. Four kinds are kept in balance: plain wishes, wishes said in other ways,
 * near-misses (they sound like the tool in focus but want another or none), and talk that no tool
 * answers. The tool in focus is always the one with the fewest lines so far. Every example is checked
 * against the catalogue as strictly as a call that is to be carried out; what does not fit, repeats an
 * earlier query (compared without case, blanks and punctuation) or misses its kind is dropped and
 * counted. Lines are appended to the file batch by batch; run again, it goes on where the file ends.
 * Spending stops at the budget: the most a batch may cost is set aside before it is asked. */
#ifndef LT_FACTORY_H
#define LT_FACTORY_H

#include "config.h"
#include "lt/adapter.h"
#include "lt/catalog.h"
#include "lt/cost.h"

#define LT_FACTORY_BATCH      10     /* examples asked for at once */
#define LT_FACTORY_DRY_MAX    5      /* batches in a row without a usable line, then it gives up */
#define LT_FACTORY_WAIT_MS    120000 /* for one batch, the vendor's own waits included */
#define LT_FACTORY_MAX_TOKENS 8192   /* of one batch's answer */

enum lt_factory_kind {
    LT_FACTORY_PLAIN,
    LT_FACTORY_VARIED,
    LT_FACTORY_NEAR,
    LT_FACTORY_NOTHING,
    LT_FACTORY_KINDS
};

struct lt_factory_options {
    const struct lt_catalog *catalog;
    const struct lt_cloud_endpoint *endpoint;
    const struct lt_prices *prices;
    const char *provider, *model; /* of the endpoint, in the price list */
    const char *path;             /* file that is appended to */
    const char *langs;            /* "en, de" */
    int64_t n;                    /* lines that the file shall have */
    int64_t budget_usd_micro;
    void (*progress)(void *ctx, int64_t n_lines); /* MAY */
    void *ctx;
};

struct lt_factory_report {
    int64_t n_lines, n_before; /* in the file now, and when it was opened */
    int64_t by_kind[LT_FACTORY_KINDS];
    int64_t n_invalid, n_repeated, n_off_kind, n_failed; /* examples dropped; batches failed */
    int64_t cost_usd_micro;
    int is_budget_spent;
};

/* Run until the file has n lines, the budget is spent (LT_OK, the report says so) or nothing useful
 * comes any more (LT_ERR_IO with the last reason). Blocks; one thread. */
LT_NODISCARD enum lt_err lt_factory_run(const struct lt_factory_options *o,
                                        struct lt_factory_report *report, struct lt_diag *diag);

/* `lintel generate --provider`: arguments as given, NULL where absent. Prints what came of it. */
LT_NODISCARD enum lt_err lt_factory_command(const char *config_path, const char *tools_path,
                                            const char *provider, const char *out_path,
                                            const char *langs, int64_t n, double usd,
                                            struct lt_diag *diag);

#endif
