/*
 * fields: the table of what a query can name, and how a record answers.
 *
 * Owns:  nothing; constant tables.
 * Calls: core/base, core/event.
 */
#include "core/query/fields.h"

#include <stddef.h>
#include <string.h>

#define WORD(n, w) w,
static const char *const action_words[] = { KT_ACTIONS(WORD) NULL };
static const char *const outcome_words[] = { KT_OUTCOMES(WORD) NULL };
static const char *const actor_kind_words[] = { KT_ACTOR_KINDS(WORD) NULL };
static const char *const ip_trust_words[] = { KT_IP_TRUSTS(WORD) NULL };
static const char *const kind_words[] = { KT_KINDS(WORD) NULL };
static const char *const flag_words[] = { KT_FLAGS(WORD) NULL };
static const char *const origin_words[] = { "live", "import", "feed", "control", NULL };
static const char *const yes_words[] = { "no", "yes", NULL };

typedef const struct kt_record *record;
typedef const struct kt_fact *fact;

#define NUM(name, expr)                                                                            \
    static int64_t num_##name(record r, fact f)                                                    \
    {                                                                                              \
        (void)r;                                                                                   \
        (void)f;                                                                                   \
        return (int64_t)(expr);                                                                    \
    }
NUM(seq, r->seq)
NUM(count, r->ev.count)
NUM(part, r->ev.part)
NUM(decoder, r->ev.decoder)
NUM(time, r->ev.time > 0 ? r->ev.time : r->arrival)
NUM(observed, r->ev.observed)
NUM(arrival, r->arrival)
NUM(stored, r->stored)
NUM(kind, r->ev.kind)
NUM(action, r->ev.action)
NUM(outcome, r->ev.outcome)
NUM(actor_kind, r->ev.actor_kind)
NUM(ip_trust, r->ev.ip_trust)
NUM(flags, r->ev.flags)
NUM(origin, r->origin)
NUM(conflict, r->conflict)
NUM(mfa, r->ev.mfa == 0 ? KT_FIELD_NONE : r->ev.mfa > 0)
NUM(asn, f == NULL || f->asn == 0 ? KT_FIELD_NONE : (int64_t)f->asn)
NUM(hosting, f == NULL ? KT_FIELD_NONE : (int64_t)f->hosting)

static struct kt_str str_agent(record r, fact f)
{
    (void)f;
    return r->agent;
}

static struct kt_str str_country(record r, fact f)
{
    (void)r;
    return f == NULL ? KT_STR_NONE : f->country;
}

static struct kt_str str_org(record r, fact f)
{
    (void)r;
    return f == NULL ? KT_STR_NONE : f->org;
}

#define EVENT_TEXT(n)                                                                              \
    {                                                                                              \
        .name = #n, .type = KT_FIELD_TEXT, .offset = offsetof(struct kt_event, n)                  \
    }
#define EVENT_TEXT_HOW(n, h)                                                                       \
    {                                                                                              \
        .name = #n, .type = KT_FIELD_TEXT, .how = h, .offset = offsetof(struct kt_event, n)        \
    }
#define EVENT_LIST(n)                                                                              \
    {                                                                                              \
        .name = #n, .type = KT_FIELD_LIST, .offset = offsetof(struct kt_event, n)                  \
    }
#define NUMBER(n)                                                                                  \
    {                                                                                              \
        .name = #n, .type = KT_FIELD_NUMBER, .num = num_##n                                        \
    }
#define TIME(n)                                                                                    \
    {                                                                                              \
        .name = #n, .type = KT_FIELD_TIME, .num = num_##n                                          \
    }
#define WORDS(n, w)                                                                                \
    {                                                                                              \
        .name = #n, .type = KT_FIELD_WORD, .num = num_##n, .words = w                              \
    }

