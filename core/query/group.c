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
#include "core/base/known.h"
#include "core/query/terms.h"

#define MEMORY_MAX ((size_t)512 << 20)
#define KEY_BITS   21u /* of a key's number in a combination */
#define VALUES_MAX (1u << KEY_BITS)
#define TABLE_MIN  64u
#define SET_MIN    1024u
#define PART       2048u /* picks that are added together */

struct table { /* words to counts; the word 0 is never used */
    uint64_t *word;
    uint32_t *count; /* NULL: a set of words */
    uint32_t used, slots;
    bool is_set;
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
    uint64_t keys[PART], distinct[PART]; /* of some picks: in the nearest cache */
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
    t->slots = old.slots > 0 ? 2 * old.slots : t->is_set ? SET_MIN : TABLE_MIN;
    t->word = kt_alloc_array(t->slots, sizeof *t->word);
    t->count = t->is_set ? NULL : kt_alloc_array(t->slots, sizeof *t->count);
    g->memory +=
        (size_t)(t->slots - old.slots) * (sizeof *t->word + (t->is_set ? 0 : sizeof *t->count));
    for (uint32_t i = 0; old.word != NULL && i < old.slots; i++) {
        if (old.word[i] == 0)
            continue;
        uint32_t s = slot_of(t, old.word[i]);
        while (t->word[s] != 0)
            s = (s + 1) & (t->slots - 1);
        t->word[s] = old.word[i];
        if (!t->is_set)
            t->count[s] = old.count[i];
    }
    kt_free(old.word);
    kt_free(old.count);
}

/* Room for n more words. */
static void reserve(struct kt_groups *g, struct table *t, uint32_t n)
{
    while ((t->used + n) * 4 > t->slots * 3)
        grow(g, t);
}

/* The slot of word, at `s` or behind it; *ret_new when it was not there. There is room. */
static inline uint32_t put(struct table *t, uint32_t s, uint64_t word, bool *ret_new)
{
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
    /* As large as its neighbour: what grows step by step is hashed again at each. */
    uint32_t room = low == 0 ? 0 : g->bucket[low - 1].pairs.slots / 2;
    g->bucket[low] = (struct bucket){ .unit = unit, .pairs = { .is_set = true, .slots = room } };
    if (room > 0)
        grow(g, &g->bucket[low].pairs);
    g->n_buckets++;
    return &g->bucket[low];
}

/* A combination: key after key, 0 = absent, else 1 + number; with MARK it is a word of a table. */
#define MARK (UINT64_C(1) << 63)

static uint64_t pair_of(uint64_t keys, uint64_t distinct)
{
    return keys * VALUES_MAX + distinct; /* at most two keys: 42 bits and 21 */
}

/* A combination of keys and a value of distinct n times; up to BLOCK. All their places in the
 * tables are asked for before the first is looked at: the tables are larger than the nearest cache.
 */
