/*
 * group: counting by values.
 *
 * Values get dense numbers (one map a key), a time gets its bucket. A combination is one 64-bit
 * word in the bucket's hash table: buckets are small and come one after the other, so what is
 * worked on stays in the processor's cache.
 *
 * Owns:  tables, bounded by memory_max.
 * Calls: core/base, core/event, core/store/read, core/query.
 */
#include "core/query/group.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/map.h"
#include "core/query/terms.h"

#define MEMORY_MAX ((size_t)512 << 20)
#define KEY_BITS   21u /* of a key's number in a combination */
#define VALUES_MAX (1u << KEY_BITS)
#define TABLE_MIN  64u

struct table { /* words to counts; the word 0 is never used */
    uint64_t *word;
    uint32_t *count;
    uint32_t used, slots;
};
struct bucket {
    int64_t unit;
    struct table groups, pairs; /* pairs: (number of the group, value) for distinct */
};
struct kt_groups {
    struct kt_group_spec spec;
    struct kt_map *value[KT_GROUP_KEYS_MAX + 1]; /* the last: of distinct */
    struct bucket *bucket;
    uint32_t n_buckets, cap_buckets, last;
    size_t memory;
    bool full;
    struct kt_scan_cost cost;
    struct kt_group *list;
    size_t n_list;
    struct kt_arena texts;
};

/* ---- tables ---- */

static uint32_t slot_of(const struct table *t, uint64_t word)
{
    uint64_t h = word * 0x9e3779b97f4a7c15u;
    return (uint32_t)((h ^ h >> 29) >> 16) & (t->slots - 1);
}

static void grow(struct kt_groups *g, struct table *t)
{
    struct table old = *t;
    t->slots = old.slots == 0 ? TABLE_MIN : 2 * old.slots;
    t->word = kt_alloc_array(t->slots, sizeof *t->word);
    t->count = kt_alloc_array(t->slots, sizeof *t->count);
    g->memory += (size_t)(t->slots - old.slots) * (sizeof *t->word + sizeof *t->count);
    for (uint32_t i = 0; i < old.slots; i++) {
        if (old.word[i] == 0)
            continue;
        uint32_t s = slot_of(t, old.word[i]);
        while (t->word[s] != 0)
            s = (s + 1) & (t->slots - 1);
        t->word[s] = old.word[i];
        t->count[s] = old.count[i];
    }
    kt_free(old.word);
    kt_free(old.count);
}

/* The slot of word; *ret_new when it was not there. */
static uint32_t put(struct kt_groups *g, struct table *t, uint64_t word, bool *ret_new)
{
    if (t->used * 4 >= t->slots * 3)
        grow(g, t);
    uint32_t s = slot_of(t, word);
    while (t->word[s] != 0 && t->word[s] != word)
        s = (s + 1) & (t->slots - 1);
    *ret_new = t->word[s] == 0;
    if (*ret_new) {
        t->word[s] = word;
        t->used++;
    }
    return s;
}

static struct bucket *bucket_of(struct kt_groups *g, int64_t unit)
{
    if (g->n_buckets > 0 && g->bucket[g->last].unit == unit)
        return &g->bucket[g->last];
    uint32_t low = 0, high = g->n_buckets; /* rising by unit */
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (g->bucket[mid].unit < unit)
            low = mid + 1;
        else
            high = mid;
    }
    g->last = low;
    if (low < g->n_buckets && g->bucket[low].unit == unit)
        return &g->bucket[low];
    if (g->n_buckets == g->cap_buckets) {
        g->cap_buckets = g->cap_buckets == 0 ? 16 : 2 * g->cap_buckets;
        g->bucket = kt_realloc_array(g->bucket, g->cap_buckets, sizeof *g->bucket);
    }
    memmove(&g->bucket[low + 1], &g->bucket[low], (g->n_buckets - low) * sizeof *g->bucket);
    g->bucket[low] = (struct bucket){ .unit = unit };
    g->n_buckets++;
    return &g->bucket[low];
}

