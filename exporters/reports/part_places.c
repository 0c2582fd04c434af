/*
 * part_places: from where accesses came, and what failed, where and why.
 *
 * Owns:  sums by country while a section is written.
 * Calls: parts, core/answer/population.h, core/query/query.h (facts), doc.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "exporters/reports/parts.h"

/* ---- by country and network ---- */

struct place {
    struct kt_str country, org; /* org of the first that has the number */
    uint32_t asn;
    uint64_t events, failed, addresses, fresh;
};

static const struct kt_fact *fact_of(const struct kt_evidence *e, struct kt_ip ip)
{
    return kt_facts_at(e->ask->facts, ip, UINT64_MAX);
}

static int by_country(const void *pa, const void *pb)
{
    return kt_str_cmp(((const struct place *)pa)->country, ((const struct place *)pb)->country);
}

static int by_asn(const void *pa, const void *pb)
{
    const struct place *a = pa, *b = pb;
    return a->asn < b->asn ? -1 : a->asn > b->asn;
}

static int by_events(const void *pa, const void *pb)
{
    const struct place *a = pa, *b = pb;
    if (a->events != b->events)
        return a->events > b->events ? -1 : 1;
    int c = by_country(pa, pb);
    return c != 0 ? c : by_asn(pa, pb);
}

static const struct kt_doc_column country_columns[] = {
    { "country", "Country", KT_DOC_TEXT },      { "accesses", "Accesses", KT_DOC_COUNT },
    { "share", "Of all", KT_DOC_SHARE },        { "failed", "Failed", KT_DOC_COUNT },
    { "addresses", "Addresses", KT_DOC_COUNT }, { "new", "New addresses", KT_DOC_COUNT },
};
static const struct kt_doc_column asn_columns[] = {
    { "asn", "Network", KT_DOC_TEXT },        { "organisation", "Of", KT_DOC_TEXT },
    { "accesses", "Accesses", KT_DOC_COUNT }, { "share", "Of all", KT_DOC_SHARE },
    { "failed", "Failed", KT_DOC_COUNT },     { "addresses", "Addresses", KT_DOC_COUNT },
    { "new", "New addresses", KT_DOC_COUNT },
};

/* One entry an address; equal ones next to each other are summed. */
static uint32_t sum_places(struct kt_evidence *e, struct place *at,
                           int (*same)(const void *, const void *))
{
    const struct kt_population *p = e->pop;
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_addresses; i++) {
        const struct kt_pop_address *a = &p->address[i];
        const struct kt_fact *f = fact_of(e, a->ip);
        enum kt_ip_class class = kt_ip_class(a->ip);
        bool known = f != NULL && f->country.len > 0;
        at[i] =
            (struct place){ .country = known                   ? f->country
                                       : class == KT_IP_PUBLIC ? KT_STR("not known")
                                                               : kt_str_of(kt_ip_class_word(class)),
                            .org = f == NULL ? KT_STR_NONE : f->org,
                            .asn = f == NULL ? 0 : f->asn,
                            .events = a->t.events,
                            .failed = a->t.failed,
                            .addresses = 1,
                            .fresh = a->t.ever >= e->ask->since };
    }
    if (p->n_addresses > 1)
        qsort(at, p->n_addresses, sizeof *at, same);
    for (uint32_t i = 0; i < p->n_addresses; i++) {
        if (n > 0 && same(&at[n - 1], &at[i]) == 0) {
            at[n - 1].events += at[i].events;
            at[n - 1].failed += at[i].failed;
            at[n - 1].addresses += at[i].addresses;
            at[n - 1].fresh += at[i].fresh;
        } else {
            at[n++] = at[i];
        }
    }
    if (n > 1)
        qsort(at, n, sizeof *at, by_events);
    return n;
}

static void list_countries(struct kt_evidence *e, struct place *at)
{
    const struct kt_part_table t = { .name = "countries",
                                     .title = "By country",
                                     .columns = country_columns,
                                     .n = KT_ARRAY_LEN(country_columns),
                                     .shown = 40,
                                     .empty = "No access has an address." };
    uint32_t n = sum_places(e, at, by_country);
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < n; i++) {
        const struct kt_doc_cell cells[] = { kt_doc_text(at[i].country),
                                             kt_doc_number((int64_t)at[i].events),
                                             kt_part_share(at[i].events, e->pop->all.events),
                                             kt_doc_number((int64_t)at[i].failed),
                                             kt_doc_number((int64_t)at[i].addresses),
                                             kt_doc_number((int64_t)at[i].fresh) };
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
}

