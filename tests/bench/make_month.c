/* make_month.c - a month of made-up traces in a database of its own, to try `lintel traces replay` on.
 *
 *     make_month FILE.db [TRACES]      3000 when not said; what they are, tests/support/month.h tells */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lt/clock.h"
#include "month.h"

int main(int argc, char **argv)
{
    struct lt_diag d = {0};
    int n = argc > 2 ? atoi(argv[2]) : MONTH_TRACES;
    if (argc < 2 || n < 1) {
        fprintf(stderr, "make_month FILE.db [TRACES]\n");
        return 2;
    }
    if (!access(argv[1], F_OK)) {
        fprintf(stderr, "make_month: %s is there already: name a new file\n", argv[1]);
        return 1;
    }
    if (month_write(argv[1], SOURCE_DIR "/deploy/demo/catalog.json", n, lt_now_unix_ms(), &d)) {
        fprintf(stderr, "make_month: %s\n", d.text);
        return 1;
    }
    return 0;
}
