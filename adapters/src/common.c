/* common.c - what every vendor's file needs, the registry, and the reading of any response: what
 * the connection or the status alone says is decided here, the rest by the vendor's hooks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* ---- registry and names --------------------------------------------------------------------- */

static const struct lt_adapter *const ADAPTERS[] = {
    &lt__anthropic,
    &lt__gemini,
    &lt__openai_responses,
    &lt__openai_chat,
};

const struct lt_adapter *lt_adapter_at(size_t i)
{
    return i < sizeof ADAPTERS / sizeof *ADAPTERS ? ADAPTERS[i] : NULL;
}

const struct lt_adapter *lt_adapter_find(const char *name)
{
    for (size_t i = 0; name && lt_adapter_at(i); i++)
        if (strcmp(lt_adapter_at(i)->name, name) == 0) return lt_adapter_at(i);
    return NULL;
}

static const struct {
    const char *name;
    bool is_retryable;
    const char *text;
} CLASS[] = {
#define CLASS_ROW(name, retry, text) {#name, retry, text},
    LT_CLOUD_CLASS_MAP(CLASS_ROW)
#undef CLASS_ROW
};
#define N_CLASSES (sizeof CLASS / sizeof *CLASS)

const char *lt_cloud_class_name(enum lt_cloud_class c)
{
    return (size_t)c < N_CLASSES ? CLASS[c].name : "UNKNOWN";
}

const char *lt_cloud_class_text(enum lt_cloud_class c)
{
    return (size_t)c < N_CLASSES ? CLASS[c].text : "unknown class";
}

