/*
 * sigma_index: from the values of an event to the rules that it may match.
 *
 * Owns:  the index of a set.
 * Calls: sigma_fields. No clock, no I/O.
 * Holds: a rule that matches is always among those that are found; the index only leaves out rules
 *        whose wanted values are not there.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "detectors/sigma_set.h"

#define VALUES_MAX 256u /* that one rule may be found by; one with more is asked of every event */
#define RANK_NONE  100u

struct wanted { /* a rule can only match where one of these is */
    struct {
        const struct kt_sigma_field *field;
        struct kt_str text;
    } at[VALUES_MAX];
    unsigned n, rank; /* the smaller the rank, the more it leaves out */
};

/* FNV-1a over letters in lower case: keys come from the operator's rules, not from events. */
static uint64_t hash(unsigned field, struct kt_str s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ field;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        c = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
        h = (h ^ (unsigned char)c) * UINT64_C(0x100000001b3);
    }
    return h ^ h >> 32;
}

/* Fields that every event has at hand, by how few events share a value. */
static unsigned rank_of(const struct kt_sigma_field *f)
{
    if (f->from == KT_SIGMA_WORD)
        return 3;
    if (f->from == KT_SIGMA_PART)
        return 2;
    if (f->from != KT_SIGMA_STRING)
        return RANK_NONE;
    return strcmp(f->name, "source") == 0 || strcmp(f->name, "instance") == 0 ? 4 : 1;
}

static bool wanted_test(const struct kt_sigma_test *t, struct wanted *ret)
{
    ret->rank = rank_of(&t->field);
    if (ret->rank == RANK_NONE || t->n > VALUES_MAX)
        return false;
    for (uint32_t i = 0; i < t->n; i++) {
        if (t->value[i].how != KT_SIGMA_EQUALS)
            return false;
        ret->at[i].field = &t->field;
        ret->at[i].text = t->value[i].text;
    }
    ret->n = t->n;
    return true;
}

static bool wanted_of(const struct kt_sigma_node *node, const struct kt_sigma_test *tests,
                      struct wanted *ret);

/* All of them must hold: the best will do. */
static bool wanted_all(const struct kt_sigma_node *node, const struct kt_sigma_test *tests,
                       struct wanted *ret)
{
    struct wanted *one = kt_alloc(sizeof *one);
    bool found = false;
    for (uint32_t at = 1; at < node->size; at += node[at].size) {
        if (!wanted_of(&node[at], tests, one))
            continue;
        bool better =
            !found || one->rank < ret->rank || (one->rank == ret->rank && one->n < ret->n);
        if (better)
            *ret = *one;
        found = true;
    }
    kt_free(one);
    return found;
}

/* One of them must hold: whatever any of them wants. */
static bool wanted_any(const struct kt_sigma_node *node, const struct kt_sigma_test *tests,
                       struct wanted *ret)
{
    struct wanted *one = kt_alloc(sizeof *one);
    bool each = true;
    ret->n = ret->rank = 0;
    for (uint32_t at = 1; each && at < node->size; at += node[at].size) {
        each = wanted_of(&node[at], tests, one) && one->n <= VALUES_MAX - ret->n;
        if (!each)
            break;
        memcpy(&ret->at[ret->n], one->at, one->n * sizeof one->at[0]);
        ret->n += one->n;
        ret->rank = one->rank > ret->rank ? one->rank : ret->rank;
    }
    kt_free(one);
    return each;
}

static bool wanted_of(const struct kt_sigma_node *node, const struct kt_sigma_test *tests,
                      struct wanted *ret)
{
    switch (node->op) {
    case KT_SIGMA_TEST:
        return wanted_test(&tests[node->test], ret);
    case KT_SIGMA_ALL:
        return wanted_all(node, tests, ret);
    case KT_SIGMA_ANY:
        return wanted_any(node, tests, ret);
    case KT_SIGMA_NOT:
        break;
    }
    return false;
}

