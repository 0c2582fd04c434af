/*
 * changes: the walk over the collector's own records, and the table that sorts them.
 *
 * Owns:  copies of their texts, in one buffer; views into it are made at the end, when it moves no
 *        more.
 * Calls: core/store/read.h, core/event. No clock.
 */
#include "core/answer/changes.h"

#include "core/base/alloc.h"
#include "core/event/json.h"

static const char *const words[KT_CHANGE_COUNT] = {
#define X(n, w) [KT_CHANGE_##n] = w,
    KT_CHANGES(X)
#undef X
};

const char *kt_change_word(enum kt_change_what what)
{
    return words[what];
}

/* The first that fits; prefix: the operation begins so. */
static const struct {
    enum kt_kind kind; /* KT_KIND_COUNT: any */
    const char *operation;
    bool prefix;
    enum kt_change_what what;
} table[] = {
    { KT_KIND_CONFIG, "", true, KT_CHANGE_CONFIG },
    { KT_KIND_KEY, "", true, KT_CHANGE_KEY },
    { KT_KIND_HOLD, "", true, KT_CHANGE_RETENTION },
    { KT_KIND_TOMBSTONE, "", true, KT_CHANGE_RETENTION },
    { KT_KIND_DECISION, "review.", true, KT_CHANGE_REVIEW },
    { KT_KIND_DECISION, "expect", true, KT_CHANGE_DETECTION },
    { KT_KIND_DECISION, "break-glass", false, KT_CHANGE_DETECTION },
    { KT_KIND_DECISION, "trust-clock", false, KT_CHANGE_RETENTION },
    { KT_KIND_DECISION, "silence", true, KT_CHANGE_ALERT },
    { KT_KIND_DECISION, "ack", false, KT_CHANGE_ALERT },
    { KT_KIND_DECISION, "assign", false, KT_CHANGE_ALERT },
    { KT_KIND_DECISION, "verdict", false, KT_CHANGE_ALERT },
    { KT_KIND_DECISION, "reopen", false, KT_CHANGE_ALERT },
    { KT_KIND_DECISION, "note", false, KT_CHANGE_ALERT },
    { KT_KIND_DECISION, "incident", true, KT_CHANGE_ALERT },
    { KT_KIND_AUDIT, "start", false, KT_CHANGE_RUN },
    { KT_KIND_AUDIT, "stop", false, KT_CHANGE_RUN },
    { KT_KIND_AUDIT, "backup", false, KT_CHANGE_EXPORT },
    { KT_KIND_AUDIT, "report", true, KT_CHANGE_EXPORT },
    { KT_KIND_AUDIT, "export", true, KT_CHANGE_EXPORT },
    { KT_KIND_AUDIT, "stream.rewind", false, KT_CHANGE_EXPORT },
    { KT_KIND_AUDIT, "page.export", false, KT_CHANGE_EXPORT },
    { KT_KIND_AUDIT, "page.", true, KT_CHANGE_VIEW },
    { KT_KIND_AUDIT, "source.", true, KT_CHANGE_SOURCE },
    { KT_KIND_AUDIT, "agent.", true, KT_CHANGE_SOURCE },
    { KT_KIND_AUDIT, "agents.changed", false, KT_CHANGE_CONFIG },
    { KT_KIND_AUDIT, "collector.upgraded", false, KT_CHANGE_CONFIG },
    { KT_KIND_AUDIT, "retention.changed", false, KT_CHANGE_CONFIG },
    { KT_KIND_AUDIT, "detectors.changed", false, KT_CHANGE_DETECTION },
    { KT_KIND_AUDIT, "key", true, KT_CHANGE_KEY },
    { KT_KIND_AUDIT, "checkpoint", true, KT_CHANGE_KEY },
    { KT_KIND_AUDIT, "remove", true, KT_CHANGE_RETENTION },
    { KT_KIND_AUDIT, "", true, KT_CHANGE_FAULT },
};

enum kt_change_what kt_change_of(enum kt_kind kind, struct kt_str operation)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        struct kt_str name = kt_str_of(table[i].operation);
        if (table[i].kind == kind &&
            (table[i].prefix ? kt_str_starts(operation, name) : kt_str_eq(operation, name)))
            return table[i].what;
    }
    return KT_CHANGE_OTHER;
}

/* ---- the walk ---- */

struct walk {
    struct kt_changes *to;
    struct kt_json *json;
    struct kt_buf last; /* digest of the newest configuration */
};

/* Copies a text behind the others. Only its length is told: the buffer still moves, and where each
 * lies is set once, when it has stopped growing. */
static struct kt_str keep(struct kt_changes *c, struct kt_str text)
{
    struct kt_str at = { NULL, text.len };
    kt_buf_add(&c->text, text);
    return at;
}

static struct kt_str first_of(struct kt_jval raw, const char *const *names)
{
    for (; *names != NULL; names++) {
        struct kt_str text = kt_json_str_at(raw, *names);
        if (text.len > 0)
            return text;
    }
    return KT_STR_NONE;
}

