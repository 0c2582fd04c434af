/*
 * part_front: the cover, the summary for management, scope and the data's way: what a reader sees
 * who reads no further.
 *
 * Owns:  nothing.
 * Calls: parts, doc.
 */
#include <stdio.h>

#include "core/event/json.h"
#include "exporters/reports/parts.h"

/* ---- cover ---- */

/* What is not whole about the report, each as one red sentence. */
static void alarm_period(struct kt_evidence *e)
{
    const struct kt_population *p = e->pop;
    char when[KT_TIME_TEXT_MAX];
    if (e->ask->until > e->ask->now)
        kt_doc_alarm(e->doc,
                     "The period is not over: the report was made on %s UTC, and nothing after it "
                     "can be in it.",
                     kt_time_format_short(e->ask->now, when));
    if (p->all.events == 0)
        kt_doc_alarm(e->doc, "No access is stored for the period.");
    else if (p->all.ever > e->ask->since + KT_NS_DAY)
        kt_doc_alarm(e->doc,
                     "The first stored access is of %s UTC: nothing is known of the part of the "
                     "period before it.",
                     kt_time_format_short(p->all.ever, when));
}

static void alarm_sources(struct kt_evidence *e)
{
    char when[KT_TIME_TEXT_MAX];
    for (uint32_t i = 0; i < e->pop->n_sources; i++) {
        const struct kt_pop_source *s = &e->pop->source[i];
        if (s->t.ever > e->ask->since + KT_NS_DAY)
            kt_doc_alarm(e->doc,
                         "Source " KT_STR_FMT
                         " has no record before %s UTC: it covers a part of the period.",
                         KT_STR_ARG(s->instance), kt_time_format_short(s->t.ever, when));
    }
    const struct kt_coverage *c = e->in->coverage;
    for (unsigned i = 0; c != NULL && i < c->n_sources; i++) {
        bool seen = false;
        for (uint32_t k = 0; k < e->pop->n_sources; k++)
            seen |= kt_str_eq(e->pop->source[k].instance, c->source[i].instance);
        if (!seen)
            kt_doc_alarm(e->doc,
                         "Source " KT_STR_FMT " is watched and has not one access in the period.",
                         KT_STR_ARG(c->source[i].instance));
    }
}

static void alarm_damage(struct kt_evidence *e)
{
    char many[KT_PART_NUMBER_MAX + 32];
    unsigned places = e->ask->damage.places + e->alerts->damage.places + e->reviews.damage.places +
                      e->decisions.damage.places + e->holds.damage.places;
    if (places > 0)
        kt_doc_alarm(e->doc,
                     "%s of the store could not be read: the figures leave out what stood there "
                     "(%s).",
                     kt_part_many(places, "damaged place", "damaged places", many),
                     e->ask->damage.places > 0 ? e->ask->damage.first.text : "records of people");
    if (e->stats.damaged_files > 0)
        kt_doc_alarm(e->doc,
                     "The log goes over %s that was given up: see the section on "
                     "outages.",
                     kt_part_many(e->stats.damaged_files, "damaged file", "damaged files", many));
}

/* "verified, witnessed to record 48,168": the words of `keytrail verify`. */
static const char *integrity(const struct kt_report_proof *p, char buf[96])
{
    char number[KT_PART_NUMBER_MAX];
    uint64_t to = p == NULL || p->failed ? 0 : p->witnessed > 0 ? p->witnessed : p->cosigned;
    if (p == NULL)
        return "not verified";
    if (p->failed)
        return p->word;
    (void)snprintf(buf, 96, "%sverified, %s%s%s", p->verified_at == 0 ? "not " : "", p->word,
                   to > 0 ? " to record " : "", to > 0 ? kt_part_number(to, number) : "");
    return buf;
}