bool lt_cloud_class_is_retryable(enum lt_cloud_class c)
{
    return (size_t)c < N_CLASSES && CLASS[c].is_retryable;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

const char *lt__str(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

int64_t lt__int(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    if (json_is_real(v)) { /* 12.0 is a count too */
        double d = json_real_value(v);
        return d >= 0 && d < 9e15 ? (int64_t)d : 0;
    }
    return json_integer_value(v);
}

json_t *lt__parse(const char *text, size_t len)
{
    json_t *out = NULL;
    return lt_json_parse(text, len, LT_CLOUD_MAX_BODY_BYTES, &out, NULL) ? NULL : out;
}

enum lt_err lt__emit(json_t *body, struct lt_buf *out, struct lt_diag *diag)
{
    char *text = body ? lt_json_dump(body) : NULL;
    enum lt_err err = text ? lt_buf_adds(out, text) : LT_ERR_NOMEM;
    free(text);
    json_decref(body);
    if (err == LT_ERR_LIMIT)
        return lt_fail(diag, err, "request over %u bytes: fewer tools or shorter texts",
                       (unsigned)out->cap_bytes);
    return err ? lt_fail(diag, err, "no memory for a request") : LT_OK;
}

enum lt_err lt__end_body(json_t *body, enum lt_err err, struct lt_buf *out, struct lt_diag *diag)
{
    if (!err) return lt__emit(body, out, diag);
    json_decref(body);
    return err == LT_ERR_NOMEM ? lt_fail(diag, err, "no memory for a request") : err;
}

/* ---- requests ------------------------------------------------------------------------------- */

static enum lt_err check_turns(const struct lt_cloud_turn *t, size_t n, bool is_history,
                               struct lt_diag *diag)
{
    const char *where = is_history ? "history" : "turns";
    for (size_t i = 0; i < n; i++) {
        bool is_results = t[i].kind == LT_TURN_RESULTS;
        if (is_results && (t[i].n_results == 0 || i == 0 || t[i - 1].kind != LT_TURN_RAW))
            return lt_fail(diag, LT_ERR_INVALID,
                           "%s[%zu]: results must follow the raw turn they answer", where, i);
        if (!is_results && (!t[i].text || !*t[i].text))
            return lt_fail(diag, LT_ERR_INVALID, "%s[%zu]: empty text", where, i);
    }
    if (is_history && n > 0 && t[0].kind != LT_TURN_USER)
        return lt_fail(diag, LT_ERR_INVALID, "history[0]: must be what the user said");
    return LT_OK;
}

enum lt_err lt__check_request(const struct lt_cloud_request *req, struct lt_diag *diag)
{
    if (!req->utterance || !*req->utterance)
        return lt_fail(diag, LT_ERR_INVALID, "no utterance to send");
    enum lt_err err = check_turns(req->history, req->n_history, true, diag);
    return err ? err : check_turns(req->turns, req->n_turns, false, diag);
}

static char *join(const char *a, const char *b)
{
    struct lt_buf out;
    lt_buf_init(&out, LT_CLOUD_MAX_BODY_BYTES);
    enum lt_err err = lt_buf_adds(&out, a ? a : "");
    if (!err && a && *a && b && *b) err = lt_buf_adds(&out, "\n\n");
    if (!err) err = lt_buf_adds(&out, b ? b : "");
    char *text = err ? NULL : lt_buf_take(&out);
    lt_buf_free(&out);
    return text;
}

char *lt__system_text(const struct lt_cloud_request *req)
{
    return join(req->system_text, req->home_summary);
}

char *lt__user_text(const struct lt_cloud_request *req)
{
    struct lt_buf place;
    char *out;
    if (!req->here || !*req->here) return join(req->context, req->utterance);
    lt_buf_init(&place, LT_CLOUD_MAX_BODY_BYTES);
    char *words = lt_buf_addf(&place, "Speaking from: %s", req->here)
                      ? NULL
                      : join(req->context, lt_buf_str(&place));
    out = words ? join(words, req->utterance) : NULL;
    free(words);
    lt_buf_free(&place);
    return out;
}

json_t *lt__tool_list(struct lt_cloud_tools *tools, enum lt_dialect dialect, lt_tool_form form,
                      bool is_strict_said)
{
    json_t *list = json_array();
    for (size_t i = 0; i < lt_cloud_tools_count(tools); i++) {
        struct lt_tool_view v;
        if (!lt__tool_view(tools, i, dialect, &v)) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, form(&v, is_strict_said));
    }
    return list;
}

enum lt_err lt__add_turns(json_t *list, const struct lt_turn_form *form,
                          const struct lt_cloud_tools *tools, const struct lt_cloud_turn *t,
                          size_t n, struct lt_diag *diag)
{
    for (size_t i = 0; i < n; i++) {
        if (t[i].kind == LT_TURN_RESULTS) {
            form->results(list, tools, &t[i]);
            continue;
        }
        if (t[i].kind != LT_TURN_RAW) {
            json_array_append_new(list, form->text(t[i].kind == LT_TURN_USER, t[i].text));
            continue;
        }
        json_t *raw = lt__parse(t[i].text, strlen(t[i].text));
        bool is_ours =
            form->raw_member ? json_object_get(raw, form->raw_member) != NULL : json_is_array(raw);
        if (is_ours && form->raw_member)
            json_array_append(list, raw);
        else if (is_ours)
            json_array_extend(list, raw);
        json_decref(raw);
        if (!is_ours)
            return lt_fail(diag, LT_ERR_INVALID, "turn %zu is not a raw turn of this adapter", i);
    }
    return LT_OK;
}

json_t *lt__result_text(const struct lt_cloud_tool_result *r)
{
    const char *text = r->output ? r->output : "";
    return r->is_error ? json_sprintf("error: %s", text) : json_string(text);
}

/* ---- replies -------------------------------------------------------------------------------- */

void lt_cloud_reply_fini(struct lt_cloud_reply *r)
{
    for (size_t i = 0; i < r->n_calls; i++) {
        free(r->calls[i].id);
        free(r->calls[i].name);
        free(r->calls[i].arguments_json);
    }
    free(r->text);
    free(r->raw_turn);
    free(r->model);
    memset(r, 0, sizeof *r);
}

bool lt__add_text(struct lt_cloud_reply *reply, const char *text)
{
    if (!text || !*text) return true;
    size_t had = reply->text ? strlen(reply->text) : 0, more = strlen(text) + 1;
    char *longer = realloc(reply->text, had + more);
    if (!longer) return false;
    memcpy(longer + had, text, more);
    reply->text = longer;
    return true;
}

/* ---- faults --------------------------------------------------------------------------------- */

/* Blank out what would break a line or a terminal. */
static void one_line(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f) *s = ' ';
}

