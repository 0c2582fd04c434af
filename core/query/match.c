/*
 * match: does a record, or a value of a column, fit a query? No allocation; time linear in the
 * record.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event, core/query/fields.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/query/terms.h"

#define FOLD_MAX 1024 /* longer texts, which are rare, take memory of their own */

/* What is judged: a record, another subject, or one value of the only field that is asked for. */
struct probe {
    const struct kt_record *record; /* NULL: a value, or a subject */
    const struct kt_fact *fact;
    const struct kt_subject_value *values; /* of a subject, NULL: none */
    struct kt_str whole;                   /* where free text is looked for */
    struct kt_str text;
    int64_t number;
};

static bool fits(const struct kt_value *v, struct kt_str s)
{
    if (v->any)
        return s.len > 0;
    return v->glob ? kt_str_glob(v->text, s) : kt_str_eq(v->text, s);
}

static void fold(struct kt_str s, char *to)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        to[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
}

/* Upper and lower case alike; the value is folded already. */
static bool fits_folded(const struct kt_value *v, struct kt_str s)
{
    char buf[FOLD_MAX];
    KT_CLEANUP(kt_free_ptr) char *own = s.len > FOLD_MAX ? kt_alloc(s.len) : NULL;
    char *to = own != NULL ? own : buf;
    fold(s, to);
    return fits(v, kt_str_from(to, s.len));
}

/* `prod/db` and `prod/x*` without their scheme fit the end of an id from any of its parts on, but
 * for scheme and store: vault://cluster/-/secret/prod/db. */
static bool fits_secret(const struct kt_value *v, struct kt_str s)
{
    if (fits(v, s))
        return true;
    if (v->any || v->whole || (!v->glob && !kt_str_ends(s, v->text)))
        return false;
    ptrdiff_t scheme = kt_str_find(s, KT_STR("://"), 0);
    if (scheme < 0)
        return false;
    size_t first = (size_t)scheme + 3, part = s.len - v->text.len; /* where the end would begin */
    if (!v->glob)
        return part > first && s.at[part - 1] == '/';
    for (ptrdiff_t slash = kt_str_find_byte(s, '/', first); slash >= 0;
         slash = kt_str_find_byte(s, '/', (size_t)slash + 1))
        if (fits(v, kt_str_from_index(s, (size_t)slash + 1)))
            return true;
    return false;
}

static bool fits_text(const struct kt_field *f, const struct kt_value *v, struct kt_str s)
{
    switch (f->how) {
    case KT_FIELD_PLAIN:
        return fits(v, s);
    case KT_FIELD_NOCASE:
        return fits_folded(v, s);
    case KT_FIELD_SECRET:
        return fits_secret(v, s);
    }
    return false;
}

static bool fits_list(const struct kt_field *f, const struct kt_value *v, const struct kt_record *r)
{
    const struct kt_list *list = (const void *)((const char *)&r->ev + f->offset);
    for (unsigned i = 0; i < list->n; i++)
        if (fits(v, list->at[i]))
            return true;
    return false;
}

static bool fits_ip(const struct kt_value *v, struct kt_str bytes)
{
    struct kt_ip ip;
    if (bytes.len != sizeof ip.at)
        return false;
    memcpy(ip.at, bytes.at, sizeof ip.at);
    return v->any || kt_cidr_has(v->net, ip);
}

/* text or number is what the field has; lists alone are looked up in the record. */
static bool fits_value(const struct kt_field *f, const struct kt_value *v, const struct probe *p)
{
    switch (f->type) {
    case KT_FIELD_TEXT:
        return fits_text(f, v, p->text);
    case KT_FIELD_LIST:
        return fits_list(f, v, p->record);
    case KT_FIELD_ID:
        return fits_folded(v, p->text);
    case KT_FIELD_BITS:
        return v->any ? p->number != 0 : (p->number >> v->low & 1) != 0;
    case KT_FIELD_WORD:
    case KT_FIELD_NUMBER:
    case KT_FIELD_TIME:
        return v->any ? p->number != KT_FIELD_NONE : p->number >= v->low && p->number <= v->high;
    case KT_FIELD_IP:
        return fits_ip(v, p->text);
    case KT_FIELD_SINCE:
    case KT_FIELD_UNTIL:
        break;
    }
    return true;
}

/* What the record has in that field, as p->text or p->number; id_text keeps an id. */
static void look_up(const struct kt_field *f, struct probe *p, char id_text[KT_ID_TEXT])
{
    const struct kt_record *r = p->record;
    uint8_t id[16];
    p->text = KT_STR_NONE;
    if (f->num != NULL)
        p->number = f->num(r, p->fact);
    else if (f->str != NULL)
        p->text = f->str(r, p->fact);
    else if (f->type == KT_FIELD_TEXT)
        memcpy(&p->text, (const char *)&r->ev + f->offset, sizeof p->text);
    else if (f->type == KT_FIELD_IP && r->ev.has_ip)
        p->text = kt_str_from(r->ev.ip.at, sizeof r->ev.ip.at);
    if (f->type != KT_FIELD_ID)
        return;
    kt_event_id(&r->ev, id);
    p->text = kt_str_of(kt_id_format(id, id_text));
}