/* key[i]: 0 = absent, else 1 + number. */
static void add(struct kt_groups *g, int64_t unit, const uint32_t *key, uint32_t distinct)
{
    struct bucket *b = bucket_of(g, unit);
    uint64_t word = 0;
    bool is_new;
    for (unsigned i = 0; i < g->spec.keys; i++)
        word = word << KEY_BITS | key[i];
    word |= UINT64_C(1) << 63;
    bool counts = true;
    if (g->spec.distinct != KT_COL_NONE) {
        uint64_t pair = word * VALUES_MAX + distinct; /* at most two keys: 43 bits and 21 */
        (void)put(g, &b->pairs, pair | UINT64_C(1) << 63, &is_new);
        counts = is_new && distinct != 0;
    }
    uint32_t slot = put(g, &b->groups, word, &is_new);
    b->groups.count[slot] += counts;
}

/* ---- times ---- */

/* Days since the epoch to months since year 0 (Howard Hinnant, "chrono-compatible low-level date
 * algorithms"), and back to the day a month begins on. */
static int64_t month_of_day(int64_t day)
{
    int64_t z = day + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    return 12 * (yoe + era * 400) + mp;
}

static int64_t day_of_month(int64_t month)
{
    int64_t y = month / 12, mp = month % 12, era = y / 400, yoe = y - era * 400;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + (153 * mp + 2) / 5 - 719468;
}

static int64_t unit_of(enum kt_group_time how, kt_time_ns t)
{
    switch (how) {
    case KT_GROUP_NO_TIME:
        return 0;
    case KT_GROUP_HOUR:
        return t / KT_NS_HOUR;
    case KT_GROUP_DAY:
        return t / KT_NS_DAY;
    case KT_GROUP_MONTH:
        return month_of_day(t / KT_NS_DAY);
    }
    return 0;
}

static kt_time_ns begin_of(enum kt_group_time how, int64_t unit)
{
    switch (how) {
    case KT_GROUP_NO_TIME:
        return 0;
    case KT_GROUP_HOUR:
        return unit * KT_NS_HOUR;
    case KT_GROUP_DAY:
        return unit * KT_NS_DAY;
    case KT_GROUP_MONTH:
        return day_of_month(unit) * KT_NS_DAY;
    }
    return 0;
}

/* ---- over columns ---- */

struct numbers { /* of the codes of one chunk's column */
    uint32_t *of;
    uint32_t cap;
};

static uint32_t number_of(struct kt_groups *g, unsigned which, struct kt_str text)
{
    uint32_t n = kt_map_put(g->value[which], text, NULL) + 1;
    g->full = g->full || n >= VALUES_MAX;
    return n;
}

/* Numbers of a column's codes; small columns are their own numbers. */
static void translate(struct kt_groups *g, unsigned which, enum kt_col column,
                      const struct kt_columns *c, struct numbers *n)
{
    if (column < KT_COL_SMALL)
        return;
    const struct kt_text_column *t = &c->text[column - KT_COL_SMALL];
    if (n->cap < t->n_dict + 1) {
        n->cap = t->n_dict + 1;
        n->of = kt_realloc_array(n->of, n->cap, sizeof *n->of);
    }
    n->of[0] = 0;
    for (uint32_t i = 0; i < t->n_dict; i++)
        n->of[i + 1] = number_of(g, which, t->dict[i]);
}

static uint32_t value_of(enum kt_col column, const struct kt_columns *c, const struct numbers *n,
                         uint32_t row)
{
    return column < KT_COL_SMALL ? 1u + c->small[column][row]
                                 : n->of[c->text[column - KT_COL_SMALL].code[row]];
}