static enum kt_status write_cover(struct kt_evidence *e, struct kt_error *err)
{
    const struct kt_report_proof *p = e->in->proof;
    char share[KT_PART_NUMBER_MAX], many[KT_PART_NUMBER_MAX + 32], said[96];
    (void)err;
    alarm_period(e);
    alarm_sources(e);
    alarm_damage(e);
    kt_doc_para(e->doc,
                "Organisation: " KT_STR_FMT ". System: keytrail%s" KT_STR_FMT
                ". Period: %s to %s UTC, the end not included. All times are UTC.",
                KT_STR_ARG(e->in->organisation), e->in->system.len > 0 ? ", deployment " : "",
                KT_STR_ARG(e->in->system), e->from, e->to);
    kt_doc_figure(e->doc, "Coverage", kt_part_covered(e, share), NULL);
    kt_doc_figure(e->doc, "Integrity", integrity(p, said), NULL);
    kt_doc_figure(e->doc, "Gaps not filled",
                  !kt_part_is_covered(e) &&
                          (e->in->coverage == NULL || kt_coverage_open(e->in->coverage) == 0)
                      ? "not known"
                      : kt_part_number(kt_coverage_open(e->in->coverage), many),
                  NULL);
    if (e->in->hide != NULL)
        kt_doc_para(e->doc, "Names of actors, addresses and secrets are pseudonyms: keyed hashes, "
                            "the same name everywhere in this package the same. Texts that people "
                            "wrote are left out. Counts are those of the clear report.");
    return KT_OK;
}
const struct kt_report_part kt_part_cover = { "cover", "Cover", write_cover };

/* ---- summary ---- */

static const char *span(kt_time_ns t, char buf[KT_TIME_TEXT_MAX])
{
    if (t < 0)
        (void)snprintf(buf, KT_TIME_TEXT_MAX, "none");
    else
        (void)kt_duration_format(t, buf);
    return buf;
}

static void figure(struct kt_evidence *e, const char *label, uint64_t now, uint64_t before,
                   bool known)
{
    char a[KT_PART_NUMBER_MAX], b[KT_PART_NUMBER_MAX];
    kt_doc_figure(e->doc, label, kt_part_number(now, a), known ? kt_part_number(before, b) : NULL);
}

static enum kt_status write_summary(struct kt_evidence *e, struct kt_error *err)
{
    const struct kt_population *p = e->pop;
    const struct kt_alert_sums *s = &e->alerts->sums, *b = &e->alerts->before;
    char now[KT_TIME_TEXT_MAX], then[KT_TIME_TEXT_MAX], when[KT_TIME_TEXT_MAX];
    bool known = p->before_whole;
    (void)err;
    figure(e, "Accesses", p->all.events, p->all.before, known);
    figure(e, "Secrets accessed", p->n_secrets, p->secrets_before, known);
    figure(e, "Actors", p->n_actors, p->actors_before, known);
    figure(e, "Alerts", s->raised, b->raised, known);
    kt_doc_figure(e->doc, "Median time to acknowledge", span(s->ack_median, now),
                  known ? span(b->ack_median, then) : NULL);
    if (e->in->coverage == NULL || (!kt_part_is_covered(e) && e->in->coverage->n_gaps == 0))
        kt_doc_figure(e->doc, "Gaps in the log", "not known", NULL);
    else
        figure(e, "Gaps in the log", e->in->coverage->n_gaps, 0, false);
    if (known)
        kt_doc_para(e->doc,
                    "Beside each figure stands that of the period before, of the same "
                    "length, from %s UTC on; gaps are told of this period alone.",
                    kt_time_format_short(p->before, when));
    else
        kt_doc_para(e->doc,
                    "Records do not reach back over the whole period before (from %s UTC "
                    "on), so there is nothing to compare with.",
                    kt_time_format_short(p->before, when));
    kt_doc_heading(e->doc, "Findings");
    kt_findings_write(e);
    return KT_OK;
}
const struct kt_report_part kt_part_summary = { "summary", "Summary for management",
                                                write_summary };

/* ---- scope ---- */

static const struct kt_doc_column source_columns[] = {
    { "source", "Kind", KT_DOC_TEXT },      { "instance", "Source", KT_DOC_TEXT },
    { "agent", "Agent", KT_DOC_TEXT },      { "first", "First access", KT_DOC_TIME },
    { "last", "Last access", KT_DOC_TIME }, { "accesses", "Accesses", KT_DOC_COUNT },
    { "failed", "Failed", KT_DOC_COUNT },   { "first_stored", NULL, KT_DOC_TIME },
};

