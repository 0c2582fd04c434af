/*
 * alert: the one document about an alert, as JSON and in words.
 *
 * Owns:  the names and order of its keys.
 * Calls: core/base, core/event (json, the one escaping). No clock, no I/O.
 * Holds: what is written can be read back and written again to the same bytes.
 */
#include "exporters/alerts/alert.h"

#include <string.h>

#include "core/event/json.h"
#include "core/event/line.h"

/* Every string of the document that is a plain member, in the order of writing. */
/* It finds no fixed point here. */
/* clang-format off */
#define STRINGS(X)                                                                                 \
    X(title)                                                                                       \
    X(normal)                                                                                      \
    X(why)                                                                                         \
    X(considered)                                                                                  \
    X(quiet) X(command) X(actor) X(actor_written) X(actor_kind) X(ip) X(country) X(network)        \
        X(secret) X(instance) X(source) X(user_agent) X(geo_build) X(merged_into)          \
        X(suppressed_by)
/* clang-format on */
static const struct {
    const char *name;
    size_t offset;
} strings[] = {
#define X(n) { #n, offsetof(struct kt_alert, n) },
    STRINGS(X)
#undef X
};

/* ---- words ---- */
static void add_points(struct kt_buf *out, int points)
{
    kt_buf_addf(out, "%s%d.%d", points < 0 ? "-" : "", (points < 0 ? -points : points) / 100,
                (points < 0 ? -points : points) / 10 % 10);
}

static void add_sentence(struct kt_buf *out, struct kt_str s)
{
    if (s.len == 0)
        return;
    if (out->len > 0 && out->at[out->len - 1] != '\n')
        kt_buf_byte(out, ' ');
    kt_buf_add(out, s);
    if (!kt_str_has(KT_STR(".!?"), kt_str_from(&s.at[s.len - 1], 1)))
        kt_buf_byte(out, '.');
}

unsigned kt_alert_by_detector(const struct kt_alert *a,
                              struct kt_alert_part ret[KT_ALERT_PARTS_MAX])
{
    unsigned n = 0;
    for (unsigned i = 0; i < a->n_parts; i++) {
        unsigned at = 0;
        while (at < n && strcmp(ret[at].detector, a->parts[i].detector) != 0)
            at++;
        if (at == n)
            ret[n++] = (struct kt_alert_part){ .detector = a->parts[i].detector };
        ret[at].points += a->parts[i].points;
    }
    return n;
}

void kt_alert_add_score(const struct kt_alert *a, struct kt_buf *out)
{
    struct kt_alert_part part[KT_ALERT_PARTS_MAX];
    unsigned n = kt_alert_by_detector(a, part);
    int sum = 0;
    for (unsigned i = 0; i < n; i++) {
        kt_buf_addf(out, "%s%s ", i > 0 ? " + " : "", part[i].detector);
        add_points(out, part[i].points);
        sum += part[i].points;
    }
    if (sum != a->score) {
        kt_buf_addz(out, sum < a->score ? " + production " : " - no production secret ");
        add_points(out, sum < a->score ? a->score - sum : sum - a->score);
    }
    if (n == 1 && sum == a->score)
        return; /* one member is its own sum */
    kt_buf_addz(out, " = ");
    add_points(out, a->score);
}

void kt_alert_explain(const struct kt_alert *a, struct kt_buf *out)
{
    add_sentence(out, a->title);
    add_sentence(out, a->normal);
    add_sentence(out, a->why);
    if (a->n_parts > 0 && !kt_alert_is_own(a)) {
        kt_buf_addz(out, " Score: ");
        kt_alert_add_score(a, out);
        kt_buf_byte(out, '.');
    }
    if (a->considered.len > 0) {
        kt_buf_addz(out, " Looked at and found normal: ");
        kt_buf_add(out, a->considered);
        kt_buf_byte(out, '.');
    }
    if (a->quiet.len > 0) {
        kt_buf_addz(out, " It would have stayed quiet with: ");
        kt_buf_add(out, a->quiet);
    }
}

/* ---- links ---- */
/* Unreserved characters of RFC 3986 as they are, the others as %XX. */
static void add_encoded(struct kt_buf *out, struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            kt_str_find_byte(KT_STR("-._~"), c, 0) >= 0)
            kt_buf_byte(out, c);
        else
            kt_buf_addf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