/* One of the term's values. */
static bool fits_any(const struct kt_query *q, const struct kt_term *t, const struct probe *p)
{
    for (unsigned i = 0; i < t->n; i++) {
        const struct kt_value *v = &q->values[t->value + i];
        if (t->field == NULL ? kt_str_has(p->whole, v->text) : fits_value(t->field, v, p))
            return true;
    }
    return false;
}

static bool is_number(const struct kt_field *f)
{
    return f->type == KT_FIELD_WORD || f->type == KT_FIELD_BITS || f->type == KT_FIELD_NUMBER ||
           f->type == KT_FIELD_TIME;
}

/* sure: is the question whether it fits for certain, or (below a negation) whether it may? */
static bool fits_subject(const struct kt_query *q, const struct kt_term *t, const struct probe *p,
                         bool sure)
{
    const struct kt_subject_value *v = &p->values[t->field - q->about->field];
    struct probe of = { .number = v->number };
    bool all = v->every && sure;
    if (is_number(t->field))
        return fits_any(q, t, &of);
    if (v->every && v->partly)
        return !sure;
    bool fits = all && v->n > 0;
    for (unsigned i = 0; i < v->n && fits == all; i++) {
        of.text = v->text[i];
        fits = fits_any(q, t, &of);
    }
    return fits;
}

static bool fits_term(const struct kt_query *q, const struct kt_term *t, const struct probe *p,
                      bool sure)
{
    struct probe of = *p;
    char id_text[KT_ID_TEXT];
    if (t->field != NULL && p->values != NULL)
        return fits_subject(q, t, p, sure);
    if (t->field != NULL && p->record != NULL)
        look_up(t->field, &of, id_text);
    return fits_any(q, t, &of);
}

/* As deep as the text has parentheses: KT_QUERY_DEPTH_MAX, two or three nodes each. */
static bool fits_node(const struct kt_query *q, unsigned node, const struct probe *p, bool sure)
{
    const struct kt_node *n = &q->node[node];
    if (n->type == KT_NODE_TERM)
        return fits_term(q, &q->term[n->term], p, sure);
    if (n->type == KT_NODE_NOT)
        return !fits_node(q, n->first, p, !sure);
    bool either = n->type == KT_NODE_OR;
    for (unsigned child = n->first; child != 0; child = q->node[child].next)
        if (fits_node(q, child, p, sure) == either)
            return either;
    return !either;
}

bool kt_node_fits_value(const struct kt_query *q, unsigned node, struct kt_str text, int64_t number)
{
    const struct probe p = { .text = text, .number = number };
    return fits_node(q, node, &p, true);
}

bool kt_query_matches(const struct kt_query *q, const struct kt_record *r,
                      const struct kt_fact *fact)
{
    const struct probe p = { .record = r, .fact = fact, .whole = r->line };
    kt_time_ns time = r->ev.time > 0 ? r->ev.time : r->arrival;
    if ((q->since != 0 && time < q->since) || (q->until != 0 && time >= q->until))
        return false;
    return fits_node(q, 0, &p, true);
}

bool kt_query_fits(const struct kt_query *q, const struct kt_subject_value *values,
                   struct kt_str whole)
{
    const struct probe p = { .values = values, .whole = whole };
    return fits_node(q, 0, &p, true);
}

bool kt_query_unfit(const struct kt_query *q, const struct kt_subject_value *values,
                    struct kt_str whole, struct kt_buf *ret_part)
{
    const struct probe p = { .values = values, .whole = whole };
    for (unsigned child = q->node[0].first; child != 0; child = q->node[child].next)
        if (!fits_node(q, child, &p, true)) {
            kt_node_say(q, child, ret_part);
            return true;
        }
    return false;
}

bool kt_query_has_text(const struct kt_query *q)
{
    for (unsigned i = 0; i < q->n_terms; i++)
        if (q->term[i].field == NULL)
            return true;
    return false;
}

static bool term_names(const struct kt_query *q, const struct kt_term *t, const struct kt_field *f,
                       int64_t word)
{
    for (unsigned i = 0; t->field == f && i < t->n; i++) {
        const struct kt_value *v = &q->values[t->value + i];
        if (!v->any && v->low == word && v->high == word)
            return true;
    }
    return false;
}

static bool node_names(const struct kt_query *q, unsigned node, const struct kt_field *f,
                       int64_t word)
{
    const struct kt_node *n = &q->node[node];
    if (n->type == KT_NODE_TERM)
        return term_names(q, &q->term[n->term], f, word);
    bool either = n->type != KT_NODE_OR; /* of what AND joins one will do, of what OR joins all */
    if (n->type == KT_NODE_NOT)
        return false;
    for (unsigned child = n->first; child != 0; child = q->node[child].next)
        if (node_names(q, child, f, word) == either)
            return either;
    return !either;
}

bool kt_query_names(const struct kt_query *q, const struct kt_field *f, int64_t word)
{
    return node_names(q, 0, f, word);
}