static void list_networks(struct kt_evidence *e, struct place *at)
{
    const struct kt_part_table t = { .name = "networks",
                                     .title = "By network (autonomous system)",
                                     .columns = asn_columns,
                                     .n = KT_ARRAY_LEN(asn_columns),
                                     .shown = 30,
                                     .empty = "No access has an address." };
    uint32_t n = sum_places(e, at, by_asn);
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < n; i++) {
        char asn[16];
        (void)snprintf(asn, sizeof asn, "AS%u", at[i].asn);
        const struct kt_doc_cell cells[] = { at[i].asn == 0 ? kt_doc_none() : kt_part_word(asn),
                                             at[i].asn == 0 ? kt_part_word("not known")
                                                            : kt_doc_text(at[i].org),
                                             kt_doc_number((int64_t)at[i].events),
                                             kt_part_share(at[i].events, e->pop->all.events),
                                             kt_doc_number((int64_t)at[i].failed),
                                             kt_doc_number((int64_t)at[i].addresses),
                                             kt_doc_number((int64_t)at[i].fresh) };
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
}

static const struct kt_conf_network *network_of(const struct kt_conf *conf, struct kt_ip ip)
{
    for (unsigned i = 0; conf != NULL && i < conf->n_networks; i++)
        for (unsigned k = 0; k < conf->networks[i].n_cidr; k++)
            if (kt_cidr_has(conf->networks[i].cidr[k], ip))
                return &conf->networks[i];
    return NULL;
}

static const struct kt_doc_column address_columns[] = {
    { "address", "Address", KT_DOC_TEXT },    { "country", "Country", KT_DOC_TEXT },
    { "organisation", "Of", KT_DOC_TEXT },    { "hosting", NULL, KT_DOC_TEXT },
    { "accesses", "Accesses", KT_DOC_COUNT }, { "failed", "Failed", KT_DOC_COUNT },
    { "first", "First", KT_DOC_TIME },        { "last", "Last", KT_DOC_TIME },
    { "first_stored", NULL, KT_DOC_TIME },
};

static void list_unexpected(struct kt_evidence *e)
{
    uint64_t events = 0;
    char share[KT_PART_NUMBER_MAX];
    const struct kt_part_table t = { .name = "unexpected_addresses",
                                     .title = "Addresses outside the expected networks",
                                     .columns = address_columns,
                                     .n = KT_ARRAY_LEN(address_columns),
                                     .shown = 40,
                                     .query = "keytrail search --by ip",
                                     .empty = "All accesses came from expected networks." };
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < e->pop->n_addresses; i++) {
        const struct kt_pop_address *a = &e->pop->address[i];
        const struct kt_fact *f = fact_of(e, a->ip);
        if (network_of(e->in->conf, a->ip) != NULL)
            continue;
        const struct kt_doc_cell cells[] = {
            kt_part_ip(e, a->ip),
            kt_doc_text(f == NULL ? KT_STR_NONE : f->country),
            kt_doc_text(f == NULL ? KT_STR_NONE : f->org),
            kt_part_word(f == NULL    ? NULL
                         : f->hosting ? "yes"
                                      : "no"),
            kt_doc_number((int64_t)a->t.events),
            kt_doc_number((int64_t)a->t.failed),
            kt_part_when(a->t.first),
            kt_part_when(a->t.last),
            kt_part_when(a->t.ever),
        };
        events += a->t.events;
        kt_part_row(e, cells);
    }
    uint64_t n = kt_part_table_end(e);
    if (n > 0)
        kt_doc_para(e->doc, "They made %s of all accesses.",
                    kt_part_percent(events, e->pop->all.events, share));
}

static enum kt_status write_places(struct kt_evidence *e, struct kt_error *err)
{
    struct place *at = kt_alloc_array(e->pop->n_addresses + 1, sizeof *at);
    (void)err;
    kt_doc_para(e->doc, "Country and network are those of the newest fact about an address; "
                        "private, reserved and unknown addresses stand beside them.");
    list_countries(e, at);
    list_networks(e, at);
    kt_free(at);
    if (e->in->conf == NULL || e->in->conf->n_networks == 0)
        kt_doc_alarm(e->doc, "The configuration names no expected networks: which addresses are "
                             "unexpected cannot be told, all are listed.");
    list_unexpected(e);
    return KT_OK;
}
const struct kt_report_part kt_part_places = { "places", "Access by country and network",
                                               write_places };

/* ---- failures ---- */

