/* commands.c - patterns over a catalogue, as one network. */
#include "lt/commands.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lt/fold.h"
#include "lt/spoken.h"

#define MAX_CLASSES 400
#define WITH_THE    0.85 /* how often a name is said with "the" */
#define MIN_SHARE   1e-8

struct class
{
    char name[LT_NETWORK_NAME_MAX];
    struct lt_network *net;
};

struct lt_commands {
    const json_t *file, *catalog; /* while it is made */
    struct class classes[MAX_CLASSES];
    size_t n_classes;
    struct lt_network *asked, *bare; /* with "please" before them or not */
    double weight_asked, weight_bare;
    struct lt_arcs arcs;
    size_t n_forms;
    struct lt_diag *diag;
};

/* ---- patterns ---- */

struct forms {
    struct form {
        char text[LT_COMMANDS_TEXT_MAX];
        double weight;
    } * v;
    size_t n, cap;
};

static enum lt_err add_form(struct forms *f, const char *a, const char *b, double weight)
{
    if (f->n >= LT_COMMANDS_MAX_FORMS) return LT_ERR_LIMIT;
    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 8;
        struct form *more = realloc(f->v, cap * sizeof *more);
        if (!more) return LT_ERR_NOMEM;
        f->v = more;
        f->cap = cap;
    }
    struct form *form = &f->v[f->n];
    size_t n_a = strlen(a), n_b = strlen(b);
    if (n_a + n_b + 2 > sizeof form->text) return LT_ERR_LIMIT;
    memcpy(form->text, a, n_a);
    if (n_a && n_b) form->text[n_a++] = ' ';
    memcpy(form->text + n_a, b, n_b + 1);
    form->weight = weight;
    f->n++;
    return LT_OK;
}

/* Each of `f` followed by each of `g`; `g` is freed. */
static enum lt_err follow(struct forms *f, struct forms *g)
{
    struct forms both = {0};
    enum lt_err err = LT_OK;
    for (size_t i = 0; i < f->n && !err; i++)
        for (size_t k = 0; k < g->n && !err; k++)
            err = add_form(&both, f->v[i].text, g->v[k].text, f->v[i].weight * g->v[k].weight);
    free(f->v);
    free(g->v);
    *f = both;
    return err;
}

static enum lt_err numbers(const char *p, struct forms *out)
{
    int lo = 0, hi = 0, every = 1;
    char digits[16], words[LT_COMMANDS_TEXT_MAX];
    int n = sscanf(p, "<%4d..%4d/%4d>", &lo, &hi, &every); /* short numbers: no overflow */
    if (n < 2 || lo < 0 || hi < lo || every < 1) return LT_ERR_INVALID;
    enum lt_err err = LT_OK;
    for (int v = lo; v <= hi && !err; v += every) {
        snprintf(digits, sizeof digits, "%d", v);
        lt_spoken_words(digits, words, sizeof words);
        err = add_form(out, "", words, (double)every / (hi - lo + every));
    }
    return err;
}

static enum lt_err either(const char **p, char end, struct forms *out, int depth);

/* One piece of a pattern at *p, which is moved behind it. */
static enum lt_err piece(const char **p, struct forms *out, int depth)
{
    const char *s = *p;
    char word[LT_COMMANDS_TEXT_MAX], text[LT_COMMANDS_TEXT_MAX];
    enum lt_err err;
    if (*s == '(' || *s == '[') {
        *p = s + 1;
        err = either(p, *s == '(' ? ')' : ']', out, depth + 1);
        if (err || *s == '(') return err;
        for (size_t i = 0; i < out->n; i++) out->v[i].weight /= 2;
        return add_form(out, "", "", 0.5);
    }
    size_t n = *s == '{'   ? strcspn(s, "}") + 1
               : *s == '<' ? strcspn(s, ">") + 1
                           : strcspn(s, " ()[]|{<");
    if (!n || n >= sizeof word || n > strlen(s)) return LT_ERR_INVALID;
    memcpy(word, s, n);
    word[n] = '\0';
    *p = s + n;
    if (*s == '<') return numbers(word, out);
    if (*s != '{') {
        lt_spoken_words(word, text, sizeof text);
        return add_form(out, "", text, 1);
    }
    return add_form(out, "", word, 1);
}

