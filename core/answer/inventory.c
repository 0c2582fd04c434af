/*
 * inventory: see the header. Two walks over lines of snapshots, one over the columns of accesses.
 *
 * Owns:  an item for each secret, and their texts.
 * Calls: core/query, core/answer/ask, core/event. No clock, no output.
 */
#include "core/answer/inventory.h"

#include "core/base/alloc.h"
#include "core/base/map.h"
#include "core/event/json.h"

struct load {
    struct kt_inventory out; /* first: kt_inventory_free gets at the rest */
    struct kt_ask *ask;
    struct kt_json *json;
    struct kt_map *secrets, *instances, *texts;
    struct kt_inventory_item *item;     /* by number in secrets */
    struct kt_inventory_source *source; /* by number in instances */
    uint32_t cap, cap_sources;
};

/* ---- what is kept ---- */

/* A text that outlives the walk; the same one is kept once. */
static struct kt_str kept(struct load *v, struct kt_str text)
{
    return text.len == 0 ? KT_STR_NONE : kt_map_key(v->texts, kt_map_put(v->texts, text, NULL));
}

/* NULL: one too many. */
static struct kt_inventory_item *item_of(struct load *v, struct kt_str secret, struct kt_error *err)
{
    bool is_new;
    uint32_t n = kt_map_put(v->secrets, secret, &is_new);
    if (n >= KT_INVENTORY_SECRETS_MAX) {
        (void)!kt_fail(err, KT_E_LIMIT, "more than %u secrets: give a narrower pattern",
                       KT_INVENTORY_SECRETS_MAX);
        return NULL;
    }
    if (n >= v->cap) {
        v->cap = v->cap == 0 ? 256 : 2 * v->cap;
        v->item = kt_realloc_array(v->item, v->cap, sizeof *v->item);
    }
    if (is_new)
        v->item[n] = (struct kt_inventory_item){ .secret = kt_map_key(v->secrets, n) };
    return &v->item[n];
}

static struct kt_inventory_source *source_of(struct load *v, struct kt_str instance)
{
    bool is_new;
    uint32_t n = kt_map_put(v->instances, instance, &is_new);
    if (n >= v->cap_sources) {
        v->cap_sources = v->cap_sources == 0 ? 16 : 2 * v->cap_sources;
        v->source = kt_realloc_array(v->source, v->cap_sources, sizeof *v->source);
    }
    if (is_new)
        v->source[n] = (struct kt_inventory_source){ .instance = kt_map_key(v->instances, n) };
    return &v->source[n];
}

/* ---- snapshots ---- */

/* A time, or a date; 0 when it is neither. */
static kt_time_ns time_at(struct kt_jval raw, const char *name)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    kt_time_ns t = 0;
    struct kt_str s = kt_json_str_at(raw, name);
    if (s.len == 10) { /* a date alone */
        kt_buf_addf(&text, KT_STR_FMT "T00:00:00Z", KT_STR_ARG(s));
        s = kt_buf_str(&text);
    }
    return s.len > 0 && kt_time_parse(s, &t, NULL) == KT_OK && t > 0 ? t : 0;
}

static void take_secret(struct load *v, struct kt_inventory_item *it, const struct kt_event *ev,
                        struct kt_jval raw)
{
    kt_time_ns period = 0;
    if (it->listed && it->snapshot > ev->time)
        return;
    it->listed = true;
    it->snapshot = ev->time;
    it->instance = source_of(v, ev->instance)->instance;
    it->created = time_at(raw, "created");
    it->changed = time_at(raw, "last_changed");
    it->rotated = time_at(raw, "last_rotated");
    it->due = time_at(raw, "next_rotation");
    it->expires = time_at(raw, "expires");
    it->deleted = time_at(raw, "deleted");
    it->accessed = time_at(raw, "last_accessed");
    it->period = kt_duration_parse(kt_json_str_at(raw, "rotation_period"), &period, NULL) == KT_OK
                     ? period
                     : 0;
    it->owner = kept(v, kt_json_str_at(raw, "owner"));
    it->version = kept(v, ev->version);
}

static enum kt_status take_line(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                struct kt_error *err)
{
    struct load *v = self;
    const struct kt_event *ev = &r->ev;
    struct kt_jval raw;
    unsigned repaired;
    (void)fact;
    if (kt_json_parse(v->json, ev->raw, &raw, &repaired, NULL) != KT_OK)
        return KT_OK;
    if (ev->secret.len == 0) { /* the mark of a snapshot */
        struct kt_inventory_source *s = source_of(v, ev->instance);
        if (ev->outcome == KT_OUT_SUCCESS && ev->time > s->complete)
            s->complete = ev->time;
        return KT_OK;
    }
    struct kt_inventory_item *it = item_of(v, ev->secret, err);
    if (it == NULL)
        return KT_E_LIMIT;
    take_secret(v, it, ev, raw);
    return KT_OK;
}