struct kt_str kt_alert_link(struct kt_arena *arena, const char *form, const struct kt_alert *a)
{
    const struct {
        struct kt_str name;
        const char *value;
    } places[] = { { KT_STR("{id}"), a->id }, { KT_STR("{detector}"), a->detector } };
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    struct kt_str rest = kt_str_of(form);
    while (rest.len > 0) {
        size_t i = 0;
        while (i < KT_ARRAY_LEN(places) && !kt_str_starts(rest, places[i].name))
            i++;
        if (i < KT_ARRAY_LEN(places))
            add_encoded(&out, kt_str_of(places[i].value));
        else
            kt_buf_byte(&out, rest.at[0]);
        rest = kt_str_from_index(rest, i < KT_ARRAY_LEN(places) ? places[i].name.len : 1);
    }
    return kt_arena_str(arena, kt_buf_str(&out));
}

bool kt_alert_is_own(const struct kt_alert *a)
{
    return kt_str_is(kt_str_of(a->detector), "self");
}

bool kt_alert_is_over(const struct kt_alert *a)
{
    return a->merged_into.len > 0 ||
           (kt_alert_is_own(a) && kt_str_is(kt_str_of(a->state), "closed"));
}

/* ---- JSON ---- */
static void key(struct kt_buf *out, const char *name)
{
    if (out->at[out->len - 1] != '{')
        kt_buf_byte(out, ',');
    kt_json_quote(out, kt_str_of(name));
    kt_buf_byte(out, ':');
}

static void add_str(struct kt_buf *out, const char *name, struct kt_str s)
{
    if (s.len == 0)
        return;
    key(out, name);
    kt_json_quote(out, s);
}

static void add_i64(struct kt_buf *out, const char *name, int64_t v)
{
    key(out, name);
    kt_buf_i64_dec(out, v);
}

static void add_list(struct kt_buf *out, const char *name, const struct kt_str *at, unsigned n)
{
    key(out, name);
    kt_buf_byte(out, '[');
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            kt_buf_byte(out, ',');
        kt_json_quote(out, at[i]);
    }
    kt_buf_byte(out, ']');
}

static void add_parts(const struct kt_alert *a, struct kt_buf *out)
{
    key(out, "parts");
    kt_buf_byte(out, '[');
    for (unsigned i = 0; i < a->n_parts; i++) {
        kt_buf_addz(out, i > 0 ? ",{" : "{");
        add_str(out, "detector", kt_str_of(a->parts[i].detector));
        add_i64(out, "points", a->parts[i].points);
        add_str(out, "text", a->parts[i].text);
        kt_buf_byte(out, '}');
    }
    kt_buf_byte(out, ']');
}

void kt_alert_write(const struct kt_alert *a, struct kt_buf *out)
{
    kt_buf_byte(out, '{');
    add_str(out, "id", kt_str_of(a->id));
    add_str(out, "severity", kt_str_of(kt_severity_words[a->severity].word));
    add_i64(out, "score", a->score);
    add_str(out, "detector", kt_str_of(a->detector));
    add_str(out, "state", kt_str_of(a->state));
    add_i64(out, "time", a->time);
    add_i64(out, "first", a->first);
    add_i64(out, "last", a->last);
    add_i64(out, "raised", a->raised);
    for (size_t i = 0; i < KT_ARRAY_LEN(strings); i++) {
        struct kt_str s;
        memcpy(&s, (const char *)a + strings[i].offset, sizeof s);
        add_str(out, strings[i].name, s);
    }
    add_parts(a, out);
    add_list(out, "events", a->events, a->n_events);
    add_i64(out, "events_count", (int64_t)a->events_count);
    add_list(out, "secrets", a->secrets, a->n_secrets);
    add_i64(out, "secrets_count", (int64_t)a->secrets_count);
    const struct {
        const char *name;
        bool is;
    } flags[] = { { "test", a->test }, { "group", a->group } };
    for (size_t i = 0; i < KT_ARRAY_LEN(flags); i++)
        if (flags[i].is) {
            key(out, flags[i].name);
            kt_buf_addz(out, "true");
        }
    if (a->life.status.len > 0) {
        key(out, "life");
        kt_alert_life_write(&a->life, out);
    }
    kt_buf_byte(out, '}');
}

static struct kt_str keep(struct kt_arena *arena, struct kt_jval v)
{
    return kt_arena_str(arena, kt_json_str(v));
}

static const char *keep_z(struct kt_arena *arena, struct kt_jval v)
{
    struct kt_str s = kt_json_str(v);
    char *z = kt_arena_alloc(arena, s.len + 1);
    if (z != NULL && s.len > 0)
        memcpy(z, s.at, s.len);
    return z == NULL ? "" : z;
}