static const struct kt_field fields[] = {
    NUMBER(seq),
    { .name = "id", .type = KT_FIELD_ID },
    TIME(time),
    TIME(observed),
    TIME(arrival),
    TIME(stored),
    { .name = "agent", .type = KT_FIELD_TEXT, .str = str_agent },
    EVENT_TEXT(source),
    EVENT_TEXT(instance),
    EVENT_TEXT(scope),
    EVENT_TEXT(native_id),
    WORDS(kind, kind_words),
    WORDS(action, action_words),
    EVENT_TEXT(operation),
    WORDS(outcome, outcome_words),
    EVENT_TEXT(code),
    EVENT_TEXT(message),
    EVENT_TEXT_HOW(actor, KT_FIELD_NOCASE),
    EVENT_TEXT_HOW(actor_native, KT_FIELD_NOCASE),
    EVENT_TEXT_HOW(actor_name, KT_FIELD_NOCASE),
    WORDS(actor_kind, actor_kind_words),
    EVENT_TEXT(session),
    EVENT_TEXT(credential),
    EVENT_TEXT(issuer),
    EVENT_TEXT(via),
    EVENT_TEXT(role),
    EVENT_LIST(groups),
    EVENT_TEXT_HOW(secret, KT_FIELD_SECRET),
    EVENT_TEXT(secret_native),
    EVENT_TEXT(version),
    EVENT_TEXT(stage),
    EVENT_TEXT(store),
    EVENT_LIST(fields),
    { .name = "ip", .type = KT_FIELD_IP },
    EVENT_TEXT(ip_raw),
    WORDS(ip_trust, ip_trust_words),
    EVENT_TEXT(user_agent),
    EVENT_TEXT(region),
    EVENT_TEXT(host),
    EVENT_TEXT(vpc_endpoint),
    EVENT_TEXT_HOW(country_claimed, KT_FIELD_NOCASE),
    { .name = "country", .type = KT_FIELD_TEXT, .how = KT_FIELD_NOCASE, .str = str_country },
    NUMBER(asn),
    { .name = "org", .type = KT_FIELD_TEXT, .how = KT_FIELD_NOCASE, .str = str_org },
    WORDS(hosting, yes_words),
    WORDS(mfa, yes_words),
    EVENT_TEXT(reason),
    EVENT_TEXT(ticket),
    EVENT_TEXT(request_id),
    EVENT_TEXT(shared_id),
    EVENT_TEXT(amends),
    NUMBER(count),
    NUMBER(part),
    NUMBER(decoder),
    { .name = "flags", .type = KT_FIELD_BITS, .num = num_flags, .words = flag_words },
    WORDS(origin, origin_words),
    WORDS(conflict, yes_words),
    { .name = "since", .type = KT_FIELD_SINCE },
    { .name = "from", .type = KT_FIELD_SINCE },
    { .name = "until", .type = KT_FIELD_UNTIL },
    { .name = "to", .type = KT_FIELD_UNTIL },
};

const struct kt_subject kt_record_fields = { fields, KT_ARRAY_LEN(fields) };

const struct kt_subject *kt_query_fields(void)
{
    return &kt_record_fields;
}

const struct kt_field *kt_field_in(const struct kt_subject *of, struct kt_str name)
{
    for (unsigned i = 0; i < of->n; i++)
        if (kt_str_is(name, of->field[i].name))
            return &of->field[i];
    return NULL;
}

const struct kt_field *kt_field_of(struct kt_str name)
{
    return kt_field_in(&kt_record_fields, name);
}

enum kt_col kt_field_column(const struct kt_field *f)
{
    static const struct {
        const char *name;
        enum kt_col column;
    } names[] = {
        { "kind", KT_COL_KIND },
        { "action", KT_COL_ACTION },
        { "outcome", KT_COL_OUTCOME },
        { "actor_kind", KT_COL_ACTOR_KIND },
        { "source", KT_COL_SOURCE },
        { "instance", KT_COL_INSTANCE },
        { "actor", KT_COL_ACTOR },
        { "secret", KT_COL_SECRET },
        { "ip", KT_COL_IP },
        { "operation", KT_COL_OPERATION },
        { "code", KT_COL_CODE },
        { "host", KT_COL_HOST },
        { "user_agent", KT_COL_USER_AGENT },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(names); i++)
        if (strcmp(f->name, names[i].name) == 0)
            return names[i].column;
    return KT_COL_NONE;
}

/* How far a word may be from the one meant: a third of it, three letters at most. */
static unsigned reach(struct kt_str word)
{
    return word.len < 3 ? 1 : word.len > 8 ? 3 : (unsigned)word.len / 3 + 1;
}

const struct kt_field *kt_field_near(const struct kt_subject *of, struct kt_str name)
{
    const struct kt_field *near = NULL;
    unsigned best = reach(name) + 1;
    for (unsigned i = 0; i < of->n; i++) {
        unsigned d = kt_str_distance(name, kt_str_of(of->field[i].name), best);
        if (d < best) {
            best = d;
            near = &of->field[i];
        }
    }
    return near;
}

int kt_field_word(const char *const *words, struct kt_str word, const char **ret_near)
{
    const char *near = NULL;
    unsigned best = reach(word) + 1;
    for (int i = 0; words[i] != NULL; i++) {
        if (kt_str_eq_nocase(word, kt_str_of(words[i])))
            return i;
        unsigned d = kt_str_distance(word, kt_str_of(words[i]), best);
        if (d < best) {
            best = d;
            near = words[i];
        }
    }
    if (ret_near != NULL)
        *ret_near = near;
    return -1;
}