#define BLOCK 32u
static void add(struct kt_groups *g, struct bucket *b, const uint64_t *keys,
                const uint64_t *distinct, uint32_t n)
{
    const bool pairs = g->spec.distinct != KT_COL_NONE;
    uint32_t pair_at[BLOCK], group_at[BLOCK];
    bool is_new;
    reserve(g, &b->groups, n);
    if (pairs)
        reserve(g, &b->pairs, n);
    for (uint32_t k = 0; k < n; k++) {
        group_at[k] = slot_of(&b->groups, keys[k] | MARK);
        __builtin_prefetch(&b->groups.word[group_at[k]]);
        if (!pairs)
            continue;
        pair_at[k] = slot_of(&b->pairs, pair_of(keys[k], distinct[k]) | MARK);
        __builtin_prefetch(&b->pairs.word[pair_at[k]]);
    }
    for (uint32_t k = 0; k < n; k++) {
        if (pairs) {
            (void)put(&b->pairs, pair_at[k], pair_of(keys[k], distinct[k]) | MARK, &is_new);
            if (!is_new)
                continue;
        }
        uint32_t slot = put(&b->groups, group_at[k], keys[k] | MARK, &is_new);
        b->groups.count[slot] += !pairs || distinct[k] != 0;
    }
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

struct numbers {  /* of the codes of one chunk's column */
    uint32_t *of; /* of[0] = 0: absent */
    uint32_t cap;
    struct kt_known known;
};

static void numbers_done(struct numbers *n)
{
    kt_free(n->of);
    kt_known_done(&n->known);
}

static uint32_t number_of(struct kt_groups *g, unsigned which, struct kt_str text)
{
    uint32_t n = kt_map_put(g->value[which], text, NULL) + 1;
    g->full = g->full || n >= VALUES_MAX;
    return n;
}

/* Numbers of a column's codes; small columns are their own numbers. When it leaves g full, some
 * have none. */
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
    if (kt_map_count(g->value[which]) + t->n_dict >= VALUES_MAX) { /* perhaps too many */
        for (uint32_t i = 1; i <= t->n_dict && !g->full; i++)
            n->of[i] = number_of(g, which, t->dict[i - 1]);
        return;
    }
    kt_known_put_all(&n->known, g->value[which], t->dict, t->n_dict, &n->of[1]);
    for (uint32_t i = 1; i <= t->n_dict; i++)
        n->of[i]++;
}

/* Puts the column's numbers behind what to[] has of each picked row. */
static void append_numbers(const struct kt_view *v, enum kt_col column, const struct numbers *n,
                           uint64_t *to)
{
    const uint8_t *small = column < KT_COL_SMALL ? v->columns->small[column] : NULL;
    const uint16_t *code =
        column < KT_COL_SMALL ? NULL : v->columns->text[column - KT_COL_SMALL].code;
    for (uint32_t k = 0; small != NULL && k < v->picks; k++)
        to[k] = to[k] << KEY_BITS | (1u + small[v->pick[k]]);
    for (uint32_t k = 0; code != NULL && k < v->picks; k++)
        to[k] = to[k] << KEY_BITS | n->of[code[v->pick[k]]];
}

/* Picks [from, until) lie in one bucket. */
static void add_run(struct kt_groups *g, int64_t unit, uint32_t from, uint32_t until)
{
    struct bucket *b = bucket_of(g, unit);
    for (uint32_t k = from; k < until; k += BLOCK)
        add(g, b, g->keys + k, g->distinct + k, until - k < BLOCK ? until - k : BLOCK);
}

/* Up to PART picks. */
static void add_part(struct kt_groups *g, const struct kt_view *v,
                     const struct numbers n[KT_GROUP_KEYS_MAX + 1])
{
    const struct kt_group_spec *s = &g->spec;
    memset(g->keys, 0, v->picks * sizeof g->keys[0]);
    for (unsigned i = 0; i < s->keys; i++)
        append_numbers(v, s->key[i], &n[i], g->keys);
    memset(g->distinct, 0, v->picks * sizeof g->distinct[0]);
    if (s->distinct != KT_COL_NONE)
        append_numbers(v, s->distinct, &n[KT_GROUP_KEYS_MAX], g->distinct);
    for (uint32_t k = 0, from = 0; k < v->picks; from = k) {
        if (s->time == KT_GROUP_NO_TIME) {
            k = v->picks;
            add_run(g, 0, from, k);
            continue;
        }
        int64_t unit = unit_of(s->time, v->time[v->pick[k]]);
        kt_time_ns begin = begin_of(s->time, unit), end = begin_of(s->time, unit + 1);
        while (k < v->picks && v->time[v->pick[k]] >= begin && v->time[v->pick[k]] < end)
            k++;
        add_run(g, unit, from, k);
    }
}

static void add_view(struct kt_groups *g, const struct kt_view *v,
                     struct numbers n[KT_GROUP_KEYS_MAX + 1])
{
    const struct kt_group_spec *s = &g->spec;
    for (unsigned i = 0; i < s->keys && !g->full; i++)
        translate(g, i, s->key[i], v->columns, &n[i]);
    if (s->distinct != KT_COL_NONE && !g->full)
        translate(g, KT_GROUP_KEYS_MAX, s->distinct, v->columns, &n[KT_GROUP_KEYS_MAX]);
    struct kt_view part = *v;
    for (uint32_t from = 0; from < v->picks && !g->full; from += part.picks) {
        part.pick = v->pick + from;
        part.picks = v->picks - from < PART ? v->picks - from : PART;
        add_part(g, &part, n);
    }
}