static const struct kt_doc_column fail_columns[] = {
    { "day", NULL, KT_DOC_DAY },
    { "accesses", NULL, KT_DOC_COUNT },
    { "failed", NULL, KT_DOC_COUNT },
    { "share", NULL, KT_DOC_SHARE },
};
static const struct kt_doc_column reason_columns[] = {
    { "source", "Kind", KT_DOC_TEXT },     { "instance", "Source", KT_DOC_TEXT },
    { "outcome", "Outcome", KT_DOC_TEXT }, { "code", "Reason, as the source says", KT_DOC_TEXT },
    { "failed", "Failed", KT_DOC_COUNT },  { "share", "Of all failures", KT_DOC_SHARE },
};
static const struct kt_doc_column burst_columns[] = {
    { "hour", "Hour from", KT_DOC_TIME },
    { "actor", "Actor", KT_DOC_TEXT },
    { "kind", "Kind", KT_DOC_TEXT },
    { "failed", "Failed", KT_DOC_COUNT },
    { "alert", "Alert about the actor that day", KT_DOC_TEXT },
};

static void list_fail_days(struct kt_evidence *e)
{
    const struct kt_part_table t = { .name = "failed_days",
                                     .title = "Failures by day (in the file alone)",
                                     .columns = fail_columns,
                                     .n = KT_ARRAY_LEN(fail_columns),
                                     .query = "keytrail search outcome:denied,failure,not_found "
                                              "--by day" };
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < e->pop->n_days; i++) {
        const struct kt_pop_day *d = &e->pop->day[i];
        const struct kt_doc_cell cells[] = { kt_doc_number(d->day * KT_NS_DAY),
                                             kt_doc_number((int64_t)d->events),
                                             kt_doc_number((int64_t)d->failed),
                                             kt_part_share(d->failed, d->events) };
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
}

static void list_reasons(struct kt_evidence *e)
{
    const struct kt_part_table t = { .name = "failed_reasons",
                                     .title = "Why accesses failed",
                                     .columns = reason_columns,
                                     .n = KT_ARRAY_LEN(reason_columns),
                                     .shown = 25,
                                     .query = "keytrail search outcome:denied,failure,not_found "
                                              "--by instance,outcome,code",
                                     .empty = "No access failed." };
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < e->pop->n_reasons; i++) {
        const struct kt_pop_reason *r = &e->pop->reason[i];
        const struct kt_doc_cell cells[] = { kt_doc_text(e->pop->source[r->source].source),
                                             kt_doc_text(e->pop->source[r->source].instance),
                                             kt_part_word(kt_outcome_word(r->outcome)),
                                             kt_part_free(e, r->code),
                                             kt_doc_number((int64_t)r->events),
                                             kt_part_share(r->events, e->pop->all.failed) };
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
}

/* Was somebody told? The first alert about the actor on the day of the burst, or the day after. */
static const struct kt_registered *follow_up(const struct kt_evidence *e,
                                             const struct kt_pop_burst *b)
{
    kt_time_ns day = b->hour / KT_NS_DAY * KT_NS_DAY;
    uint32_t low = 0, high = e->alerts->n; /* the first that was raised on that day or later */
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (e->alerts->at[mid].raised < day)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < e->alerts->n && e->alerts->at[low].raised < day + 2 * KT_NS_DAY; low++)
        if (kt_str_eq_nocase(e->alerts->at[low].actor, e->pop->actor[b->actor].name))
            return &e->alerts->at[low];
    return NULL;
}

static void list_bursts(struct kt_evidence *e)
{
    const struct kt_part_table t = {
        .name = "failed_bursts",
        .title = "Bursts of failures",
        .columns = burst_columns,
        .n = KT_ARRAY_LEN(burst_columns),
        .shown = 40,
        .query = "keytrail search 'outcome:denied,failure,not_found " KT_ASK_NO_SHADOWS
                 "' --by actor,hour",
        .empty = "There was none."
    };
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < e->pop->n_bursts; i++) {
        const struct kt_pop_burst *b = &e->pop->burst[i];
        const struct kt_registered *a = follow_up(e, b);
        const struct kt_doc_cell cells[] = {
            kt_part_when(b->hour),
            kt_part_actor(e, e->pop->actor[b->actor].name),
            kt_part_word(kt_actor_kind_word(e->pop->actor[b->actor].kind)),
            kt_doc_number((int64_t)b->failed),
            kt_part_word(a == NULL ? NULL : a->id),
        };
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
}

static enum kt_status write_failed(struct kt_evidence *e, struct kt_error *err)
{
    char number[KT_PART_NUMBER_MAX], share[KT_PART_NUMBER_MAX];
    (void)err;
    kt_doc_para(e->doc, "%s accesses failed (denied, not found, or for another reason): %s of all.",
                kt_part_number(e->pop->all.failed, number),
                kt_part_percent(e->pop->all.failed, e->pop->all.events, share));
    list_fail_days(e);
    list_reasons(e);
    kt_doc_para(e->doc, "A burst is %u or more failures of one actor within one hour of the clock.",
                KT_BURST_MIN);
    list_bursts(e);
    return KT_OK;
}
const struct kt_report_part kt_part_failed = { "failed", "Failed access", write_failed };