enum lt_cloud_class lt__fault(struct lt_cloud_fault *f, enum lt_cloud_class cls, const char *code,
                              const char *fmt, ...)
{
    va_list ap;
    f->cls = cls;
    snprintf(f->code, sizeof f->code, "%s", code ? code : "");
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    va_end(ap);
    one_line(f->code);
    one_line(f->text);
    return cls;
}

void lt__fault_message(struct lt_cloud_fault *f, const char *code, const char *message)
{
    snprintf(f->code, sizeof f->code, "%s", code ? code : "");
    snprintf(f->text, sizeof f->text, "%s", lt_cloud_class_text(f->cls));
    if (f->cls != LT_CLS_AUTH && message && *message) {
        size_t n = strlen(f->text);
        snprintf(f->text + n, sizeof f->text - n, ": %s", message);
    }
    one_line(f->code);
    one_line(f->text);
}

bool lt__starts(const char *s, const char *prefix)
{
    return s && strncmp(s, prefix, strlen(prefix)) == 0;
}

/* What the status says before anybody has read the body. */
static enum lt_cloud_class class_of_status(int status)
{
    switch (status) {
    case 401:
    case 403:
    case 407:
        return LT_CLS_AUTH;
    case 402:
        return LT_CLS_QUOTA;
    case 404:
    case 410:
        return LT_CLS_NOT_FOUND;
    case 408:
    case 409:
    case 425:
        return LT_CLS_OVERLOADED;
    case 429:
        return LT_CLS_RATE;
    default:
        return status >= 500 ? LT_CLS_OVERLOADED : LT_CLS_INVALID_REQUEST;
    }
}

static enum lt_cloud_class class_of_end(enum lt_http_end end, struct lt_cloud_fault *f)
{
    switch (end) {
    case LT_HTTP_TIMEOUT_CONNECT:
    case LT_HTTP_TIMEOUT_FIRST:
    case LT_HTTP_TIMEOUT_GAP:
    case LT_HTTP_TIMEOUT_TOTAL:
        return LT_CLS_TIMEOUT;
    case LT_HTTP_TOO_LARGE:
        f->is_final = true; /* it would be as large again */
        return LT_CLS_MALFORMED;
    case LT_HTTP_CERT:
    case LT_HTTP_NOMEM:
        f->is_final = true;
        return LT_CLS_NETWORK;
    default:
        return LT_CLS_NETWORK;
    }
}

enum lt_cloud_class lt_adapter_read(const struct lt_adapter *a, struct lt_cloud_tools *tools,
                                    const struct lt_http_response *r, struct lt_cloud_reply *reply,
                                    struct lt_cloud_fault *f)
{
    f->retry_after_ms = r->retry_after_ms;
    if (r->end != LT_HTTP_DONE) {
        enum lt_cloud_class cls = class_of_end(r->end, f);
        return lt__fault(f, cls, lt_http_end_name(r->end), "%s", r->text);
    }
    if (r->status >= 200 && r->status < 300) {
        f->cls = LT_CLS_OK;
        enum lt_cloud_class cls = a->parse(tools, r->body, r->body_len, reply, f);
        /* Calls are carried out only from an answer that came to its proper end. */
        return f->cls = cls;
    }
    f->cls = class_of_status(r->status);
    if (r->status >= 300 && r->status < 400)
        lt__fault(f, LT_CLS_NOT_FOUND, "redirect",
                  "server redirects, which is not followed: check base_url");
    else {
        lt__fault_message(f, NULL, NULL);
        a->classify(r, f);
    }
    if (r->should_retry == 0) f->is_final = true;
    return f->cls;
}
