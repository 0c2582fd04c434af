/*
 * plan: from a query to what a scan is told, so that the store opens the fewest segments and lines.
 *
 * A part is one of the conditions that the top of the query joins by AND. A part whose terms are
 * all about one column becomes a sieve on that column; one that needs some value becomes keys for a
 * filter; text, and a value that lines have as it is, becomes a needle; times and numbers move the
 * bounds of the scan. All of them are necessary conditions: kt_query_matches still has the last
 * word, unless kt_query_exact.
 *
 * Owns:  nothing; what it lends lies in the query.
 * Calls: core/base, core/event, core/store/read.h, core/query.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/enc.h"
#include "core/query/terms.h"

/* ---- one column ---- */

/* The column that every term below node is about; KT_COL_NONE: several, or none keeps it. */
static enum kt_col column_of(const struct kt_query *q, unsigned node)
{
    const struct kt_node *n = &q->node[node];
    if (n->type == KT_NODE_TERM) {
        const struct kt_field *f = q->term[n->term].field;
        return f == NULL ? KT_COL_NONE : kt_field_column(f);
    }
    enum kt_col column = KT_COL_NONE;
    for (unsigned child = n->first; child != 0; child = q->node[child].next) {
        enum kt_col c = column_of(q, child);
        if (c == KT_COL_NONE || (column != KT_COL_NONE && c != column))
            return KT_COL_NONE;
        column = c;
    }
    return column;
}

static bool fits_part(const void *self, struct kt_str text, int64_t number)
{
    const struct kt_plan_part *p = self;
    return kt_node_fits_value(p->q, p->node, text, number);
}

static bool is_access(const void *self, struct kt_str text, int64_t number)
{
    (void)self;
    (void)text;
    return number == KT_KIND_ACCESS;
}

/* ---- filters ---- */

static enum kt_filter filter_of(const struct kt_field *f)
{
    static const struct {
        const char *field;
        enum kt_filter filter;
    } table[] = {
        { "actor", KT_FILTER_ACTOR },
        { "secret", KT_FILTER_SECRET },
        { "ip", KT_FILTER_IP },
        { "instance", KT_FILTER_INSTANCE },
        { "session", KT_FILTER_SESSION },
        { "credential", KT_FILTER_SESSION },
        { "user_agent", KT_FILTER_USER_AGENT },
        { "id", KT_FILTER_ID },
    };
    for (size_t i = 0; f != NULL && i < KT_ARRAY_LEN(table); i++)
        if (strcmp(f->name, table[i].field) == 0)
            return table[i].filter;
    return KT_FILTER_NONE;
}

/* A glob tells the family of a user agent when it names it whole: aws-cli/ and any version. */
static bool names_family(const struct kt_value *v)
{
    for (size_t i = 0; i < v->text.len && v->text.at[i] != '*'; i++)
        if (v->text.at[i] == '/' || v->text.at[i] == ' ')
            return true;
    return false;
}

/* False: a record can have the value although the segment's filter does not hold the key. */
static bool key_of(struct kt_query *q, enum kt_filter filter, const struct kt_value *v,
                   struct kt_sought *ret)
{
    uint8_t id[16];
    uint64_t hash;
    *ret = (struct kt_sought){ .text = v->text, .net = v->net };
    if (v->any || (v->glob && (filter != KT_FILTER_USER_AGENT || !names_family(v))) ||
        (filter == KT_FILTER_SECRET && !v->whole))
        return false;
    if (filter == KT_FILTER_IP)
        return kt_key_hash_of(filter, ret, &hash);
    if (filter != KT_FILTER_ID)
        return v->text.len > 0; /* field:"" is one that lacks it */
    if (!kt_id_parse(v->text, id))
        return false;
    ret->text = kt_arena_str(&q->arena, kt_str_from(id, sizeof id));
    return true;
}

static enum kt_filter term_keys(struct kt_query *q, const struct kt_term *t)
{
    enum kt_filter filter = filter_of(t->field);
    for (unsigned i = 0; i < t->n && filter != KT_FILTER_NONE; i++)
        if (!key_of(q, filter, &q->values[t->value + i], &q->sought[q->n_sought++]))
            return KT_FILTER_NONE;
    return filter;
}

/* Appends keys to q->sought of which a segment must have one for node to be true of any of its
 * records. KT_FILTER_NONE: there are none; what was appended has to go. */
