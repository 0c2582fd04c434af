/*
 * mapping_read: fields, texts, conditions and secret ids of one record, as a mapping asks for them.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event.
 */
#include "agents/sources/mapping.h"
#include "core/event/secret_id.h"

/* ---- fields ---- */

static struct kt_jval element(struct kt_jval v, struct kt_str name)
{
    struct kt_json_iter it = kt_json_iter(v);
    struct kt_jval item;
    struct kt_str key;
    uint64_t index;
    if (kt_json_type(v) != KT_JSON_ARRAY)
        return kt_json_get(v, name);
    if (!kt_str_u64(name, &index) || index >= kt_json_count(v))
        return (struct kt_jval){ NULL };
    for (uint64_t i = 0; kt_json_next(&it, &key, &item); i++)
        if (i == index)
            return item;
    return (struct kt_jval){ NULL };
}

/* Names may have dots themselves ("addr.remote"): a member that is called like the whole rest of
 * the path is the one. */
struct kt_jval kt_map_find(const struct map_record *r, struct kt_str path)
{
    struct kt_jval v = r->in->root;
    for (;;) {
        struct kt_jval whole = element(v, path);
        ptrdiff_t dot = kt_str_find_byte(path, '.', 0);
        if (kt_json_type(whole) != KT_JSON_NONE || dot < 0)
            return whole;
        v = element(v, kt_str_sub(path, 0, (size_t)dot));
        path = kt_str_from_index(path, (size_t)dot + 1);
    }
}

static struct kt_str got(const struct map_record *r, struct kt_str name)
{
    if (kt_str_is(name, "$cluster"))
        return r->in->cluster;
    for (unsigned i = 0; i < r->n_got; i++)
        if (kt_str_eq(r->got[i].name, name))
            return r->got[i].value;
    return KT_STR_NONE;
}

/* "*" and "-", which secret ids know, stand for themselves. */
static struct kt_str one_field(const struct map_record *r, struct kt_str path)
{
    if (kt_str_starts(path, KT_STR("$")))
        return got(r, path);
    if (kt_str_is(path, "*") || kt_str_is(path, "-"))
        return path;
    struct kt_jval v = kt_map_find(r, path);
    return kt_json_type(v) == KT_JSON_NULL ? KT_STR_NONE : kt_json_text(v);
}

struct kt_str kt_map_field(const struct map_record *r, struct kt_str paths)
{
    struct kt_str one, text = KT_STR_NONE;
    while (text.len == 0 && kt_str_split(&paths, '|', &one))
        text = one_field(r, kt_str_trim(one));
    return text;
}

/* false when a field in it has no value. */
static bool read_text(const struct map_record *r, const struct map_text *t, struct kt_str *ret)
{
    struct kt_str all = KT_STR_NONE;
    for (unsigned i = 0; i < t->n; i++) {
        struct kt_str part = t->at[i].is_field ? kt_map_field(r, t->at[i].text) : t->at[i].text;
        if (part.len == 0)
            return false;
        all = all.len == 0 ? part : kt_arena_cat(r->in->arena, all, part);
    }
    *ret = all;
    return true;
}

struct kt_str kt_map_read(const struct map_record *r, const struct map_value *v)
{
    struct kt_str text = KT_STR_NONE;
    for (unsigned i = 0; i < v->n && text.len == 0; i++)
        if (!read_text(r, &v->at[i], &text))
            text = KT_STR_NONE;
    return text;
}

/* ---- patterns: "{$account}:{$kind}:{$name}" against a field ---- */

/* Each field goes up to the text that follows it, the last one to the end. */
static bool take_apart(struct map_record *r, struct kt_str s, const struct map_text *pattern)
{
    unsigned from = r->n_got;
    for (unsigned i = 0; i < pattern->n; i++) {
        const struct map_piece *p = &pattern->at[i];
        if (!p->is_field) {
            if (!kt_str_starts(s, p->text))
                break;
            s = kt_str_from_index(s, p->text.len);
            continue;
        }
        bool last = i + 1 == pattern->n;
        ptrdiff_t end = last ? (ptrdiff_t)s.len : kt_str_find(s, pattern->at[i + 1].text, 0);
        if (end < 0 || r->n_got == MAP_EXTRACT_MAX)
            break;
        r->got[r->n_got].name = p->text;
        r->got[r->n_got++].value = kt_str_sub(s, 0, (size_t)end);
        s = kt_str_from_index(s, (size_t)end);
        if (last)
            return true;
    }
    r->n_got = from;
    return false;
}

struct map_record kt_map_record(const struct kt_decode_in *in)
{
    struct map_record r = { .in = in, .m = in->settings };
    for (unsigned i = 0; i < r.m->n_extract; i++) {
        struct kt_str text = kt_map_field(&r, r.m->extract[i].path);
        if (text.len > 0)
            (void)take_apart(&r, text, &r.m->extract[i].pattern);
    }
    return r;
}

/* ---- conditions ---- */

static bool holds(const struct map_record *r, const struct map_test *t, struct kt_str subject)
{
    struct kt_str text = t->path.len > 0 ? kt_map_field(r, t->path) : subject;
    bool found = false;
    for (unsigned i = 0; i < t->n && !found; i++)
        found = kt_str_glob(t->glob[i], text);
    return found != t->is_not;
}

int kt_map_judge(const struct map_record *r, const struct map_rules *rules, struct kt_str subject)
{
    for (unsigned i = 0; i < rules->n; i++) {
        const struct map_rule *rule = &rules->at[i];
        unsigned k = 0;
        while (k < rule->n && holds(r, &rule->at[k], subject))
            k++;
        if (k == rule->n)
            return rule->word;
    }
    return rules->otherwise;
}

/* ---- secret ids ---- */

static struct kt_str without_outer_slashes(struct kt_str s)
{
    while (s.len > 0 && s.at[0] == '/')
        s = kt_str_from_index(s, 1);
    while (s.len > 0 && s.at[s.len - 1] == '/')
        s.len--;
    return s;
}

/* "-" for nothing; a path that is only slashes adds nothing either. */
static bool tail_of(const struct map_record *r, const struct map_secret *s, struct kt_str *ret,
                    bool *ret_star)
{
    struct kt_str tail = KT_STR_NONE, part;
    bool star = false;
    for (unsigned i = 0; i < s->n_tail && !star; i++) {
        if (!read_text(r, &s->tail[i], &part))
            return false;
        star = kt_str_is(part, "*");
        part = without_outer_slashes(part);
        if (star || part.len == 0 || kt_str_is(part, "-"))
            continue;
        tail = tail.len == 0 ? part : kt_arena_cat3(r->in->arena, tail, KT_STR("/"), part);
    }
    *ret = tail;
    *ret_star = star;
    return tail.len > 0 || star;
}

static bool make_one(const struct map_record *r, const struct map_secret *s, struct kt_event *ev)
{
    struct kt_str fixed[MAP_FIXED_MAX], tail;
    bool star;
    for (unsigned i = 0; i < s->n_fixed; i++) {
        if (!read_text(r, &s->fixed[i], &fixed[i]))
            return false;
        if (kt_str_is(fixed[i], "-"))
            fixed[i] = KT_STR_NONE;
    }
    if (!tail_of(r, s, &tail, &star))
        return false;
    ev->secret = kt_secret_id(r->in->arena, s->scheme, fixed, s->n_fixed, tail, star);
    return ev->secret.len > 0;
}

bool kt_map_make_secret(const struct map_record *r, struct kt_event *ev)
{
    for (unsigned i = 0; i < r->m->n_secret; i++)
        if (make_one(r, &r->m->secret[i], ev))
            return true;
    return false;
}
