/*
 * doppler_secrets: the secrets that a record of Doppler names, each as an event; very many as sets.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event (secret_id).
 */
#include <stdlib.h>

#include "agents/sources/doppler.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/event/secret_id.h"

#define NAMES_MAX KT_SECRETS_PER_RECORD_MAX /* more are given as a set, with their number */
#define DIGEST    16u

void kt_dp_set_id(const struct dp_record *r, struct kt_str project, struct kt_str config,
                  struct kt_str name, struct kt_event *ev)
{
    struct kt_str fixed[3] = { r->workplace, project, config };
    struct kt_arena *a = r->in->arena;
    ev->secret = ev->secret_native = KT_STR_NONE;
    ev->secret_guess = false;
    if (project.len == 0)
        return;
    if (config.len == 0 && name.len == 0)
        fixed[2] = KT_STR("*");
    ev->secret = kt_secret_id(a, "doppler", fixed, 3, name, name.len == 0);
    ev->secret_guess = r->guess || (config.len == 0 && name.len > 0);
    ev->secret_native = project;
    if (config.len > 0)
        ev->secret_native = kt_arena_cat3(a, ev->secret_native, KT_STR("/"), config);
    if (name.len > 0)
        ev->secret_native = kt_arena_cat3(a, ev->secret_native, KT_STR("/"), name);
}

struct kt_str kt_dp_join(struct kt_arena *a, struct kt_str list, struct kt_str part)
{
    return list.len == 0 ? part : part.len == 0 ? list : kt_arena_cat3(a, list, KT_STR("/"), part);
}

/* ---- several secrets in one record ---- */

/* What is kept with one of n secrets: the record without their list, and what it says of this one.
 */
static void raw_of_one(const struct dp_record *r, uint32_t n, struct kt_jval secret,
                       struct kt_event *ev)
{
    struct kt_buf *b = r->in->raw;
    uint64_t *unknown = ev->part == 0 ? r->in->unknown_fields : NULL;
    kt_buf_reset(b);
    kt_buf_addf(b, "{\"secrets\":%u", n);
    kt_keep_member(KT_STR("record"), r->root, kt_dp_keep_root, b, unknown);
    kt_keep_member(KT_STR("secret"), secret, kt_dp_keep_secret, b, unknown);
    kt_buf_byte(b, '}');
    ev->raw = kt_arena_str(r->in->arena, kt_buf_str(b));
}

static void emit_one(const struct dp_record *r, uint32_t n, struct kt_jval secret,
                     struct kt_event *ev, struct kt_emit *to)
{
    struct kt_event one; /* redaction works on it, and the next one begins with *ev */
    raw_of_one(r, n, secret, ev);
    kt_event_copy(&one, ev);
    to->event(to, &one);
    ev->part++;
}

/* ---- reads ---- */

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, DIGEST);
}

static struct kt_str version_of(struct kt_jval secret)
{
    struct kt_jval v = kt_json_get(secret, KT_STR("v"));
    return kt_json_type(v) == KT_JSON_NULL ? KT_STR_NONE : kt_json_text(v);
}

/* A read has no id of its own: it is who read what, when and from where, whatever the order of the
 * secrets. */
static struct kt_str read_id(const struct dp_record *r, struct kt_jval secrets, size_t n)
{
    struct kt_arena *a = r->in->arena;
    uint8_t *all = kt_arena_alloc(a, (n + 1) * DIGEST), digest[DIGEST];
    struct kt_json_iter it = kt_json_iter(secrets);
    struct kt_str unused, mark = KT_STR("/");
    struct kt_jval s;
    char text[KT_ID_TEXT];
    for (size_t i = 0; all != NULL && i < n && kt_json_next(&it, &unused, &s); i++) {
        struct kt_str parts[] = { kt_json_str_at(s, "p"), mark, kt_json_str_at(s, "c"), mark,
                                  kt_json_str_at(s, "s"), mark, version_of(s) };
        kt_blake2b(parts, KT_ARRAY_LEN(parts), all + i * DIGEST, DIGEST);
    }
    if (all != NULL)
        qsort(all, n, DIGEST, compare_digests);
    struct kt_str parts[] = { kt_json_str_at(r->root, "workplace.id"),       mark,
                              kt_json_str_at(r->root, "user.slug"),          mark,
                              kt_json_str_at(r->root, "createdAt"),          mark,
                              kt_json_str_at(r->root, "session.ip"),         mark,
                              kt_str_from(all, all != NULL ? n * DIGEST : 0) };
    kt_blake2b(parts, KT_ARRAY_LEN(parts), digest, DIGEST);
    return kt_arena_str(a, kt_str_of(kt_id_format(digest, text)));
}