static void add_view(struct kt_groups *g, const struct kt_view *v,
                     struct numbers n[KT_GROUP_KEYS_MAX + 1])
{
    const struct kt_group_spec *s = &g->spec;
    int64_t unit = 0;
    kt_time_ns from = 1, until = 0; /* times for which unit holds */
    for (unsigned i = 0; i < s->keys; i++)
        translate(g, i, s->key[i], v->columns, &n[i]);
    if (s->distinct != KT_COL_NONE)
        translate(g, KT_GROUP_KEYS_MAX, s->distinct, v->columns, &n[KT_GROUP_KEYS_MAX]);
    for (uint32_t k = 0; k < v->picks && !g->full; k++) {
        uint32_t row = v->pick[k], key[KT_GROUP_KEYS_MAX] = { 0 };
        if (s->time != KT_GROUP_NO_TIME && (v->time[row] < from || v->time[row] >= until)) {
            unit = unit_of(s->time, v->time[row]);
            from = begin_of(s->time, unit);
            until = begin_of(s->time, unit + 1);
        }
        for (unsigned i = 0; i < s->keys; i++)
            key[i] = value_of(s->key[i], v->columns, &n[i], row);
        add(g, unit, key,
            s->distinct == KT_COL_NONE
                ? 0
                : value_of(s->distinct, v->columns, &n[KT_GROUP_KEYS_MAX], row));
    }
}

static enum kt_status too_much(const struct kt_groups *g, struct kt_error *err)
{
    size_t most = g->spec.memory_max == 0 ? MEMORY_MAX : g->spec.memory_max;
    if (g->full)
        return kt_fail(err, KT_E_LIMIT, "a field has more than %u values", VALUES_MAX);
    if (g->memory > most)
        return kt_fail(err, KT_E_LIMIT, "the groups need more than %zu MiB: ask for less time",
                       most >> 20);
    return KT_OK;
}

static uint32_t wanted(const struct kt_group_spec *s)
{
    uint32_t columns = 0;
    for (unsigned i = 0; i < s->keys; i++)
        columns |= KT_COLUMN(s->key[i]);
    return s->distinct == KT_COL_NONE ? columns : columns | KT_COLUMN(s->distinct);
}

static enum kt_status over_columns(struct kt_groups *g, struct kt_reader *r,
                                   const struct kt_scan *scan, struct kt_error *err)
{
    struct kt_columns_scan *c = NULL;
    struct kt_view v;
    struct numbers n[KT_GROUP_KEYS_MAX + 1] = { { 0 } };
    enum kt_status status =
        kt_columns_open(r, scan, wanted(&g->spec), g->spec.time != KT_GROUP_NO_TIME, &c, err);
    while (status == KT_OK && (status = kt_columns_next(c, &v, err)) == KT_OK) {
        add_view(g, &v, n);
        status = too_much(g, err);
    }
    if (c != NULL)
        kt_columns_cost(c, &g->cost);
    kt_columns_scan_free(c);
    for (unsigned i = 0; i <= KT_GROUP_KEYS_MAX; i++)
        kt_free(n[i].of);
    return status == KT_E_AGAIN ? KT_OK : status;
}

/* ---- over lines ---- */

/* The value that the column would have: ip as 16 bytes, small ones as one. */
static struct kt_str text_of(enum kt_col column, const struct kt_event *ev, uint8_t *small)
{
    switch (column) {
#define X(name, get)                                                                               \
    case KT_COL_##name:                                                                            \
        *small = (uint8_t)(get);                                                                   \
        break;
        KT_SMALL_COLUMNS(X)
#undef X
    case KT_COL_SOURCE:
        return ev->source;
    case KT_COL_INSTANCE:
        return ev->instance;
    case KT_COL_ACTOR:
        return ev->actor;
    case KT_COL_SECRET:
        return ev->secret;
    case KT_COL_IP:
        return ev->has_ip ? kt_str_from(ev->ip.at, sizeof ev->ip.at) : KT_STR_NONE;
    case KT_COL_OPERATION:
        return ev->operation;
    case KT_COL_CODE:
        return ev->code;
    case KT_COL_HOST:
        return ev->host;
    case KT_COL_USER_AGENT:
        return ev->user_agent;
    case KT_COL_NONE:
    case KT_COL_COUNT:
        break;
    }
    return KT_STR_NONE;
}

