/*
 * note_write: what the collector is told of a view, and what makes two of them the same.
 *
 * Owns:  the words, and how much of each value is written.
 * Calls: core/base, core/event (JSON strings).
 * Holds: nothing that is asked takes the place of what says which thing was looked at, or makes two
 *        different questions one.
 */
#include "dashboards/server/note_write.h"
#include "core/base/hash.h"
#include "core/event/line.h"

/* Bytes of what was asked; together they stay below the 8192 that the collector takes. */
#define QUERY_MAX  4096u /* KT_QUERY_TEXT_MAX: a query is noted whole */
#define NAMED_MAX  512u  /* of each value that says which thing was looked at */
#define OTHER_MAX  64u   /* of each other value */
#define OTHERS_MAX 700u  /* of all of those */

const char *const kt_page_words[] = {
    [KT_PAGE_QUERY] = "query",    [KT_PAGE_RAW] = "raw",
    [KT_PAGE_EXPORT] = "export",  [KT_PAGE_LOGIN] = "login",
    [KT_PAGE_LOGOUT] = "logout",  [KT_PAGE_LOGIN_FAILED] = "login.failed",
    [KT_PAGE_QUESTION] = "query",
};

/* ---- what was asked ---- */

static struct kt_str param(const struct kt_page_view *v, const char *name)
{
    for (unsigned i = 0; i < v->n_params; i++)
        if (kt_str_is(v->param[i].name, name))
            return v->param[i].value;
    return KT_STR_NONE;
}

static bool is_among(struct kt_str name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (kt_str_is(name, names[i]))
            return true;
    return false;
}

/* Which part of an answer is shown, and in which zone, is no other question. */
static const char *const beside[] = { "q", "since", "until", "cursor", "limit", "tz" };
/* Which thing was looked at: first, so that nothing long takes its place. */
static const char *const named[] = { "seq", "id", "value", "name", "path", "instance" };

static void add_cut(struct kt_buf *out, struct kt_str value, size_t max)
{
    struct kt_str cut = kt_utf8_cut(value, max);
    kt_buf_add(out, cut);
    kt_buf_addz(out, cut.len < value.len ? "…" : "");
}

static void add_param(struct kt_buf *out, struct kt_str name, struct kt_str value, size_t max)
{
    kt_buf_addz(out, out->len > 0 ? " " : "");
    add_cut(out, name, OTHER_MAX);
    kt_buf_byte(out, '=');
    add_cut(out, value, max);
}

/* What names a thing, the query, then what else was asked for: `actor:bob form=csv`, `seq=17`. */
static void asked(const struct kt_page_view *v, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf others = { 0 };
    struct kt_str q = param(v, "q");
    for (size_t i = 0; i < KT_ARRAY_LEN(named); i++)
        if (param(v, named[i]).len > 0)
            add_param(out, kt_str_of(named[i]), param(v, named[i]), NAMED_MAX);
    kt_buf_addz(out, out->len > 0 && q.len > 0 ? " " : "");
    add_cut(out, q, QUERY_MAX);
    for (unsigned i = 0; i < v->n_params; i++) {
        const struct kt_api_param *p = &v->param[i];
        if (p->value.len > 0 && !is_among(p->name, beside, KT_ARRAY_LEN(beside)) &&
            !is_among(p->name, named, KT_ARRAY_LEN(named)))
            add_param(&others, p->name, p->value, OTHER_MAX);
    }
    kt_buf_addz(out, out->len > 0 && others.len > 0 ? " " : "");
    add_cut(out, kt_buf_str(&others), OTHERS_MAX);
}

/* The window's ends as they were asked for, or as a cursor has them. */
static struct kt_str since_of(const struct kt_page_view *v)
{
    return v->window ? v->since : param(v, "since");
}

static struct kt_str until_of(const struct kt_page_view *v)
{
    return v->window ? v->until : param(v, "until");
}

static void add_text(struct kt_buf *out, const char *name, struct kt_str value)
{
    if (value.len == 0)
        return;
    kt_buf_addf(out, ",\"%s\":", name);
    kt_json_quote(out, value);
}

void kt_page_note_write(const struct kt_page_view *v, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    char from[KT_IP_TEXT_MAX];
    asked(v, &query);
    kt_buf_addf(out, "{\"do\":\"viewed\",\"what\":\"%s\"", kt_page_words[v->what]);
    add_text(out, "user", v->user.len > 0 ? kt_utf8_cut(v->user, 80) : KT_STR("(none)"));
    add_text(out, "role", kt_str_of(v->role));
    add_text(out, "call", kt_str_of(v->call));
    add_text(out, "query", kt_buf_str(&query));
    add_text(out, "since", kt_utf8_cut(since_of(v), 64));
    add_text(out, "until", kt_utf8_cut(until_of(v), 64));
    add_text(out, "from", kt_str_of(kt_ip_format(v->from, from)));
    kt_buf_byte(out, '}');
}

static void add_whole(struct kt_buf *key, struct kt_str part)
{
    kt_buf_u64(key, part.len);
    kt_buf_add(key, part);
}

/* What makes two questions the same: all of what was asked, uncut, the window and the session; of
 * calls that answer one question together (KT_PAGE_QUESTION) the query alone; of failed logins the
 * address and the name. */
uint64_t kt_page_note_key(const struct kt_page_view *v, uint64_t seed)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 };
    struct kt_ip net = kt_ip_network(v->from, 32, 64).ip;
    kt_buf_u64(&key, v->session);
    kt_buf_u8(&key, (uint8_t)v->what);
    add_whole(&key, v->user);
    if (v->what == KT_PAGE_LOGIN_FAILED) {
        kt_buf_add(&key, kt_str_from(net.at, sizeof net.at));
        return kt_hash64(kt_buf_str(&key), seed) | 1;
    }
    add_whole(&key, since_of(v));
    add_whole(&key, until_of(v));
    add_whole(&key, param(v, "q"));
    add_whole(&key, v->what == KT_PAGE_QUESTION ? KT_STR_NONE : kt_str_of(v->call));
    for (unsigned i = 0; i < v->n_params && v->what != KT_PAGE_QUESTION; i++) {
        if (is_among(v->param[i].name, beside, KT_ARRAY_LEN(beside)))
            continue;
        add_whole(&key, v->param[i].name);
        add_whole(&key, v->param[i].value);
    }
    return kt_hash64(kt_buf_str(&key), seed) | 1;
}
