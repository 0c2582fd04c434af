/*
 * api: what every call shares: parameters, the window, and JSON as it is written.
 *
 * Owns:  nothing.
 * Calls: core/answer/coverage, core/base, core/event (JSON strings), core/wire (the collector).
 */
#include "dashboards/api/api.h"
#include "core/answer/coverage.h"
#include "core/base/enc.h"
#include "core/event/line.h"
#include "core/wire/control_client.h"
#include "dashboards/api/kept.h"
#include "dashboards/api/scoped.h"
#include <math.h>
#include <string.h>

static const char *const roles[KT_ROLE_COUNT] = { "viewer", "auditor", "responder", "admin" };

const char *kt_role_word(enum kt_role r)
{
    return roles[r];
}

bool kt_role_of(struct kt_str word, enum kt_role *ret)
{
    for (unsigned i = 0; i < KT_ROLE_COUNT; i++) {
        if (kt_str_is(word, roles[i])) {
            *ret = (enum kt_role)i;
            return true;
        }
    }
    return false;
}

bool kt_role_knows_canaries(enum kt_role r)
{
    return r >= KT_ROLE_AUDITOR;
}

struct kt_str kt_api_get(const struct kt_api *a, const char *name)
{
    for (unsigned i = 0; i < a->n_params; i++)
        if (kt_str_is(a->param[i].name, name))
            return a->param[i].value;
    return KT_STR_NONE;
}

enum kt_status kt_api_number(const struct kt_api *a, const char *name, uint64_t least,
                             uint64_t most, uint64_t other, uint64_t *ret, struct kt_error *err)
{
    struct kt_str s = kt_api_get(a, name);
    *ret = other;
    if (s.len == 0)
        return KT_OK;
    if (!kt_str_u64(s, ret) || *ret < least || *ret > most)
        return kt_fail(err, KT_E_INPUT, "%s is a number from %llu to %llu", name,
                       (unsigned long long)least, (unsigned long long)most);
    return KT_OK;
}

enum kt_status kt_api_collector(const struct kt_api *a, struct kt_str request, unsigned patience_s,
                                struct kt_buf *answer, struct kt_error *err)
{
    if (a->control == NULL)
        return kt_fail(err, KT_E_IO,
                       "this page shows a store without a collector: nothing can be changed here");
    return kt_control_order_within(a->control, request, patience_s, answer, err);
}

static enum kt_status take_time(const struct kt_api *a, const char *name, bool is_until,
                                kt_time_ns *ret, struct kt_error *err)
{
    struct kt_str s = kt_api_get(a, name);
    uint64_t ns;
    if (s.len == 0)
        return KT_OK;
    if (s.len > 12 && kt_str_u64(s, &ns) && ns <= INT64_MAX) {
        *ret = (kt_time_ns)ns;
        return KT_OK;
    }
    enum kt_status status = kt_time_expr(s, a->now, a->ask->zone_offset_s, is_until, ret, err);
    return status == KT_OK ? KT_OK : kt_wrap(err, "%s", name);
}

enum kt_status kt_api_zone(struct kt_api *a, struct kt_error *err)
{
    struct kt_str s = kt_api_get(a, "tz");
    int64_t zone = 0;
    if (s.len > 0 && (!kt_str_i64(s, &zone) || zone < -12 * 3600 || zone > 14 * 3600))
        return kt_fail(err, KT_E_INPUT, "tz is a number of seconds east of UTC: 3600, -18000");
    a->ask->zone_offset_s = (int)zone;
    return KT_OK;
}

enum kt_status kt_api_window(struct kt_api *a, kt_time_ns span, struct kt_error *err)
{
    a->ask->since = a->ask->until = 0;
    if (kt_api_zone(a, err) != KT_OK ||
        take_time(a, "since", false, &a->ask->since, err) != KT_OK ||
        take_time(a, "until", true, &a->ask->until, err) != KT_OK)
        return err->code;
    if (a->ask->until != 0 && a->ask->since >= a->ask->until)
        return kt_fail(err, KT_E_INPUT, "since is not before until");
    if (a->ask->since == 0 && span > 0)
        a->ask->since = (a->ask->until != 0 ? a->ask->until : a->now) - span;
    return KT_OK;
}