/* Alternatives up to `end`, or to the end of the pattern for 0. */
static enum lt_err either(const char **p, char end, struct forms *out, int depth)
{
    enum lt_err err = depth > 8 ? LT_ERR_INVALID : LT_OK;
    int n_ways = 0, is_done = 0;
    while (!err && !is_done) {
        struct forms way = {0};
        err = add_form(&way, "", "", 1);
        while (!err && **p && **p != '|' && **p != ')' && **p != ']') {
            struct forms next = {0};
            if (**p == ' ') {
                ++*p;
                continue;
            }
            err = piece(p, &next, depth);
            if (err)
                free(next.v);
            else
                err = follow(&way, &next);
        }
        for (size_t i = 0; i < way.n && !err; i++)
            err = add_form(out, "", way.v[i].text, way.v[i].weight);
        free(way.v);
        n_ways++;
        if (!err && **p != end && **p != '|') err = LT_ERR_INVALID;
        is_done = **p != '|';
        if (**p) ++*p;
    }
    for (size_t i = 0; i < out->n; i++) out->v[i].weight /= n_ways;
    return err;
}

/* All forms of a pattern, the weight before it included. */
static enum lt_err forms_of(struct lt_commands *c, const char *pattern, struct forms *out)
{
    char *after = NULL;
    double weight = isdigit((unsigned char)*pattern) ? strtod(pattern, &after) : 1;
    const char *p = after ? after : pattern;
    enum lt_err err = either(&p, '\0', out, 0);
    for (size_t i = 0; i < out->n; i++) out->v[i].weight *= weight;
    return err ? lt_fail(c->diag, err, "commands: \"%s\": %s", pattern,
                         err == LT_ERR_INVALID ? "brackets or numbers do not fit"
                                               : lt_strerror(err))
               : LT_OK;
}

/* ---- classes ---- */

static const struct lt_network *find_class(void *ctx, const char *name)
{
    const struct lt_commands *c = ctx;
    for (size_t i = 0; i < c->n_classes; i++)
        if (!strcmp(c->classes[i].name, name)) return c->classes[i].net;
    return NULL;
}

static enum lt_err new_class(struct lt_commands *c, const char *name, struct lt_network **out)
{
    if (c->n_classes == MAX_CLASSES) return LT_ERR_LIMIT;
    struct class *k = &c->classes[c->n_classes];
    snprintf(k->name, sizeof k->name, "%s", name);
    if (!(*out = k->net = lt_network_new())) return LT_ERR_NOMEM;
    c->n_classes++;
    return LT_OK;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static int has_text(const json_t *list, const char *s)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        if (json_is_string(v) && !strcmp(json_string_value(v), s)) return 1;
    }
    return 0;
}

/* A name's words as one, so that no silence is looked for inside it. */
static enum lt_err add_name(struct lt_network *n, const char *name, double with_the)
{
    char words[LT_NETWORK_NAME_MAX], text[LT_NETWORK_NAME_MAX + 8];
    if (!lt_spoken_words(name, words, sizeof words)) return LT_OK;
    for (char *p = words; *p; p++)
        if (*p == ' ') *p = '_';
    if (!strncmp(words, "the_", 4)) with_the = 0;
    enum lt_err err = with_the < 1 ? lt_network_add(n, words, 1 - with_the) : LT_OK;
    snprintf(text, sizeof text, "the %s", words);
    if (!err && with_the > 0) err = lt_network_add(n, text, with_the);
    return err;
}

static int is_plural(const char *name)
{
    size_t n = strlen(name);
    return n > 2 && name[n - 1] == 's' && name[n - 2] != 's';
}

static int is_called(const json_t *thing, const char *name)
{
    size_t i;
    json_t *alias;
    if (lt_fold_same(text_of(thing, "name"), name)) return 1;
    json_array_foreach(json_object_get(thing, "aliases"), i, alias)
    {
        if (json_is_string(alias) && lt_fold_same(json_string_value(alias), name)) return 1;
    }
    return 0;
}

/* Other words for what has one of the names in the file's "also", unless the thing is called so anyway. */
static enum lt_err add_also(struct lt_network *n, json_t *also, const json_t *thing,
                            double with_the)
{
    const char *name;
    size_t i;
    json_t *words, *word;
    enum lt_err err = LT_OK;
    json_object_foreach(also, name, words)
    {
        if (!is_called(thing, name)) continue;
        json_array_foreach(words, i, word)
        {
            if (!err && json_is_string(word) && !is_called(thing, json_string_value(word)))
                err = add_name(n, json_string_value(word), with_the);
        }
        return err; /* one list for a thing: words that several names give are not added twice */
    }
    return err;
}