/* The number of the field in the index, or -1 when there is no room for it. */
static int field_number(struct kt_sigma_index *x, const struct kt_sigma_field *f,
                        enum kt_sigma_log log)
{
    for (unsigned i = 0; i < x->n_fields; i++)
        if (x->field[i].log == log && x->field[i].field.from == f->from &&
            x->field[i].field.at == f->at)
            return (int)i;
    if (x->n_fields == KT_ARRAY_LEN(x->field))
        return -1;
    x->field[x->n_fields].field = *f;
    x->field[x->n_fields].log = log;
    return (int)x->n_fields++;
}

static bool add(struct kt_sigma_index *x, const struct wanted *w, enum kt_sigma_log log,
                uint32_t rule)
{
    int number[VALUES_MAX];
    for (unsigned i = 0; i < w->n; i++) {
        number[i] = field_number(x, w->at[i].field, log);
        if (number[i] < 0)
            return false;
    }
    for (unsigned i = 0; i < w->n; i++) {
        if (x->n == x->cap) {
            x->cap = x->cap == 0 ? 256 : 2 * x->cap;
            x->anchor = kt_realloc_array(x->anchor, x->cap, sizeof *x->anchor);
        }
        x->anchor[x->n++] =
            (struct kt_sigma_anchor){ .hash = hash((unsigned)number[i], w->at[i].text),
                                      .rule = rule };
    }
    return true;
}

static void chain(struct kt_sigma_index *x)
{
    uint32_t size = 64;
    while (size < 2 * x->n)
        size *= 2;
    x->mask = size - 1;
    x->head = kt_alloc_array(size, sizeof *x->head);
    for (uint32_t i = 0; i < x->n; i++) {
        uint32_t *head = &x->head[x->anchor[i].hash & x->mask];
        x->anchor[i].next = *head;
        *head = i + 1;
    }
}

void kt_sigma_index_make(struct kt_sigma_index *x, struct kt_sigma_rule *const *rule, unsigned n)
{
    struct wanted *w = kt_alloc(sizeof *w);
    for (unsigned i = 0; i < n && i < KT_RULES_MAX; i++) {
        const struct kt_sigma_rule *r = rule[i];
        if (r->refused || r->correlation != NULL)
            continue;
        bool found = wanted_of(r->program.node, r->test, w) && add(x, w, r->log, i);
        if (!found)
            x->always[r->log][i / 64] |= UINT64_C(1) << (i % 64);
    }
    kt_free(w);
    chain(x);
}

void kt_sigma_index_done(struct kt_sigma_index *x)
{
    kt_free(x->anchor);
    kt_free(x->head);
}

struct asking {
    const struct kt_sigma_index *x;
    unsigned field;
    uint64_t *bits;
};

static bool look_up(void *self, struct kt_str value)
{
    const struct asking *a = self;
    if (value.len > KT_RULE_VALUE_MAX)
        return false;
    uint64_t h = hash(a->field, value);
    for (uint32_t at = a->x->head[h & a->x->mask]; at != 0; at = a->x->anchor[at - 1].next) {
        const struct kt_sigma_anchor *one = &a->x->anchor[at - 1];
        if (one->hash == h)
            a->bits[one->rule / 64] |= UINT64_C(1) << (one->rule % 64);
    }
    return false;
}

void kt_sigma_index_ask(const struct kt_sigma_index *x, struct kt_sigma_view *v,
                        uint64_t ret[KT_SIGMA_BITS])
{
    bool has[KT_SIGMA_LOGS];
    memset(ret, 0, KT_SIGMA_BITS * sizeof ret[0]);
    for (unsigned log = 0; log < KT_SIGMA_LOGS; log++) {
        has[log] = kt_sigma_log_has((enum kt_sigma_log)log, v->ev->source);
        for (unsigned i = 0; has[log] && i < KT_SIGMA_BITS; i++)
            ret[i] |= x->always[log][i];
    }
    for (unsigned i = 0; i < x->n_fields; i++) {
        struct asking a = { x, i, ret };
        if (has[x->field[i].log])
            (void)kt_sigma_values(v, &x->field[i].field, look_up, &a);
    }
}