enum kt_status kt_api_question(struct kt_api *a, kt_time_ns span, struct kt_str *ret_q,
                               struct kt_error *err)
{
    struct kt_str q = kt_api_get(a, "q");
    struct kt_query *query = NULL;
    kt_time_ns since = 0, until = 0;
    if (kt_api_window(a, 0, err) != KT_OK)
        return err->code;
    if (kt_query_parse_told(q, a->now, a->ask->zone_offset_s, a->ask->ids, &query, &a->wrong,
                            err) != KT_OK)
        return kt_wrap(err, "query");
    kt_query_window(query, &since, &until);
    kt_query_free(query);
    if (since > a->ask->since)
        a->ask->since = since;
    if (until != 0 && (a->ask->until == 0 || until < a->ask->until))
        a->ask->until = until;
    if (a->ask->since == 0 && span > 0)
        a->ask->since = (a->ask->until != 0 ? a->ask->until : a->now) - span;
    *ret_q = q;
    return KT_OK;
}

void kt_api_error(const struct kt_api *a, const struct kt_error *err, struct kt_buf *out)
{
    struct kt_str text = kt_str_of(err->text);
    while (!kt_utf8_valid(text))
        text.len--; /* one that was cut may end in half a letter */
    kt_api_open(out, NULL, '{');
    kt_api_text(out, "error", text);
    if (err->code == KT_E_INPUT && (a->wrong.at > 0 || a->wrong.len > 0)) {
        kt_api_u64(out, "at", a->wrong.at);
        kt_api_u64(out, "len", a->wrong.len);
    }
    kt_api_close(out, '}');
}

void kt_api_command(const struct kt_api *a, const char *command, const char *more, struct kt_str q,
                    struct kt_buf *out)
{
    char text[KT_TIME_TEXT_MAX];
    kt_buf_addf(out, "keytrail %s%s", command, more);
    if (a->ask->since != 0)
        kt_buf_addf(out, " --since %s", kt_time_format(a->ask->since, text));
    if (a->ask->until != 0)
        kt_buf_addf(out, " --until %s", kt_time_format(a->ask->until, text));
    if (q.len == 0)
        return;
    kt_buf_addz(out, q.at[0] == '-' ? " -- " : " ");
    kt_shell_quote(q, out);
}

/* ---- writing ---- */

static void add_key(struct kt_buf *o, const char *key)
{
    char last = o->len > 0 ? o->at[o->len - 1] : '{';
    if (last != '{' && last != '[' && last != '\n')
        kt_buf_byte(o, ',');
    if (key == NULL)
        return;
    kt_buf_byte(o, '"');
    kt_buf_addz(o, key);
    kt_buf_addz(o, "\":");
}

void kt_api_open(struct kt_buf *o, const char *key, char bracket)
{
    add_key(o, key);
    kt_buf_byte(o, bracket);
}

void kt_api_close(struct kt_buf *o, char bracket)
{
    kt_buf_byte(o, bracket);
}

void kt_api_text(struct kt_buf *o, const char *key, struct kt_str s)
{
    add_key(o, key);
    if (s.len == 0)
        kt_buf_addz(o, "null");
    else
        kt_json_quote(o, s);
}

void kt_api_some(struct kt_buf *o, const char *key, struct kt_str s)
{
    if (s.len > 0)
        kt_api_text(o, key, s);
}

void kt_api_u64(struct kt_buf *o, const char *key, uint64_t n)
{
    add_key(o, key);
    kt_buf_u64_dec(o, n);
}

void kt_api_time(struct kt_buf *o, const char *key, kt_time_ns t)
{
    add_key(o, key);
    if (t == 0)
        kt_buf_addz(o, "null");
    else
        kt_buf_i64_dec(o, t);
}

void kt_api_real(struct kt_buf *o, const char *key, double x)
{
    add_key(o, key);
    if (isfinite(x))
        kt_buf_addf(o, "%.6g", x);
    else
        kt_buf_addz(o, "null");
}