static enum lt_err add_names(struct lt_network *n, const json_t *thing, double with_the,
                             int is_plural_only)
{
    size_t i;
    json_t *alias;
    const char *name = text_of(thing, "name");
    enum lt_err err = !is_plural_only || is_plural(name) ? add_name(n, name, with_the) : LT_OK;
    json_array_foreach(json_object_get(thing, "aliases"), i, alias)
    {
        if (!err && (name = json_string_value(alias)) && (!is_plural_only || is_plural(name)))
            err = add_name(n, name, with_the);
    }
    return err;
}

static int is_of(const json_t *entity, const json_t *domains)
{
    return !domains || has_text(domains, text_of(entity, "domain"));
}

/* What fills {name}, {Name} and {kind} for devices of the domains. */
static enum lt_err fill_devices(struct lt_commands *c, struct lt_network *n, const char *hole,
                                const json_t *domains)
{
    size_t i, k;
    json_t *e, *word;
    enum lt_err err = LT_OK;
    json_array_foreach(json_object_get(json_object_get(c->catalog, "home"), "entities"), i, e)
    {
        if (err || !is_of(e, domains)) continue;
        if (strcmp(hole, "{kind}") != 0) {
            double with_the = hole[1] == 'n' ? WITH_THE : 0;
            int is_plural_only = !strcmp(hole, "{names}");
            err = add_names(n, e, with_the, is_plural_only);
            if (!err && !is_plural_only)
                err = add_also(n, json_object_get(c->file, "also"), e, with_the);
            continue;
        }
        json_array_foreach(
            json_object_get(json_object_get(c->file, "kinds"), text_of(e, "device_class")), k, word)
        {
            if (!err && json_is_string(word)) err = add_name(n, json_string_value(word), 0);
        }
    }
    return err;
}

static enum lt_err fill_places(struct lt_commands *c, struct lt_network *n, const char *hole)
{
    size_t i;
    json_t *a;
    enum lt_err err = LT_OK;
    const json_t *home = json_object_get(c->catalog, "home");
    int is_floor = !strcmp(hole, "{floor}");
    json_array_foreach(json_object_get(home, "areas"), i, a)
    {
        if (err) break;
        if (is_floor)
            err = add_name(n, text_of(a, "floor"), 0);
        else
            err = add_names(n, a, hole[1] == 'a' ? WITH_THE : 0, 0);
    }
    json_array_foreach(json_object_get(home, "floors"), i, a)
    {
        if (is_floor && !err && json_is_object(a)) err = add_names(n, a, 0, 0);
    }
    return err;
}

static enum lt_err fill_list(struct lt_commands *c, struct lt_network *n, const json_t *patterns)
{
    size_t i;
    json_t *p;
    enum lt_err err = LT_OK;
    json_array_foreach(patterns, i, p)
    {
        struct forms forms = {0};
        if (err || !json_is_string(p)) continue;
        err = forms_of(c, json_string_value(p), &forms);
        for (size_t k = 0; k < forms.n && !err; k++)
            err = lt_network_add(n, forms.v[k].text, forms.v[k].weight);
        free(forms.v);
    }
    return err;
}

/* The class of a hole, made when new; its name goes to `out`: that of devices holds the domains, as
 * each group of commands means its own. *is_empty when nothing fills it. */
static enum lt_err class_of(struct lt_commands *c, const char *hole, const json_t *domains,
                            char out[LT_NETWORK_NAME_MAX], int *is_empty)
{
    size_t i, n_states, n_arcs;
    json_t *d;
    char list[LT_NETWORK_NAME_MAX];
    int is_device = !strcmp(hole, "{name}") || !strcmp(hole, "{Name}") ||
                    !strcmp(hole, "{names}") || !strcmp(hole, "{kind}");
    int is_place = !strcmp(hole, "{area}") || !strcmp(hole, "{Area}") || !strcmp(hole, "{floor}");
    size_t n = (size_t)snprintf(out, LT_NETWORK_NAME_MAX, "%s", hole);
    if (n >= LT_NETWORK_NAME_MAX) return LT_ERR_LIMIT;
    json_array_foreach(domains, i, d)
    {
        if (!is_device || !json_is_string(d)) continue;
        n += (size_t)snprintf(out + n, LT_NETWORK_NAME_MAX - n, "%s", json_string_value(d));
        if (n >= LT_NETWORK_NAME_MAX) return LT_ERR_LIMIT;
    }
    const struct lt_network *known = find_class(c, out);
    struct lt_network *made = NULL;
    if (!known) {
        enum lt_err err = new_class(c, out, &made);
        snprintf(list, sizeof list, "%.*s", (int)(strlen(hole) - 2), hole + 1);
        const json_t *patterns = json_object_get(json_object_get(c->file, "lists"), list);
        if (err) return err;
        if (is_device)
            err = fill_devices(c, made, hole, domains);
        else if (is_place)
            err = fill_places(c, made, hole);
        else if (patterns)
            err = fill_list(c, made, patterns);
        else
            err = lt_fail(c->diag, LT_ERR_INVALID, "commands: no list is called %s", hole);
        if (!err) err = lt_network_shrink(made);
        if (err) return err;
        known = made;
    }
    lt_network_size(known, &n_states, &n_arcs);
    *is_empty = !n_arcs;
    return LT_OK;
}

