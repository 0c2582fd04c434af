/*
 * match: what an alert answers when a query names one of its fields.
 *
 * Owns:  nothing; a constant table.
 * Calls: core/query/subject, exporters/alerts/alert (its document, where free text is looked for).
 */
#include "exporters/alerts/match.h"

#include "core/query/subject.h"

#define NAMES_MAX 8u

enum {
    AT_ID,
    AT_SEVERITY,
    AT_SCORE,
    AT_DETECTOR,
    AT_DETECTORS,
    AT_CODE,
    AT_ACTOR,
    AT_ACTOR_KIND,
    AT_SECRET,
    AT_IP,
    AT_COUNTRY,
    AT_NETWORK,
    AT_SOURCE,
    AT_INSTANCE,
    AT_USER_AGENT,
    AT_TITLE,
    AT_COUNT
};
static const char *const severities[KT_SEV_COUNT + 1] = {
    [KT_SEV_INFO] = "info", [KT_SEV_LOW] = "low",           [KT_SEV_MEDIUM] = "medium",
    [KT_SEV_HIGH] = "high", [KT_SEV_CRITICAL] = "critical",
};
#define TEXT(n)                                                                                    \
    {                                                                                              \
        .name = n, .type = KT_FIELD_TEXT                                                           \
    }
#define TEXT_HOW(n, h)                                                                             \
    {                                                                                              \
        .name = n, .type = KT_FIELD_TEXT, .how = h                                                 \
    }
static const struct kt_field fields[AT_COUNT] = {
    [AT_ID] = { .name = "id", .type = KT_FIELD_ID },
    [AT_SEVERITY] = { .name = "severity", .type = KT_FIELD_WORD, .words = severities },
    [AT_SCORE] = { .name = "score", .type = KT_FIELD_NUMBER },
    [AT_DETECTOR] = TEXT("detector"),
    [AT_DETECTORS] = TEXT("detectors"),
    [AT_CODE] = TEXT("code"),
    [AT_ACTOR] = TEXT_HOW("actor", KT_FIELD_NOCASE),
    [AT_ACTOR_KIND] = TEXT("actor_kind"),
    [AT_SECRET] = TEXT_HOW("secret", KT_FIELD_SECRET),
    [AT_IP] = { .name = "ip", .type = KT_FIELD_IP },
    [AT_COUNTRY] = TEXT_HOW("country", KT_FIELD_NOCASE),
    [AT_NETWORK] = TEXT("network"),
    [AT_SOURCE] = TEXT("source"),
    [AT_INSTANCE] = TEXT("instance"),
    [AT_USER_AGENT] = TEXT("user_agent"),
    [AT_TITLE] = TEXT("title"),
};
static const struct kt_subject subject = { fields, AT_COUNT };

struct texts { /* what a field can have several of */
    struct kt_str detectors[KT_ALERT_PARTS_MAX], names[NAMES_MAX], ip;
    struct kt_ip address;
    struct kt_str id, detector, code;
};

enum kt_status kt_alert_query_parse(struct kt_str text, struct kt_query **ret, struct kt_error *err)
{
    return kt_query_parse_about(text, &subject, ret, err);
}

/* Its own name, and those of the log: "a, b". */
static unsigned take_names(const struct kt_alert *a, struct kt_str *names)
{
    unsigned n = 0;
    struct kt_str rest = a->actor_written;
    if (a->actor.len > 0)
        names[n++] = a->actor;
    while (rest.len > 0 && n < NAMES_MAX) {
        ptrdiff_t end = kt_str_find(rest, KT_STR(", "), 0);
        names[n++] = end < 0 ? rest : kt_str_sub(rest, 0, (size_t)end);
        rest = end < 0 ? KT_STR_NONE : kt_str_from_index(rest, (size_t)end + 2);
    }
    return n;
}

static struct kt_subject_value one(const struct kt_str *s)
{
    return (struct kt_subject_value){ .text = s, .n = 1 };
}

static void look_up(const struct kt_alert *a, struct texts *t, struct kt_subject_value *v)
{
    bool self = kt_alert_is_own(a) && a->n_parts > 0;
    *t = (struct texts){ .id = kt_str_of(a->id),
                         .detector = kt_str_of(a->detector),
                         .code = self ? a->parts[0].text : KT_STR_NONE };
    if (kt_ip_parse(a->ip, &t->address))
        t->ip = kt_str_from(t->address.at, sizeof t->address.at);
    for (unsigned i = 0; i < a->n_parts; i++)
        t->detectors[i] = kt_str_of(a->parts[i].detector);
    const struct kt_str *plain[AT_COUNT] = {
        [AT_ID] = &t->id,
        [AT_DETECTOR] = &t->detector,
        [AT_CODE] = &t->code,
        [AT_ACTOR_KIND] = &a->actor_kind,
        [AT_IP] = &t->ip,
        [AT_COUNTRY] = &a->country,
        [AT_NETWORK] = &a->network,
        [AT_SOURCE] = &a->source,
        [AT_INSTANCE] = &a->instance,
        [AT_USER_AGENT] = &a->user_agent,
        [AT_TITLE] = &a->title,
    };
    for (unsigned i = 0; i < AT_COUNT; i++)
        v[i] = plain[i] != NULL ? one(plain[i]) : (struct kt_subject_value){ 0 };
    v[AT_SEVERITY].number = (int64_t)a->severity;
    v[AT_SCORE].number = a->score / 100;
    v[AT_DETECTORS] = (struct kt_subject_value){ .text = t->detectors, .n = a->n_parts };
    v[AT_ACTOR] = (struct kt_subject_value){ .text = t->names, .n = take_names(a, t->names) };
    v[AT_SECRET] = a->n_secrets > 0
                       ? (struct kt_subject_value){ .text = a->secrets, .n = a->n_secrets }
                       : one(&a->secret);
    v[AT_SECRET].partly = a->secrets_count > v[AT_SECRET].n;
}

/* What the alert answers to the query. */
struct answers {
    struct kt_subject_value v[AT_COUNT];
    struct texts t;
    struct kt_buf document;
};

static void answer(const struct kt_query *q, const struct kt_alert *a, bool every,
                   struct answers *ret)
{
    ret->document = (struct kt_buf){ 0 };
    look_up(a, &ret->t, ret->v);
    ret->v[AT_SECRET].every = every;
    if (kt_query_has_text(q))
        kt_alert_write(a, &ret->document);
}

static bool fits(const struct kt_query *q, const struct kt_alert *a, bool every)
{
    struct answers of;
    answer(q, a, every, &of);
    bool fits = kt_query_fits(q, of.v, kt_buf_str(&of.document));
    kt_buf_done(&of.document);
    return fits;
}

bool kt_alert_matches(const struct kt_query *q, const struct kt_alert *a)
{
    return fits(q, a, false);
}

bool kt_alert_unfit(const struct kt_query *q, const struct kt_alert *a, struct kt_buf *ret_part)
{
    struct answers of;
    answer(q, a, false, &of);
    bool unfit = kt_query_unfit(q, of.v, kt_buf_str(&of.document), ret_part);
    kt_buf_done(&of.document);
    return unfit;
}

bool kt_alert_named(const struct kt_query *q, const struct kt_alert *a)
{
    return kt_query_names(q, &fields[AT_SEVERITY], (int64_t)a->severity);
}

bool kt_alert_covered(const struct kt_query *q, const struct kt_alert *a)
{
    if (a->severity == KT_SEV_CRITICAL && !kt_alert_named(q, a))
        return false;
    return fits(q, a, true);
}