void kt_api_flag(struct kt_buf *o, const char *key, bool yes)
{
    add_key(o, key);
    kt_buf_addz(o, yes ? "true" : "false");
}

void kt_api_raw(struct kt_buf *o, const char *key, struct kt_str json)
{
    add_key(o, key);
    kt_buf_add(o, json.len > 0 ? json : KT_STR("null"));
}

/* ---- coverage ---- */

#define COVERED_FOR (10 * KT_NS_S) /* how long a sentence about a window holds */

static void write_coverage(const struct kt_coverage *c, struct kt_str instance, struct kt_buf *o)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    kt_coverage_say(c, instance, &said);
    kt_api_open(o, NULL, '{');
    kt_api_real(o, "share", c->share < 0 ? NAN : c->share);
    kt_api_u64(o, "gaps", kt_coverage_open(c));
    kt_api_text(o, "text", kt_buf_str(&said));
    kt_api_close(o, '}');
}

/* Its damage and cost are not the answer's. */
static enum kt_status make_coverage(const struct kt_ask *ask, struct kt_str instance,
                                    struct kt_buf *o)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    struct kt_ask beside = *ask;
    struct kt_coverage *c = NULL;
    struct kt_error err = { 0 };
    enum kt_status status = kt_coverage_load(&beside, &c, &err);
    if (status == KT_OK) {
        write_coverage(c, instance, o);
    } else {
        kt_buf_addf(&said, "coverage not known: %s", err.text);
        kt_api_open(o, NULL, '{');
        kt_api_real(o, "share", NAN);
        kt_api_raw(o, "gaps", KT_STR_NONE);
        kt_api_text(o, "text", kt_buf_str(&said));
        kt_api_close(o, '}');
    }
    kt_coverage_free(c);
    return status;
}

/* Coverage is told to the minute, so windows that begin in the same one have the same. */
static void add_coverage(const struct kt_api *a, struct kt_str instance, struct kt_buf *o)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 }, made = { 0 };
    struct kt_ask ask = *a->ask;
    ask.since -= ask.since % KT_NS_MIN;
    kt_api_key(a, "coverage", &key);
    kt_buf_addf(&key, "%lld %lld ", (long long)ask.since, (long long)ask.until);
    kt_buf_add(&key, instance);
    if (!kt_api_kept_get(a->kept, kt_buf_str(&key), a->now, COVERED_FOR, ask.give_up,
                         ask.give_up_self, &made)) {
        if (make_coverage(&ask, instance, &made) == KT_OK)
            kt_api_kept_put(a->kept, kt_buf_str(&key), a->now, kt_buf_str(&made));
        else
            kt_api_kept_drop(a->kept, kt_buf_str(&key));
    }
    kt_api_raw(o, "coverage", kt_buf_str(&made));
}

/* Gaps are of sources, and of all who use them: whoever sees a part of the records is not told. */
static bool is_told_none(struct kt_api *a)
{
    if (!kt_api_scoped(a))
        return false;
    kt_api_open(&a->out, "coverage", '{');
    kt_api_real(&a->out, "share", NAN);
    kt_api_u64(&a->out, "gaps", 0);
    kt_api_text(&a->out, "text",
                KT_STR("what the log cannot speak about is told to users without a scope"));
    kt_api_close(&a->out, '}');
    return true;
}

static void add_window(struct kt_api *a)
{
    struct kt_buf *o = &a->out;
    kt_api_open(o, "window", '{');
    kt_api_time(o, "since", a->ask->since);
    kt_api_time(o, "until", a->ask->until != 0 ? a->ask->until : a->now);
    kt_api_close(o, '}');
    kt_api_u64(o, "damage", a->ask->damage.places);
}

void kt_api_covered(struct kt_api *a, const struct kt_coverage *c)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf made = { 0 };
    write_coverage(c, KT_STR_NONE, &made);
    add_window(a);
    if (is_told_none(a))
        return;
    kt_api_raw(&a->out, "coverage", kt_buf_str(&made));
}

void kt_api_covers(struct kt_api *a, struct kt_str instance)
{
    add_window(a);
    if (!is_told_none(a))
        add_coverage(a, instance, &a->out);
}