/* Marks name no secret, so they are asked for by themselves. Of one secret's page they say whether
 * it is gone since it was listed: so those before are not looked for there, and none of what never
 * was listed. */
static enum kt_status read_marks(struct load *v, enum kt_inventory_parts parts,
                                 struct kt_error *err)
{
    kt_time_ns since = v->ask->since, oldest = INT64_MAX;
    for (uint32_t i = 0; i < kt_map_count(v->secrets); i++)
        oldest = v->item[i].snapshot < oldest ? v->item[i].snapshot : oldest;
    if (parts != KT_INVENTORY_ALL && kt_map_count(v->secrets) == 0)
        return KT_OK;
    if (parts == KT_INVENTORY_CHANGES && oldest > since)
        v->ask->since = oldest;
    enum kt_status status =
        kt_ask_records(v->ask, KT_STR("kind:inventory -secret:*"), take_line, v, err);
    v->ask->since = since;
    return status;
}

static enum kt_status read_snapshots(struct load *v, struct kt_str term,
                                     enum kt_inventory_parts parts, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    if (term.len == 0)
        return kt_ask_records(v->ask, KT_STR("kind:inventory"), take_line, v, err);
    kt_buf_addf(&query, "kind:inventory " KT_STR_FMT, KT_STR_ARG(term));
    enum kt_status status = kt_ask_records(v->ask, kt_buf_str(&query), take_line, v, err);
    return status == KT_OK ? read_marks(v, parts, err) : status;
}

/* ---- accesses ---- */

bool kt_inventory_ends_rotation(enum kt_action action, struct kt_str operation)
{
    static const char
        *const others[] = {
            "RotateSecret",       "RotationStarted",   "UpdateSecretVersionStage",
            "CancelRotateSecret", "RotationAbandoned", "RotationFailed",
            "RotateKeyOnDemand", /* asked for: RotateKey ends it */
        };
    for (size_t i = 0; i < KT_ARRAY_LEN(others); i++)
        if (kt_str_is(operation, others[i]))
            return false;
    return action == KT_ACT_ROTATE;
}

static void take_access(struct load *v, struct kt_inventory_item *it, const struct kt_event *ev)
{
    if (kt_inventory_ends_rotation(ev->action, ev->operation) && ev->time > it->log_rotated)
        it->log_rotated = ev->time;
    if (ev->action == KT_ACT_WRITE && ev->time > it->log_written)
        it->log_written = ev->time;
    if (!kt_event_is_read(ev) || ev->time <= it->read)
        return;
    it->read = ev->time;
    it->reader = kept(v, kt_ask_actor(v->ask, ev->actor, ev->source, ev->instance));
}

static enum kt_status take_view(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct load *v = self;
    const struct kt_columns *c = view->columns;
    for (uint32_t i = 0; i < view->picks; i++) {
        uint32_t row = view->pick[i];
        const struct kt_event ev = { .kind = KT_KIND_ACCESS,
                                     .action = c->small[KT_COL_ACTION][row],
                                     .source = kt_column_str(c, KT_COL_SOURCE, row),
                                     .instance = kt_column_str(c, KT_COL_INSTANCE, row),
                                     .operation = kt_column_str(c, KT_COL_OPERATION, row),
                                     .actor = kt_column_str(c, KT_COL_ACTOR, row),
                                     .time = view->time[row],
                                     .secret = kt_column_str(c, KT_COL_SECRET, row),
                                     .has_ip = kt_column_str(c, KT_COL_IP, row).len > 0 };
        if (ev.secret.len == 0 || kt_str_ends(ev.secret, KT_STR("/*")))
            continue; /* a set says of no secret that it was read */
        struct kt_inventory_item *it = item_of(v, ev.secret, err);
        if (it == NULL)
            return KT_E_LIMIT;
        take_access(v, it, &ev);
    }
    return KT_OK;
}

static enum kt_status read_accesses(struct load *v, struct kt_str term,
                                    enum kt_inventory_parts parts, struct kt_error *err)
{
    const uint32_t wanted = KT_ACCESS_COLUMNS | KT_COLUMN(KT_COL_ACTOR) |
                            KT_COLUMN(KT_COL_OPERATION) | KT_COLUMN(KT_COL_INSTANCE);
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    kt_buf_addf(&query, "action:%srotate,write outcome:success " KT_STR_FMT,
                parts == KT_INVENTORY_ALL ? "read,export,issue,use," : "", KT_STR_ARG(term));
    return kt_ask_columns(v->ask, kt_buf_str(&query), wanted, take_view, v, err);
}

/* ---- the answer ---- */

static void close_items(struct load *v)
{
    for (uint32_t i = 0; i < kt_map_count(v->secrets); i++) {
        struct kt_inventory_item *it = &v->item[i];
        it->gone = it->listed && it->snapshot < source_of(v, it->instance)->complete;
    }
    v->out = (struct kt_inventory){ .item = v->item,
                                    .n = kt_map_count(v->secrets),
                                    .source = v->source,
                                    .n_sources = kt_map_count(v->instances) };
}