/* Is it said again, or another part of what was said? */
static bool is_again(struct walk *w, const struct kt_event *ev, struct kt_str digest)
{
    if (ev->kind != KT_KIND_CONFIG || !kt_str_is(ev->operation, "config") || digest.len == 0)
        return false;
    if (kt_str_eq(kt_buf_str(&w->last), digest))
        return true;
    kt_buf_reset(&w->last);
    kt_buf_add(&w->last, digest);
    return false;
}

static enum kt_status take(void *self, const struct kt_record *r, struct kt_error *err)
{
    static const char *const about[] = { "about", "id",   "what",  "agent",
                                         "name",  "path", "query", NULL };
    static const char *const who[] = { "by", "user", NULL };
    static const char *const why[] = { "reason", "text", "why", NULL };
    static const char *const digests[] = { "digest", "root", NULL };
    struct walk *w = self;
    struct kt_changes *c = w->to;
    const struct kt_event *ev = &r->ev;
    struct kt_jval raw = { 0 };
    unsigned repaired;
    bool has = kt_json_parse(w->json, ev->raw, &raw, &repaired, NULL) == KT_OK;
    struct kt_str digest = has ? first_of(raw, digests) : KT_STR_NONE;
    if (is_again(w, ev, digest))
        return KT_OK;
    if (c->n == KT_CHANGES_MAX)
        return kt_fail(err, KT_E_LIMIT, "more than %u changes: ask for less time", KT_CHANGES_MAX);
    if (c->n == c->cap) {
        c->cap = c->cap == 0 ? 64 : 2 * c->cap;
        c->at = kt_realloc_array(c->at, c->cap, sizeof *c->at);
    }
    struct kt_change *to = &c->at[c->n++];
    *to = (struct kt_change){ .at = r->arrival,
                              .seq = r->seq,
                              .kind = ev->kind,
                              .what = kt_change_of(ev->kind, ev->operation) };
    struct kt_str reason = has ? first_of(raw, why) : KT_STR_NONE;
    /* In the order of the members that lend() walks. */
    to->operation = keep(c, ev->operation);
    to->by = keep(c, has ? first_of(raw, who) : KT_STR_NONE);
    to->about = keep(c, has ? first_of(raw, about) : KT_STR_NONE);
    to->text = keep(c, reason.len > 0 ? reason : ev->message);
    to->digest = keep(c, digest);
    c->of[to->what]++;
    return KT_OK;
}

/* The views, now that the buffer stays where it is. */
static void lend(struct kt_changes *c)
{
    const char *at = c->text.at == NULL ? "" : c->text.at;
    for (uint32_t i = 0; i < c->n; i++) {
        struct kt_change *e = &c->at[i];
        struct kt_str *const views[] = { &e->operation, &e->by, &e->about, &e->text, &e->digest };
        for (size_t k = 0; k < KT_ARRAY_LEN(views); k++) {
            views[k]->at = at;
            at += views[k]->len;
        }
    }
}

static bool is_asked_for(const struct kt_ask *a, const struct kt_record *r)
{
    static const unsigned kinds = 1u << KT_KIND_AUDIT | 1u << KT_KIND_CONFIG |
                                  1u << KT_KIND_DECISION | 1u << KT_KIND_KEY | 1u << KT_KIND_HOLD |
                                  1u << KT_KIND_TOMBSTONE;
    return (kinds & 1u << r->ev.kind) != 0 && r->arrival >= a->since &&
           (a->until == 0 || r->arrival < a->until) &&
           !kt_str_is(r->ev.operation, KT_ALERT_OPERATION);
}

enum kt_status kt_changes_load(struct kt_ask *a, struct kt_changes **ret, struct kt_error *err)
{
    struct kt_cursor *cursor = NULL;
    struct kt_record r;
    const struct kt_scan scan = { .control = true,
                                  .until_seq = a->until_seq,
                                  .give_up = a->give_up,
                                  .give_up_self = a->give_up_self,
                                  .damage = &a->damage };
    struct walk w = { .to = kt_alloc(sizeof *w.to), .json = kt_json_new(KT_JSON_SIMDJSON) };
    enum kt_status st = kt_cursor_open(a->reader, &scan, &cursor, err);
    while (st == KT_OK) {
        st = kt_cursor_next(cursor, &r, err);
        if (kt_scan_passes(&scan, st, err))
            st = KT_OK;
        else if (st == KT_OK && is_asked_for(a, &r))
            st = take(&w, &r, err);
    }
    kt_cursor_free(cursor);
    kt_json_free(w.json);
    kt_buf_done(&w.last);
    if (st != KT_E_AGAIN) {
        kt_changes_free(w.to);
        return kt_wrap(err, "changes");
    }
    lend(w.to);
    *ret = w.to;
    return KT_OK;
}

void kt_changes_free(struct kt_changes *c)
{
    if (c == NULL)
        return;
    kt_free(c->at);
    kt_buf_done(&c->text);
    kt_free(c);
}