static enum kt_status too_much(const struct kt_groups *g, struct kt_error *err)
{
    size_t most = g->spec.memory_max == 0 ? MEMORY_MAX : g->spec.memory_max;
    if (g->full)
        return kt_fail(err, KT_E_LIMIT, "a field has more than %u values", VALUES_MAX);
    size_t memory = g->memory;
    for (unsigned i = 0; i <= KT_GROUP_KEYS_MAX; i++)
        memory += kt_map_bytes(g->value[i]);
    if (memory > most)
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
        numbers_done(&n[i]);
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
    uint64_t keys = 0;
    uint64_t distinct = 0;
    for (unsigned i = 0; i < g->spec.keys; i++)
        keys = keys << KEY_BITS | record_value(g, i, g->spec.key[i], &rec->ev);
    if (g->spec.distinct != KT_COL_NONE)
        distinct = record_value(g, KT_GROUP_KEYS_MAX, g->spec.distinct, &rec->ev);
    kt_time_ns t = rec->ev.time > 0 ? rec->ev.time : rec->arrival;
    add(g, bucket_of(g, unit_of(g->spec.time, t)), &keys, &distinct, 1);
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

static int by_time(const void *pa, const void *pb)
{
    const struct kt_group *a = pa, *b = pb;
    return a->time != b->time ? (a->time < b->time ? -1 : 1) : by_count(pa, pb);
}

static void list_bucket(struct kt_groups *g, const struct bucket *b, uint32_t least)
{
    for (uint32_t s = 0; s < b->groups.slots; s++) {
        uint64_t word = b->groups.word[s];
        if (word == 0 || b->groups.count[s] < least)
            continue;
        struct kt_group *to = &g->list[g->n_list++];
        *to = (struct kt_group){ .time = begin_of(g->spec.time, b->unit),
                                 .count = b->groups.count[s] };
        for (unsigned i = g->spec.keys; i-- > 0; word >>= KEY_BITS)
            to->key[i] = word_of(g, i, (uint32_t)(word & (VALUES_MAX - 1)));
    }
}

/* How many groups have a count of at least `least`. */
static size_t how_many(const struct kt_groups *g, uint32_t least)
{
    size_t n = 0;
    for (uint32_t i = 0; i < g->n_buckets; i++) {
        const struct table *t = &g->bucket[i].groups;
        for (uint32_t s = 0; s < t->slots; s++)
            n += t->word[s] != 0 && t->count[s] >= least;
    }
    return n;
}

/* The highest count that `top` groups reach: only those need be sorted. */
static uint32_t least_of(const struct kt_groups *g, uint64_t top)
{
    uint32_t low = 0, high = UINT32_MAX; /* how_many(low) >= top > how_many(high), or low is 0 */
    while (top > 0 && high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (how_many(g, mid) >= top)
            low = mid;
        else
            high = mid;
    }
    return low;
}

const struct kt_group *kt_groups_list(struct kt_groups *g, uint64_t top, size_t *ret_n)
{
    uint32_t least = least_of(g, top);
    size_t n = how_many(g, least);
    kt_free(g->list);
    kt_arena_done(&g->texts);
    g->list = kt_alloc_array(n + 1, sizeof *g->list);
    g->n_list = 0;
    g->texts = kt_arena_new((n + 1) * KT_GROUP_KEYS_MAX * 64);
    for (uint32_t i = 0; i < g->n_buckets; i++)
        list_bucket(g, &g->bucket[i], least);
    if (n > 1)
        qsort(g->list, n, sizeof *g->list, top == 0 ? by_time : by_count);
    *ret_n = top != 0 && top < n ? (size_t)top : n;
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