static void read_one(const struct dp_record *r, size_t n, struct kt_jval s, struct kt_event *ev,
                     struct kt_emit *to)
{
    struct kt_jval via = kt_json_get(s, KT_STR("r"));
    kt_dp_set_id(r, kt_json_str_at(s, "p"), kt_json_str_at(s, "c"), kt_json_str_at(s, "s"), ev);
    ev->version = version_of(s);
    ev->via = kt_dp_join(r->in->arena, kt_json_str_at(via, "p"), kt_json_str_at(via, "c"));
    emit_one(r, (uint32_t)n, s, ev, to);
}

/* Very many names: each config as a whole, with the number of its secrets. */
struct group {
    struct kt_str project, config;
    uint32_t n;
};

static void export_configs(const struct dp_record *r, struct kt_jval secrets, size_t n,
                           struct kt_event *ev, struct kt_emit *to)
{
    struct group groups[NAMES_MAX], rest = { KT_STR("*"), KT_STR_NONE, 0 };
    struct kt_json_iter it = kt_json_iter(secrets);
    struct kt_str unused;
    struct kt_jval s;
    size_t n_groups = 0, i;
    while (kt_json_next(&it, &unused, &s)) {
        struct group g = { kt_json_str_at(s, "p"), kt_json_str_at(s, "c"), 1 };
        for (i = 0; i < n_groups; i++)
            if (kt_str_eq(groups[i].project, g.project) && kt_str_eq(groups[i].config, g.config))
                break;
        if (i < n_groups)
            groups[i].n++;
        else if (n_groups < NAMES_MAX - 1)
            groups[n_groups++] = g;
        else
            rest.n++; /* of yet other configs */
    }
    if (rest.n > 0)
        groups[n_groups++] = rest;
    ev->action = KT_ACT_EXPORT;
    for (i = 0; i < n_groups; i++) {
        kt_dp_set_id(r, groups[i].project, groups[i].config, KT_STR_NONE, ev);
        ev->count = groups[i].n;
        emit_one(r, (uint32_t)n, (struct kt_jval){ NULL }, ev, to);
    }
}

void kt_dp_read(const struct dp_record *r, struct kt_event *ev, struct kt_emit *to)
{
    struct kt_jval secrets = kt_json_get(r->metadata, KT_STR("secrets")), s;
    size_t n = kt_json_type(secrets) == KT_JSON_ARRAY ? kt_json_count(secrets) : 0;
    struct kt_json_iter it = kt_json_iter(secrets);
    struct kt_str unused;
    ev->scope = KT_STR("secret_read");
    ev->native_id = read_id(r, secrets, n);
    ev->operation = r->type;
    ev->action = KT_ACT_READ;
    if (n > NAMES_MAX) {
        export_configs(r, secrets, n, ev, to);
        return;
    }
    while (n > 0 && kt_json_next(&it, &unused, &s))
        read_one(r, n, s, ev, to);
    if (n == 0)
        emit_one(r, 0, (struct kt_jval){ NULL }, ev, to);
}

/* ---- changes ---- */

/* Names that a diff has: lists of added, updated and removed names, or one list of objects, as the
 * API has for a config, whose added and removed are values. */