static uint32_t record_value(struct kt_groups *g, unsigned which, enum kt_col column,
                             const struct kt_event *ev)
{
    uint8_t small = 0;
    struct kt_str text = text_of(column, ev, &small);
    if (column < KT_COL_SMALL)
        return 1u + small;
    return text.len == 0 ? 0 : number_of(g, which, text);
}

static void add_record(struct kt_groups *g, const struct kt_record *rec)
{
    uint32_t key[KT_GROUP_KEYS_MAX] = { 0 };
    for (unsigned i = 0; i < g->spec.keys; i++)
        key[i] = record_value(g, i, g->spec.key[i], &rec->ev);
    kt_time_ns t = rec->ev.time > 0 ? rec->ev.time : rec->arrival;
    add(g, unit_of(g->spec.time, t), key,
        g->spec.distinct == KT_COL_NONE
            ? 0
            : record_value(g, KT_GROUP_KEYS_MAX, g->spec.distinct, &rec->ev));
}

static enum kt_status over_lines(struct kt_groups *g, struct kt_reader *r,
                                 const struct kt_scan *scan, const struct kt_query *q,
                                 const struct kt_facts *facts, struct kt_error *err)
{
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_scan events = *scan;
    events.records = true;
    enum kt_status status = kt_cursor_open(r, &events, &c, err);
    while (status == KT_OK && (status = kt_cursor_next(c, &rec, err)) == KT_OK) {
        const struct kt_fact *fact =
            rec.ev.has_ip && facts != NULL ? kt_facts_at(facts, rec.ev.ip, rec.seq) : NULL;
        if (!kt_query_matches(q, &rec, fact))
            continue;
        if (!kt_query_names_kind(q) && rec.ev.kind != KT_KIND_ACCESS)
            continue;
        add_record(g, &rec);
        status = too_much(g, err);
    }
    if (c != NULL)
        kt_cursor_cost(c, &g->cost);
    kt_cursor_free(c);
    return status == KT_E_AGAIN ? KT_OK : status;
}

enum kt_status kt_group_run(struct kt_reader *r, const struct kt_scan *scan,
                            const struct kt_query *q, const struct kt_facts *facts,
                            const struct kt_group_spec *spec, struct kt_groups **ret,
                            struct kt_scan_cost *ret_cost, struct kt_error *err)
{
    if (spec->distinct != KT_COL_NONE && spec->keys > 2)
        return kt_fail(err, KT_E_INPUT, "different values can be counted by two fields at most");
    struct kt_groups *g = kt_alloc(sizeof *g);
    g->spec = *spec;
    for (unsigned i = 0; i <= KT_GROUP_KEYS_MAX; i++)
        g->value[i] = kt_map_new(0);
    enum kt_status status = q == NULL || kt_query_exact(q) ? over_columns(g, r, scan, err)
                                                           : over_lines(g, r, scan, q, facts, err);
    if (ret_cost != NULL)
        *ret_cost = g->cost;
    if (status != KT_OK) {
        kt_groups_free(g);
        return kt_wrap(err, "count");
    }
    *ret = g;
    return KT_OK;
}

void kt_groups_free(struct kt_groups *g)
{
    if (g == NULL)
        return;
    for (uint32_t i = 0; i < g->n_buckets; i++) {
        kt_free(g->bucket[i].groups.word);
        kt_free(g->bucket[i].groups.count);
        kt_free(g->bucket[i].pairs.word);
        kt_free(g->bucket[i].pairs.count);
    }
    for (unsigned i = 0; i <= KT_GROUP_KEYS_MAX; i++)
        kt_map_free(g->value[i]);
    kt_free(g->bucket);
    kt_free(g->list);
    kt_arena_done(&g->texts);
    kt_free(g);
}

/* ---- what came out ---- */

static const char *small_word(enum kt_col column, uint32_t value)
{
    switch (column) {
    case KT_COL_KIND:
        return kt_kind_word((enum kt_kind)value);
    case KT_COL_ACTION:
        return kt_action_word((enum kt_action)value);
    case KT_COL_OUTCOME:
        return kt_outcome_word((enum kt_outcome)value);
    default:
        return kt_actor_kind_word((enum kt_actor_kind)value);
    }
}