/* ---- commands ---- */

/* Give the holes of a form their classes; empty text when one cannot be filled. */
static enum lt_err name_holes(struct lt_commands *c, const char *form, const json_t *domains,
                              char out[LT_COMMANDS_TEXT_MAX])
{
    size_t n = 0;
    char hole[LT_NETWORK_NAME_MAX], name[LT_NETWORK_NAME_MAX];
    for (const char *p = form; *p;) {
        size_t len = strcspn(p, " ");
        const char *word = p;
        if (*p == '{') {
            int is_empty = 0;
            snprintf(hole, sizeof hole, "%.*s", (int)len, p);
            enum lt_err err = class_of(c, hole, domains, name, &is_empty);
            if (err) return err;
            if (is_empty) n = 0;
            if (is_empty) break;
            word = name;
            len = strlen(name);
        }
        if (n + len + 2 > LT_COMMANDS_TEXT_MAX) return LT_ERR_LIMIT;
        if (n) out[n++] = ' ';
        memcpy(out + n, word, len);
        n += len;
        p += strcspn(p, " ");
        p += *p == ' ';
    }
    out[n] = '\0';
    return LT_OK;
}

static int fits(const struct lt_commands *c, const json_t *command)
{
    size_t i;
    json_t *t, *e;
    const json_t *domains = json_object_get(command, "domain");
    int has_tool = 0, has_device = !domains;
    json_array_foreach(json_object_get(c->catalog, "tools"), i, t)
    {
        has_tool |= has_text(json_object_get(command, "tools"), text_of(t, "name"));
    }
    json_array_foreach(json_object_get(json_object_get(c->catalog, "home"), "entities"), i, e)
    {
        has_device |= is_of(e, domains);
    }
    return has_tool && has_device;
}

static enum lt_err add_command(struct lt_commands *c, const json_t *command, const char *how,
                               struct lt_network *net, double *weight)
{
    size_t i;
    json_t *p;
    char text[LT_COMMANDS_TEXT_MAX];
    enum lt_err err = LT_OK;
    json_array_foreach(json_object_get(command, how), i, p)
    {
        struct forms forms = {0};
        if (err || !json_is_string(p)) continue;
        err = forms_of(c, json_string_value(p), &forms);
        for (size_t k = 0; k < forms.n && !err; k++) {
            err = name_holes(c, forms.v[k].text, json_object_get(command, "domain"), text);
            if (err || !*text) continue;
            err = lt_network_add(net, text, forms.v[k].weight);
            *weight += forms.v[k].weight;
            c->n_forms++;
        }
        free(forms.v);
    }
    return err;
}

/* What may be said between two states with some share, and nothing otherwise. */
static enum lt_err lay_polite(struct lt_commands *c, const char *what, int from, int to,
                              double whole)
{
    const json_t *part = json_object_get(c->file, what);
    double share = json_number_value(json_object_get(part, "share"));
    char name[LT_NETWORK_NAME_MAX];
    struct lt_network *net = NULL;
    if (!part || share <= 0 || share >= 1) return lt_arcs_add(&c->arcs, from, to, whole, NULL);
    snprintf(name, sizeof name, "{%s polite}", what);
    enum lt_err err = new_class(c, name, &net);
    if (!err) err = fill_list(c, net, json_object_get(part, "say"));
    if (!err) err = lt_network_shrink(net);
    if (!err) err = lt_network_lay(net, from, to, whole * share, find_class, c, &c->arcs);
    return err ? err : lt_arcs_add(&c->arcs, from, to, whole * (1 - share), NULL);
}

