/*
 * match: does a record fit a query? No allocation; time linear in the record.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event, core/query/fields.
 */
#include <string.h>

#include "core/base/enc.h"
#include "core/query/terms.h"

#define FOLD_MAX 1024 /* longer texts are compared as they are */

static bool fits(const struct kt_value *v, struct kt_str s)
{
    if (v->any)
        return s.len > 0;
    return v->glob ? kt_str_glob(v->text, s) : kt_str_eq(v->text, s);
}

static struct kt_str fold(struct kt_str s, char buf[FOLD_MAX])
{
    if (s.len > FOLD_MAX)
        return s;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        buf[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return kt_str_from(buf, s.len);
}

/* `prod/db` and `prod/x*` without their scheme fit the end of an id from any of its parts on, but
 * for scheme and store: vault://cluster/-/secret/prod/db. */
static bool fits_secret(const struct kt_value *v, struct kt_str s)
{
    if (fits(v, s))
        return true;
    ptrdiff_t scheme = kt_str_find(s, KT_STR("://"), 0);
    if (v->any || scheme < 0 || kt_str_has(v->text, KT_STR("://")))
        return false;
    for (ptrdiff_t slash = kt_str_find_byte(s, '/', (size_t)scheme + 3); slash >= 0;
         slash = kt_str_find_byte(s, '/', (size_t)slash + 1))
        if (fits(v, kt_str_from_index(s, (size_t)slash + 1)))
            return true;
    return false;
}

static struct kt_str text_of(const struct kt_field *f, const struct kt_record *r,
                             const struct kt_fact *fact)
{
    if (f->str != NULL)
        return f->str(r, fact);
    struct kt_str s;
    memcpy(&s, (const char *)&r->ev + f->offset, sizeof s);
    return s;
}

static bool fits_text(const struct kt_field *f, const struct kt_value *v, struct kt_str s)
{
    char buf[FOLD_MAX];
    switch (f->how) {
    case KT_FIELD_PLAIN:
        return fits(v, s);
    case KT_FIELD_NOCASE:
        return fits(v, fold(s, buf));
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

static bool fits_id(const struct kt_value *v, const struct kt_record *r)
{
    uint8_t id[16];
    char text[KT_ID_TEXT], buf[FOLD_MAX];
    kt_event_id(&r->ev, id);
    return fits(v, fold(kt_str_of(kt_id_format(id, text)), buf));
}

static bool fits_value(const struct kt_field *f, const struct kt_value *v,
                       const struct kt_record *r, const struct kt_fact *fact)
{
    int64_t n;
    switch (f->type) {
    case KT_FIELD_TEXT:
        return fits_text(f, v, text_of(f, r, fact));
    case KT_FIELD_LIST:
        return fits_list(f, v, r);
    case KT_FIELD_ID:
        return fits_id(v, r);
    case KT_FIELD_BITS:
        n = f->num(r, fact);
        return v->any ? n != 0 : (n >> v->low & 1) != 0;
    case KT_FIELD_WORD:
    case KT_FIELD_NUMBER:
    case KT_FIELD_TIME:
        n = f->num(r, fact);
        return v->any ? n != KT_FIELD_NONE : n >= v->low && n <= v->high;
    case KT_FIELD_IP:
        return r->ev.has_ip && (v->any || kt_cidr_has(v->net, r->ev.ip));
    case KT_FIELD_SINCE:
    case KT_FIELD_UNTIL:
        break;
    }
    return true;
}

static bool fits_term(const struct kt_query *q, const struct kt_term *t, const struct kt_record *r,
                      const struct kt_fact *fact)
{
    for (unsigned i = 0; i < t->n; i++) {
        const struct kt_value *v = &q->values[t->value + i];
        if (t->field == NULL ? kt_str_has(r->line, v->text) : fits_value(t->field, v, r, fact))
            return true;
    }
    return false;
}

bool kt_query_matches(const struct kt_query *q, const struct kt_record *r,
                      const struct kt_fact *fact)
{
    kt_time_ns time = r->ev.time > 0 ? r->ev.time : r->arrival;
    if ((q->since != 0 && time < q->since) || (q->until != 0 && time >= q->until))
        return false;
    for (unsigned i = 0; i < q->n; i++)
        if (fits_term(q, &q->term[i], r, fact) == q->term[i].negated)
            return false;
    return true;
}