static struct kt_str word_of(struct kt_groups *g, unsigned which, uint32_t number)
{
    enum kt_col column = g->spec.key[which];
    if (number == 0)
        return KT_STR_NONE;
    if (column < KT_COL_SMALL)
        return kt_str_of(small_word(column, number - 1));
    struct kt_str text = kt_map_key(g->value[which], number - 1);
    if (column != KT_COL_IP || text.len != 16)
        return text;
    struct kt_ip ip;
    char buf[KT_IP_TEXT_MAX];
    memcpy(ip.at, text.at, 16);
    return kt_arena_str(&g->texts, kt_str_of(kt_ip_format(ip, buf)));
}

static int by_count(const void *pa, const void *pb)
{
    const struct kt_group *a = pa, *b = pb;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    for (unsigned i = 0; i < KT_GROUP_KEYS_MAX; i++) {
        int c = kt_str_cmp(a->key[i], b->key[i]);
        if (c != 0)
            return c;
    }
    return 0;
}

static void list_bucket(struct kt_groups *g, const struct bucket *b)
{
    for (uint32_t s = 0; s < b->groups.slots; s++) {
        uint64_t word = b->groups.word[s];
        if (word == 0)
            continue;
        struct kt_group *to = &g->list[g->n_list++];
        *to = (struct kt_group){ .time = begin_of(g->spec.time, b->unit),
                                 .count = b->groups.count[s] };
        for (unsigned i = g->spec.keys; i-- > 0; word >>= KEY_BITS)
            to->key[i] = word_of(g, i, (uint32_t)(word & (VALUES_MAX - 1)));
    }
}

const struct kt_group *kt_groups_list(struct kt_groups *g, uint64_t top, size_t *ret_n)
{
    if (g->list == NULL) {
        size_t n = 0;
        for (uint32_t i = 0; i < g->n_buckets; i++)
            n += g->bucket[i].groups.used;
        g->list = kt_alloc_array(n + 1, sizeof *g->list);
        g->texts = kt_arena_new((n + 1) * KT_GROUP_KEYS_MAX * 64);
        for (uint32_t i = 0; i < g->n_buckets; i++)
            list_bucket(g, &g->bucket[i]);
        if (n > 1)
            qsort(g->list, n, sizeof *g->list, by_count);
    }
    *ret_n = top != 0 && top < g->n_list ? (size_t)top : g->n_list;
    return g->list;
}

/* ---- names ---- */

enum kt_col kt_group_column(struct kt_str name)
{
    const struct kt_field *f = kt_field_of(name);
    return f == NULL ? KT_COL_NONE : kt_field_column(f);
}

enum kt_status kt_group_parse(struct kt_str by, struct kt_group_spec *ret, struct kt_error *err)
{
    static const char *const units[] = { "", "hour", "day", "month" };
    struct kt_group_spec s = { .distinct = KT_COL_NONE };
    struct kt_str name;
    while (kt_str_split(&by, ',', &name)) {
        enum kt_col column = kt_group_column(name);
        unsigned unit = 1;
        while (unit < KT_ARRAY_LEN(units) && !kt_str_is(name, units[unit]))
            unit++;
        if (unit < KT_ARRAY_LEN(units) && s.time == KT_GROUP_NO_TIME)
            s.time = (enum kt_group_time)unit;
        else if (column != KT_COL_NONE && s.keys < KT_GROUP_KEYS_MAX)
            s.key[s.keys++] = column;
        else
            return kt_fail(err, KT_E_INPUT,
                           "cannot count by '" KT_STR_FMT "': one of hour, day, month, and up to "
                           "%u of kind, action, outcome, actor_kind, source, instance, actor, "
                           "secret, ip, operation, code, host, user_agent",
                           KT_STR_ARG(name), KT_GROUP_KEYS_MAX);
    }
    *ret = s;
    return KT_OK;
}