static unsigned read_list(struct kt_arena *arena, struct kt_jval v, struct kt_str *at, unsigned max)
{
    struct kt_json_iter it = kt_json_iter(v);
    struct kt_str name;
    struct kt_jval item;
    unsigned n = 0;
    while (n < max && kt_json_next(&it, &name, &item))
        at[n++] = keep(arena, item);
    return n;
}

static void read_parts(struct kt_arena *arena, struct kt_jval v, struct kt_alert *a)
{
    struct kt_json_iter it = kt_json_iter(v);
    struct kt_str name;
    struct kt_jval item;
    while (a->n_parts < KT_ALERT_PARTS_MAX && kt_json_next(&it, &name, &item)) {
        struct kt_alert_part *p = &a->parts[a->n_parts++];
        int64_t points = 0;
        (void)kt_json_i64(kt_json_at(item, "points"), &points);
        p->points = (int)points;
        p->detector = keep_z(arena, kt_json_at(item, "detector"));
        p->text = keep(arena, kt_json_at(item, "text"));
    }
}

static bool read_numbers(struct kt_jval root, struct kt_alert *a)
{
    int64_t score = 0, events = 0, secrets = 0;
    bool ok = kt_json_i64(kt_json_at(root, "score"), &score) &&
              kt_json_i64(kt_json_at(root, "time"), &a->time) &&
              kt_json_i64(kt_json_at(root, "first"), &a->first) &&
              kt_json_i64(kt_json_at(root, "last"), &a->last) &&
              kt_json_i64(kt_json_at(root, "raised"), &a->raised) &&
              kt_json_i64(kt_json_at(root, "events_count"), &events) &&
              kt_json_i64(kt_json_at(root, "secrets_count"), &secrets);
    a->score = (int)score;
    a->events_count = (uint64_t)events;
    a->secrets_count = (uint64_t)secrets;
    return ok;
}

static bool read_severity(struct kt_str word, enum kt_severity *ret)
{
    for (unsigned i = 0; i < KT_SEV_COUNT; i++) {
        if (kt_str_is(word, kt_severity_words[i].word)) {
            *ret = (enum kt_severity)i;
            return true;
        }
    }
    return false;
}

static enum kt_status read_root(struct kt_jval root, struct kt_arena *arena, struct kt_alert *a,
                                struct kt_error *err)
{
    struct kt_str id = kt_json_str_at(root, "id");
    if (id.len != sizeof a->id - 1 || !read_numbers(root, a) ||
        !read_severity(kt_json_str_at(root, "severity"), &a->severity))
        return kt_fail(err, KT_E_INPUT, "this is no alert: id, severity or numbers are missing");
    kt_str_copyz(a->id, sizeof a->id, id);
    a->detector = keep_z(arena, kt_json_at(root, "detector"));
    a->state = keep_z(arena, kt_json_at(root, "state"));
    for (size_t i = 0; i < KT_ARRAY_LEN(strings); i++) {
        struct kt_str s = keep(arena, kt_json_at(root, strings[i].name));
        memcpy((char *)a + strings[i].offset, &s, sizeof s);
    }
    read_parts(arena, kt_json_at(root, "parts"), a);
    a->n_events = read_list(arena, kt_json_at(root, "events"), a->events, KT_ALERT_EVENTS_MAX);
    a->n_secrets =
        read_list(arena, kt_json_at(root, "secrets"), a->secrets, KT_ARRAY_LEN(a->secrets));
    a->test = kt_json_bool(kt_json_at(root, "test"), false);
    a->group = kt_json_bool(kt_json_at(root, "group"), false);
    kt_alert_life_read(kt_json_at(root, "life"), arena, &a->life);
    if (arena->full)
        return kt_fail(err, KT_E_LIMIT, "alert does not fit");
    return KT_OK;
}

static void free_json(struct kt_json **j)
{
    kt_json_free(*j);
}

enum kt_status kt_alert_read(struct kt_str json, struct kt_arena *arena, struct kt_alert *ret,
                             struct kt_error *err)
{
    KT_CLEANUP(free_json) struct kt_json *j = kt_json_new(KT_JSON_SIMDJSON);
    return kt_alert_read_by(j, json, arena, ret, err);
}

enum kt_status kt_alert_read_by(struct kt_json *j, struct kt_str json, struct kt_arena *arena,
                                struct kt_alert *ret, struct kt_error *err)
{
    struct kt_jval root;
    unsigned repaired;
    if (kt_json_parse(j, json, &root, &repaired, err) != KT_OK)
        return kt_wrap(err, "alert");
    struct kt_alert a = { 0 };
    if (read_root(root, arena, &a, err) != KT_OK)
        return err != NULL ? err->code : KT_E_INPUT;
    *ret = a;
    return KT_OK;
}