static enum kt_filter keys_of(struct kt_query *q, unsigned node)
{
    const struct kt_node *n = &q->node[node];
    if (n->type == KT_NODE_TERM)
        return term_keys(q, &q->term[n->term]);
    enum kt_filter filter = KT_FILTER_NONE;
    for (unsigned child = n->first; child != 0; child = q->node[child].next) {
        unsigned before = q->n_sought;
        enum kt_filter f = n->type == KT_NODE_NOT ? KT_FILTER_NONE : keys_of(q, child);
        if (f == KT_FILTER_NONE)
            q->n_sought = before;
        if (n->type == KT_NODE_AND && f != KT_FILTER_NONE)
            return f; /* one necessary condition will do */
        if (n->type == KT_NODE_OR &&
            (f == KT_FILTER_NONE || (filter != KT_FILTER_NONE && f != filter)))
            return KT_FILTER_NONE;
        filter = f;
    }
    return filter;
}

/* Do the keys say it all, and how? A term, or several joined by OR, on a field that is compared
 * with each of its values. */
static enum kt_seek keys_decide(const struct kt_query *q, unsigned node)
{
    static const enum kt_seek decides[KT_FILTER_COUNT] = {
        [KT_FILTER_ACTOR] = KT_SEEK_FOLDED,
        [KT_FILTER_SECRET] = KT_SEEK_TEXT,
        [KT_FILTER_IP] = KT_SEEK_NET,
        [KT_FILTER_INSTANCE] = KT_SEEK_TEXT,
    };
    const struct kt_node *n = &q->node[node];
    if (n->type == KT_NODE_TERM) {
        enum kt_filter filter = filter_of(q->term[n->term].field);
        return filter >= 0 && filter < KT_FILTER_COUNT ? decides[filter] : KT_SEEK_NO;
    }
    enum kt_seek seek = n->type == KT_NODE_OR ? keys_decide(q, n->first) : KT_SEEK_NO;
    for (unsigned child = n->first; child != 0 && seek != KT_SEEK_NO; child = q->node[child].next)
        seek = keys_decide(q, child) == seek ? seek : KT_SEEK_NO;
    return seek;
}

static int by_text(const void *a, const void *b)
{
    const struct kt_sought *x = a, *y = b;
    return kt_str_cmp(x->text, y->text);
}

static int by_address(const void *a, const void *b)
{
    const struct kt_sought *x = a, *y = b;
    return memcmp(x->net.ip.at, y->net.ip.at, sizeof x->net.ip.at);
}

/* ---- bounds ---- */

/* A term on the time or the number of a record is a bound of the scan. */
static bool take_bound(const struct kt_query *q, const struct kt_node *n, struct kt_scan *scan)
{
    const struct kt_term *t = n->type == KT_NODE_TERM ? &q->term[n->term] : NULL;
    if (t == NULL || t->field == NULL || t->n != 1 || q->values[t->value].any)
        return false;
    const struct kt_value *v = &q->values[t->value];
    if (strcmp(t->field->name, "time") == 0) {
        if (v->low > 0 && v->low > scan->since)
            scan->since = v->low;
        if (v->high < INT64_MAX && (scan->until == 0 || v->high + 1 < scan->until))
            scan->until = v->high < 0 ? 1 : v->high + 1;
        return true;
    }
    if (strcmp(t->field->name, "seq") != 0)
        return false;
    if (v->low > 0 && (uint64_t)v->low > scan->from_seq)
        scan->from_seq = (uint64_t)v->low;
    if (v->high < INT64_MAX && v->high > 0 &&
        (scan->until_seq == 0 || (uint64_t)v->high < scan->until_seq))
        scan->until_seq = (uint64_t)v->high;
    return v->high > 0;
}

/* ---- texts ---- */

/* What each line has of which node is true; empty: nothing that is known. */
static struct kt_str needle_of(const struct kt_query *q, unsigned node)
{
    const struct kt_node *n = &q->node[node];
    struct kt_str needle = KT_STR_NONE;
    if (n->type == KT_NODE_TERM) {
        const struct kt_term *t = &q->term[n->term];
        const struct kt_value *v = &q->values[t->value];
        return t->n != 1 ? KT_STR_NONE : t->field == NULL ? v->text : v->line;
    }
    for (unsigned child = n->first; child != 0; child = q->node[child].next) {
        struct kt_str one = n->type == KT_NODE_NOT ? KT_STR_NONE : needle_of(q, child);
        if (n->type == KT_NODE_AND && one.len > 0)
            return one; /* one necessary condition will do */
        if (n->type == KT_NODE_OR &&
            (one.len == 0 || (child != n->first && !kt_str_eq(one, needle))))
            return KT_STR_NONE;
        needle = one;
    }
    return needle;
}