static const struct {
    const char *member;
    enum kt_action verb;
} lists[] = {
    { "added", KT_ACT_WRITE },
    { "updated", KT_ACT_WRITE },
    { "removed", KT_ACT_DELETE },
};

struct change {
    enum kt_action verb;
    struct kt_str name;
};

static size_t add_changes(struct kt_jval list, enum kt_action verb, struct change *ret, size_t n)
{
    struct kt_json_iter it = kt_json_iter(list);
    struct kt_str unused;
    struct kt_jval item;
    while (n <= NAMES_MAX && kt_json_next(&it, &unused, &item)) {
        bool object = kt_json_type(item) == KT_JSON_OBJECT;
        struct kt_str name = object ? kt_json_str_at(item, "name") : kt_json_str(item);
        bool gone = object && kt_json_str_at(item, "added").len == 0 &&
                    kt_json_type(kt_json_get(item, KT_STR("removed"))) == KT_JSON_STRING;
        if (name.len > 0)
            ret[n++] = (struct change){ gone ? KT_ACT_DELETE : verb, name };
    }
    return n;
}

/* At most one more than NAMES_MAX, which says that there are too many. */
static size_t changes_of(const struct dp_record *r, struct change ret[NAMES_MAX + 1])
{
    size_t n = 0;
    if (kt_json_type(r->diff) == KT_JSON_ARRAY)
        return add_changes(r->diff, KT_ACT_WRITE, ret, 0);
    for (size_t i = 0; i < KT_ARRAY_LEN(lists); i++) {
        struct kt_jval list = kt_json_get(r->diff, kt_str_of(lists[i].member));
        if (kt_json_type(list) == KT_JSON_ARRAY)
            n = add_changes(list, lists[i].verb, ret, n);
    }
    return n;
}

static uint32_t count_of(struct kt_jval list)
{
    return kt_json_type(list) == KT_JSON_ARRAY ? (uint32_t)kt_json_count(list) : 0;
}

static void change_sets(const struct dp_record *r, struct kt_event *ev, struct kt_emit *to)
{
    uint32_t all = count_of(r->diff);
    for (size_t i = 0; i < KT_ARRAY_LEN(lists); i++)
        all += count_of(kt_json_get(r->diff, kt_str_of(lists[i].member)));
    uint32_t gone = count_of(kt_json_get(r->diff, KT_STR("removed")));
    const struct {
        enum kt_action verb;
        uint32_t n;
    } sets[] = { { ev->action, all - gone }, { KT_ACT_DELETE, gone } };
    kt_dp_set_id(r, r->project, r->config, KT_STR_NONE, ev);
    for (size_t i = 0; i < KT_ARRAY_LEN(sets); i++) {
        ev->action = sets[i].verb;
        ev->count = sets[i].n;
        if (sets[i].n > 0)
            emit_one(r, all, (struct kt_jval){ NULL }, ev, to);
    }
}

/* Other activities have a diff too, of permissions for example. */
void kt_dp_change(const struct dp_record *r, struct kt_event *ev, struct kt_emit *to)
{
    struct change changes[NAMES_MAX + 1];
    enum kt_action verb = ev->action;
    bool secrets = verb == KT_ACT_WRITE || verb == KT_ACT_ROTATE;
    size_t n = secrets && r->project.len > 0 ? changes_of(r, changes) : 0;
    if (n > NAMES_MAX) {
        change_sets(r, ev, to);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        ev->action = changes[i].verb == KT_ACT_WRITE ? verb : changes[i].verb;
        kt_dp_set_id(r, r->project, r->config, changes[i].name, ev);
        emit_one(r, (uint32_t)n, (struct kt_jval){ NULL }, ev, to);
    }
    if (n > 0)
        return;
    kt_dp_set_id(r, r->project, r->config, KT_STR_NONE, ev);
    kt_kept_whole(r->root, kt_dp_keep_root, r->in->raw, r->in->unknown_fields, ev);
    to->event(to, ev);
}