static struct kt_str agent_of(const struct kt_evidence *e, struct kt_str instance)
{
    for (uint32_t i = 0; i < e->told->n_sources; i++)
        if (kt_str_eq(e->told->source[i].instance, instance))
            return e->told->source[i].agent;
    return KT_STR_NONE;
}

static void list_sources(struct kt_evidence *e)
{
    const struct kt_part_table t = { .name = "sources",
                                     .title = "Sources of the period",
                                     .columns = source_columns,
                                     .n = KT_ARRAY_LEN(source_columns),
                                     .shown = 100,
                                     .query = "keytrail search --by source,instance",
                                     .empty = "No source has an access in the period." };
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < e->pop->n_sources; i++) {
        const struct kt_pop_source *s = &e->pop->source[i];
        const struct kt_doc_cell cells[] = { kt_doc_text(s->source),
                                             kt_doc_text(s->instance),
                                             kt_doc_text(agent_of(e, s->instance)),
                                             kt_part_when(s->t.first),
                                             kt_part_when(s->t.last),
                                             kt_doc_number((int64_t)s->t.events),
                                             kt_doc_number((int64_t)s->t.failed),
                                             kt_part_when(s->t.ever) };
        if (s->t.events > 0)
            kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
}

static const struct kt_doc_column blind_columns[] = {
    { "instance", "Source", KT_DOC_TEXT },
    { "limit", "What it does not show", KT_DOC_TEXT },
};

static void list_blind(struct kt_evidence *e)
{
    const struct kt_coverage *c = e->in->coverage;
    const struct kt_part_table t = { .name = "not_covered",
                                     .title = "What is not covered",
                                     .columns = blind_columns,
                                     .n = KT_ARRAY_LEN(blind_columns),
                                     .shown = 100,
                                     .empty = "No agent reports a limit of its source." };
    if (c == NULL)
        kt_doc_alarm(e->doc, "What the sources cannot show is not known.");
    kt_part_table(e, &t);
    for (unsigned i = 0; c != NULL && i < c->n_sources; i++)
        for (unsigned k = 0; k < c->source[i].n_blind; k++) {
            const struct kt_doc_cell cells[] = { kt_doc_text(c->source[i].instance),
                                                 kt_doc_text(c->source[i].blind[k]) };
            kt_part_row(e, cells);
        }
    (void)kt_part_table_end(e);
}

static enum kt_status write_scope(struct kt_evidence *e, struct kt_error *err)
{
    (void)err;
    kt_doc_para(e->doc, "In scope are the stores of secrets whose audit logs reach this log. A "
                        "store, an account or a region without a source is not in scope and leaves "
                        "no trace here.");
    list_sources(e);
    list_blind(e);
    return KT_OK;
}
const struct kt_report_part kt_part_scope = { "scope", "Scope and boundaries", write_scope };

/* ---- flow ---- */

static enum kt_status write_flow(struct kt_evidence *e, struct kt_error *err)
{
    static const char *const steps[] = {
        "1. The store of secrets writes its audit log. keytrail never stands in the way of it.",
        "2. An agent beside the log reads each record, takes out what may be the value of a "
        "secret, writes one canonical line, and keeps it on its own disk.",
        "3. The agent signs the lines in batches, numbers the batches, and sends them over an "
        "encrypted, mutually authenticated connection.",
        "4. The collector refuses a batch whose number leaves a hole, whose signature is wrong or "
        "whose lines would still hold a value, and says so in the log.",
        "5. A batch is acknowledged when it is synced to disk. Until then the agent keeps it and "
        "sends it again; a record that comes twice is stored once.",
        "6. Each record is a leaf of one Merkle tree (RFC 6962). Signed checkpoints of the tree go "
        "to the agents and to places outside, so that a change of what is stored contradicts "
        "them.",
        "7. Agents report once a minute, with their own counts. Silence, gaps and late records are "
        "found from these reports and are in the section on coverage.",
    };
    (void)err;
    for (size_t i = 0; i < KT_ARRAY_LEN(steps); i++)
        kt_doc_para(e->doc, "%s", steps[i]);
    return KT_OK;
}
const struct kt_report_part kt_part_flow = { "flow", "How records come here, and stay whole",
                                             write_flow };