/* 0 --before--> 2 --asked--> 3 --after--> 1, 0 --bare--> 3, and 3 --joins--> 2 for a second command. */
static enum lt_err lay_all(struct lt_commands *c)
{
    const json_t *joins = json_object_get(c->file, "joins");
    double share = json_number_value(json_object_get(joins, "share"));
    struct lt_network *net = NULL;
    c->arcs.n_states = 4;
    double asked = c->weight_asked / (c->weight_asked + c->weight_bare);
    enum lt_err err = LT_OK;
    if (asked > 0) err = lay_polite(c, "before", 0, 2, asked);
    if (!err) err = lt_network_lay(c->asked, 2, 3, 1, find_class, c, &c->arcs);
    if (!err) err = lt_network_lay(c->bare, 0, 3, 1 - asked, find_class, c, &c->arcs);
    if (!err) err = lay_polite(c, "after", 3, 1, 1);
    if (err || share <= 0) return err;
    err = new_class(c, "{joins}", &net);
    if (!err) err = fill_list(c, net, json_object_get(joins, "say"));
    if (!err) err = lt_network_shrink(net);
    return err ? err : lt_network_lay(net, 3, 2, share, find_class, c, &c->arcs);
}

enum lt_err lt_commands_new(const json_t *file, const json_t *catalog, struct lt_commands **out,
                            struct lt_diag *diag)
{
    size_t i;
    json_t *command;
    struct lt_commands *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c) return LT_ERR_NOMEM;
    c->file = file;
    c->catalog = catalog;
    c->diag = diag;
    c->asked = lt_network_new();
    c->bare = lt_network_new();
    enum lt_err err = c->asked && c->bare ? LT_OK : LT_ERR_NOMEM;
    json_array_foreach(json_object_get(file, "commands"), i, command)
    {
        if (err || !fits(c, command)) continue;
        err = add_command(c, command, "say", c->asked, &c->weight_asked);
        if (!err) err = add_command(c, command, "bare", c->bare, &c->weight_bare);
    }
    if (!err && !c->n_forms)
        err = lt_fail(diag, LT_ERR_NOTFOUND, "commands: nothing fits the catalogue");
    if (!err) err = lt_network_shrink(c->asked);
    if (!err) err = lt_network_shrink(c->bare);
    if (!err) err = lay_all(c);
    c->file = c->catalog = NULL;
    c->diag = NULL;
    if (err) {
        lt_commands_free(c);
        return err;
    }
    *out = c;
    return LT_OK;
}

void lt_commands_free(struct lt_commands *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->n_classes; i++) lt_network_free(c->classes[i].net);
    lt_network_free(c->asked);
    lt_network_free(c->bare);
    free(c->arcs.v);
    free(c);
}

const struct lt_arcs *lt_commands_arcs(const struct lt_commands *c)
{
    return &c->arcs;
}

/* ---- looking and writing ---- */

/* Is the end reached from state `at` over what is left of the text? */
static int reaches(const struct lt_arcs *a, int at, const char *p, int n_silent)
{
    if (at == 1 && !*p) return 1;
    for (size_t i = 0; i < a->n; i++) {
        const struct lt_arc *arc = &a->v[i];
        if (arc->from != at) continue;
        if (!arc->word) {
            if (n_silent < 16 && reaches(a, arc->to, p, n_silent + 1)) return 1;
            continue;
        }
        const char *w = arc->word, *q = p;
        while (*w && (*w == *q || (*w == '_' && *q == ' '))) {
            w++;
            q++;
        }
        if (!*w && (!*q || *q == ' ') && reaches(a, arc->to, q + (*q == ' '), 0)) return 1;
    }
    return 0;
}

int lt_commands_has(const struct lt_commands *c, const char *text)
{
    return reaches(&c->arcs, 0, text, 0);
}

enum lt_err lt_commands_write(const struct lt_arcs *arcs, FILE *out)
{
    fprintf(out, "FSG_BEGIN home\nN %d\nS %d\nF 1\n", arcs->n_states, arcs->start);
    for (size_t i = 0; i < arcs->n; i++) {
        const struct lt_arc *a = &arcs->v[i];
        fprintf(out, "T %d %d %.9f %s\n", a->from, a->to,
                a->share < 1 ? (a->share > MIN_SHARE ? a->share : MIN_SHARE) : 1.0,
                a->word ? a->word : "");
    }
    fprintf(out, "FSG_END\n");
    return fflush(out) || ferror(out) ? LT_ERR_IO : LT_OK;
}