/* ---- the plan ---- */

static void plan_part(struct kt_query *q, unsigned node, struct kt_scan *scan)
{
    struct kt_plan_part *part = &q->part[q->n_parts++];
    *part = (struct kt_plan_part){ .q = q, .node = node, .use = KT_USE_LINES };
    if (take_bound(q, &q->node[node], scan)) {
        part->use = KT_USE_BOUND;
        return;
    }
    unsigned first = q->n_sought;
    struct kt_sieve sieve = { .column = column_of(q, node), .filter = keys_of(q, node) };
    if (sieve.filter == KT_FILTER_NONE)
        q->n_sought = first;
    sieve.keys = &q->sought[first];
    sieve.n_keys = q->n_sought - first;
    if (sieve.n_keys > 0 && sieve.column != KT_COL_NONE)
        sieve.seek = keys_decide(q, node);
    if (sieve.seek != KT_SEEK_NO)
        qsort(&q->sought[first], sieve.n_keys, sizeof *q->sought,
              sieve.seek == KT_SEEK_NET ? by_address : by_text);
    struct kt_str needle = sieve.column == KT_COL_NONE ? needle_of(q, node) : KT_STR_NONE;
    if (needle.len > 0) {
        q->needle[scan->n_needles++] = needle;
        part->use = KT_USE_NEEDLE;
    }
    if (sieve.column == KT_COL_NONE && sieve.n_keys == 0)
        return;
    part->use = sieve.column == KT_COL_NONE ? KT_USE_FILTER
                : sieve.n_keys > 0          ? KT_USE_FILTER_AND_COLUMN
                                            : KT_USE_COLUMN;
    sieve.fits = fits_part;
    sieve.self = part;
    q->sieve[scan->n_sieves++] = sieve;
}

/* What stands in parentheses under an AND is joined by AND as well. */
static void plan_all(struct kt_query *q, unsigned node, struct kt_scan *scan)
{
    for (unsigned child = q->node[node].first; child != 0; child = q->node[child].next)
        if (q->node[child].type == KT_NODE_AND)
            plan_all(q, child, scan);
        else
            plan_part(q, child, scan);
}

void kt_query_plan(struct kt_query *q, struct kt_scan *scan)
{
    if (q->since > scan->since)
        scan->since = q->since;
    if (q->until != 0 && (scan->until == 0 || q->until < scan->until))
        scan->until = q->until;
    q->n_sought = q->n_parts = scan->n_sieves = scan->n_needles = 0;
    plan_all(q, 0, scan);
    if (!q->names_kind)
        q->sieve[scan->n_sieves++] = (struct kt_sieve){ .column = KT_COL_KIND, .fits = is_access };
    scan->sieve = q->sieve;
    scan->needle = q->needle;
}

bool kt_query_exact(const struct kt_query *q)
{
    for (unsigned i = 0; i < q->n_parts; i++)
        if (q->part[i].use < KT_USE_EXACT)
            return false;
    return !q->names_kind;
}

/* ---- saying it ---- */

void kt_node_say(const struct kt_query *q, unsigned node, struct kt_buf *out)
{
    const struct kt_node *n = &q->node[node];
    if (n->type == KT_NODE_TERM) {
        kt_buf_add(out, n->text);
        return;
    }
    bool many = n->type != KT_NODE_NOT && q->node[n->first].next != 0;
    kt_buf_addz(out, n->type == KT_NODE_NOT ? "-" : many ? "(" : "");
    for (unsigned child = n->first; child != 0; child = q->node[child].next) {
        kt_node_say(q, child, out);
        if (q->node[child].next != 0)
            kt_buf_addz(out, n->type == KT_NODE_OR ? " OR " : " ");
    }
    kt_buf_addz(out, many ? ")" : "");
}

void kt_query_describe(const struct kt_query *q,
                       void (*each)(void *self, struct kt_str part, const char *use), void *self)
{
    static const char *const uses[] = {
        [KT_USE_LINES] = "judged on each line",
        [KT_USE_NEEDLE] = "looked for in each line",
        [KT_USE_FILTER] = "filter of the segment, then each line",
        [KT_USE_BOUND] = "bound of the walk",
        [KT_USE_COLUMN] = "column",
        [KT_USE_FILTER_AND_COLUMN] = "filter of the segment and column",
    };
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    for (unsigned i = 0; i < q->n_parts; i++) {
        kt_buf_reset(&text);
        kt_node_say(q, q->part[i].node, &text);
        each(self, kt_buf_str(&text), uses[q->part[i].use]);
    }
}