enum kt_status kt_inventory_load(struct kt_ask *a, struct kt_str pattern,
                                 enum kt_inventory_parts parts, struct kt_inventory **ret,
                                 struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf term = { 0 };
    if (pattern.len > 0 && kt_ask_pattern(&term, "secret", pattern, err) != KT_OK)
        return KT_E_INPUT;
    struct load *v = kt_alloc(sizeof *v);
    *v = (struct load){ .ask = a,
                        .json = kt_json_new(KT_JSON_SIMDJSON),
                        .secrets = kt_map_new((uint64_t)a->now),
                        .instances = kt_map_new((uint64_t)a->now),
                        .texts = kt_map_new((uint64_t)a->now) };
    enum kt_status status = read_snapshots(v, kt_buf_str(&term), parts, err);
    if (status == KT_OK && parts != KT_INVENTORY_LISTED)
        status = read_accesses(v, kt_buf_str(&term), parts, err);
    close_items(v);
    if (status != KT_OK) {
        kt_inventory_free(&v->out);
        return status;
    }
    *ret = &v->out;
    return KT_OK;
}

static bool is_whole(const struct kt_inventory *v)
{
    for (uint32_t i = 0; i < v->n_sources; i++)
        if (v->source[i].complete == 0)
            return false;
    return v->n_sources > 0;
}

/* Stores are asked once a day (agents/inputs/inventory.md). */
enum kt_status kt_inventory_newest(struct kt_ask *a, struct kt_inventory **ret,
                                   struct kt_error *err)
{
    const kt_time_ns since[] = { a->now - 3 * KT_NS_DAY, a->now - 40 * KT_NS_DAY };
    kt_time_ns was_since = a->since, was_until = a->until;
    struct kt_inventory *v = NULL;
    enum kt_status status = KT_OK;
    a->until = 0;
    for (size_t i = 0; i < KT_ARRAY_LEN(since) && status == KT_OK; i++) {
        if (v != NULL && is_whole(v))
            break;
        kt_inventory_free(v);
        v = NULL;
        a->since = since[i];
        status = kt_inventory_load(a, KT_STR_NONE, KT_INVENTORY_LISTED, &v, err);
    }
    a->since = was_since;
    a->until = was_until;
    if (status == KT_OK)
        *ret = v;
    return status;
}

void kt_inventory_free(struct kt_inventory *out)
{
    struct load *v = (struct load *)out;
    if (v == NULL)
        return;
    kt_map_free(v->secrets);
    kt_map_free(v->instances);
    kt_map_free(v->texts);
    kt_json_free(v->json);
    kt_free(v->item);
    kt_free(v->source);
    kt_free(v);
}

const struct kt_inventory_item *kt_inventory_find(const struct kt_inventory *out,
                                                  struct kt_str secret)
{
    const struct load *v = (const struct load *)out;
    uint32_t n = kt_map_get(v->secrets, secret);
    return n == KT_MAP_NONE ? NULL : &v->item[n];
}

/* ---- what follows from an item ---- */

static struct kt_inventory_age newer(const char *since, kt_time_ns inventory, kt_time_ns log)
{
    return log > inventory ? (struct kt_inventory_age){ log, since, "log" }
                           : (struct kt_inventory_age){ inventory, since, "inventory" };
}

struct kt_inventory_age kt_inventory_rotation(const struct kt_inventory_item *it)
{
    return newer("rotated", it->rotated, it->log_rotated);
}

kt_time_ns kt_inventory_changed(const struct kt_inventory_item *it)
{
    return newer("changed", it->changed, it->log_written).at;
}

struct kt_inventory_age kt_inventory_age(const struct kt_inventory_item *it)
{
    const struct kt_inventory_age known[] = { kt_inventory_rotation(it),
                                              newer("changed", it->changed, it->log_written),
                                              { it->created, "created", "inventory" } };
    for (size_t i = 0; i < KT_ARRAY_LEN(known); i++)
        if (known[i].at != 0)
            return known[i];
    return (struct kt_inventory_age){ 0, NULL, it->listed ? "inventory" : "log" };
}

kt_time_ns kt_inventory_due(const struct kt_inventory_item *it)
{
    kt_time_ns due, at = kt_inventory_age(it).at;
    if (it->due > kt_inventory_rotation(it).at && it->log_rotated <= it->snapshot)
        return it->due;
    return at != 0 && it->period > 0 && !__builtin_add_overflow(at, it->period, &due) ? due : 0;
}

/* Of a store that keeps the day of the last access alone, the log's read of that day is that one.
 */
kt_time_ns kt_inventory_last_read(const struct kt_inventory_item *it, struct kt_str *ret_by)
{
    *ret_by = it->read != 0 && it->accessed - it->read < KT_NS_DAY ? it->reader : KT_STR_NONE;
    return it->read > it->accessed ? it->read : it->accessed;
}
