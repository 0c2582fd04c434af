/*
 * part_change: access reviews, changes of the system, outages with management's response, the
 * matrix of controls, method.
 *
 * Owns:  nothing.
 * Calls: parts, doc.
 */
#include <stdio.h>

#include "core/base/enc.h"
#include "exporters/reports/parts.h"

/* ---- reviews ---- */

static const struct kt_doc_column review_columns[] = {
    { "id", "Review", KT_DOC_TEXT },   { "kind", "Of", KT_DOC_TEXT },
    { "scope", "Scope", KT_DOC_TEXT }, { "signed", "Signed", KT_DOC_TIME },
    { "by", "By", KT_DOC_TEXT },       { "rows", "Rows", KT_DOC_COUNT },
    { "keep", "Keep", KT_DOC_COUNT },  { "remove", "Remove", KT_DOC_COUNT },
    { "from", NULL, KT_DOC_TIME },     { "until", NULL, KT_DOC_TIME },
    { "reason", NULL, KT_DOC_TEXT },   { "digest", NULL, KT_DOC_TEXT },
    { "sheet", NULL, KT_DOC_TEXT },
};

static void review_row(struct kt_evidence *e, const struct kt_review *r)
{
    char digest[65], sheet[65];
    kt_hex(digest, r->digest, 32);
    kt_hex(sheet, r->sheet, 32);
    const struct kt_doc_cell cells[] = {
        kt_doc_text(kt_str_of(r->id)),
        kt_part_word(kt_review_word(r->kind)),
        r->scope[0] == '\0' ? kt_part_word("all") : kt_part_free(e, kt_str_of(r->scope)),
        kt_part_when(r->at),
        kt_part_actor(e, kt_str_of(r->by)),
        kt_doc_number((int64_t)r->rows),
        kt_doc_number((int64_t)r->keep),
        kt_doc_number((int64_t)r->remove),
        kt_part_when(r->since),
        kt_part_when(r->until),
        kt_part_free(e, kt_str_of(r->reason)),
        kt_part_word(digest),
        kt_part_word(sheet),
    };
    kt_part_row(e, cells);
}

/* Was there an interval in the period that had no review? From the period's beginning, or the
 * review before it, to each one and to the end. */
/* false: none was signed. */
static bool say_overdue(struct kt_evidence *e, enum kt_review_kind kind, kt_time_ns every)
{
    kt_time_ns last = e->ask->since, longest = 0;
    kt_time_ns end = e->ask->until < e->ask->now ? e->ask->until : e->ask->now;
    char span[KT_TIME_TEXT_MAX], allowed[KT_TIME_TEXT_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < e->reviews.n; i++) {
        const struct kt_review *r = &e->reviews.at[i];
        if (r->kind != kind || r->at >= e->ask->until)
            continue;
        n += r->at >= e->ask->since;
        longest = r->at > last && r->at - last > longest ? r->at - last : longest;
        last = r->at > last || n == 0 ? r->at : last;
    }
    longest = end - last > longest ? end - last : longest;
    (void)kt_duration_format(every, allowed);
    if (n == 0)
        return false;
    if (longest > every)
        kt_doc_alarm(e->doc,
                     "Reviews of %s: %u were signed, and once none for %s; one is due "
                     "every %s.",
                     kt_review_word(kind), n, kt_duration_format(longest, span), allowed);
    else
        kt_doc_para(e->doc, "Reviews of %s: %u were signed, never more than %s apart.",
                    kt_review_word(kind), n, allowed);
    return true;
}

static enum kt_status write_reviews(struct kt_evidence *e, struct kt_error *err)
{
    const struct kt_part_table t = { .name = "reviews",
                                     .title = "Reviews that were signed in the period",
                                     .columns = review_columns,
                                     .n = KT_ARRAY_LEN(review_columns),
                                     .shown = 60,
                                     .query = "keytrail review list",
                                     .empty = "No review was signed." };
    kt_time_ns every = e->in->review_every > 0 ? e->in->review_every : KT_REVIEW_EVERY;
    (void)err;
    KT_CLEANUP(kt_buf_done) struct kt_buf none = { 0 };
    for (int k = 0; k < KT_REVIEW_COUNT; k++)
        if (!say_overdue(e, (enum kt_review_kind)k, every))
            kt_buf_addf(&none, "%s%s", none.len > 0 ? ", " : "",
                        kt_review_word((enum kt_review_kind)k));
    if (none.len > 0)
        kt_doc_alarm(e->doc, "Of these no review was signed in the period: %s.", kt_buf_z(&none));
    kt_part_table(e, &t);
    for (unsigned i = 0; i < e->reviews.n; i++)
        if (e->reviews.at[i].at >= e->ask->since && e->reviews.at[i].at < e->ask->until)
            review_row(e, &e->reviews.at[i]);
    (void)kt_part_table_end(e);
    return KT_OK;
}
const struct kt_report_part kt_part_reviews = { "reviews", "Access reviews", write_reviews };

/* ---- changes ---- */

static const struct kt_doc_column change_columns[] = {
    { "at", "When", KT_DOC_TIME },
    { "what", "What", KT_DOC_TEXT },
    { "operation", "Change", KT_DOC_TEXT },
    { "about", "About", KT_DOC_TEXT },
    { "by", "By", KT_DOC_TEXT },
    { "text", "Said", KT_DOC_TEXT },
    { "digest", NULL, KT_DOC_TEXT },
    { "kind", NULL, KT_DOC_TEXT },
    { "seq", NULL, KT_DOC_COUNT },
};

static void change_row(struct kt_evidence *e, const struct kt_change *c)
{
    const struct kt_doc_cell cells[] = {
        kt_part_when(c->at),
        kt_part_word(kt_change_word(c->what)),
        kt_doc_text(c->operation),
        kt_part_free(e, c->about),
        kt_part_actor(e, c->by),
        kt_part_free(e, c->text),
        kt_doc_text(c->digest),
        kt_part_word(kt_kind_word(c->kind)),
        kt_doc_number((int64_t)c->seq),
    };
    kt_part_row(e, cells);
}

/* PCI DSS 10.2.1.3: each access to the log. Whoever reads the file itself is not seen by us. */
static void list_views(struct kt_evidence *e)
{
    const struct kt_part_table t = { .name = "views",
                                     .title = "Who looked at the log on the page",
                                     .columns = change_columns,
                                     .n = KT_ARRAY_LEN(change_columns),
                                     .shown = 40,
                                     .query = "keytrail search kind:audit operation:page*",
                                     .empty = "Nobody did." };
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < e->changes->n; i++)
        if (e->changes->at[i].what == KT_CHANGE_VIEW)
            change_row(e, &e->changes->at[i]);
    (void)kt_part_table_end(e);
}

static bool is_change(const struct kt_change *c)
{
    return c->what != KT_CHANGE_FAULT && c->what != KT_CHANGE_RUN && c->what != KT_CHANGE_VIEW;
}

static enum kt_status write_changes(struct kt_evidence *e, struct kt_error *err)
{
    const struct kt_changes *c = e->changes;
    struct kt_doc_bar bars[KT_CHANGE_COUNT];
    const struct kt_part_table t = { .name = "changes",
                                     .title = "Changes and exports",
                                     .columns = change_columns,
                                     .n = KT_ARRAY_LEN(change_columns),
                                     .shown = 80,
                                     .query = "keytrail search "
                                              "kind:audit,config,decision,key,hold,tombstone",
                                     .empty = "Nothing was changed." };
    unsigned n = 0;
    (void)err;
    kt_doc_para(e->doc, "What was done to the collector, its settings, its log and its alerts is a "
                        "record of the log, under the same tree as accesses. A change that no "
                        "person is named for was seen by the collector itself.");
    for (unsigned i = 0; i < KT_CHANGE_COUNT; i++)
        if (c->of[i] > 0)
            bars[n++] =
                (struct kt_doc_bar){ .label = kt_str_of(kt_change_word((enum kt_change_what)i)),
                                     .value = c->of[i] };
    if (n > 0)
        kt_doc_bars(e->doc, "Records by what they are about", "records", bars, n);
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < c->n; i++)
        if (is_change(&c->at[i]))
            change_row(e, &c->at[i]);
    (void)kt_part_table_end(e);
    list_views(e);
    return KT_OK;
}
const struct kt_report_part kt_part_changes = { "changes", "Changes and exports", write_changes };

/* ---- outages ---- */

/* Paragraphs are divided by blank lines. */
static void say_responses(struct kt_evidence *e)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf para = { 0 };
    struct kt_str rest = e->in->responses, line;
    kt_doc_heading(e->doc, "Management's response");
    if (e->in->responses.len == 0) {
        kt_doc_para(e->doc, "None was given.");
        return;
    }
    if (e->in->hide != NULL) {
        kt_doc_para(e->doc, "It is left out here: it may hold names.");
        return;
    }
    while (rest.len > 0 && kt_str_split(&rest, '\n', &line)) {
        line = kt_str_trim(line);
        if (line.len > 0)
            kt_buf_addf(&para, "%s" KT_STR_FMT, para.len > 0 ? " " : "", KT_STR_ARG(line));
        if ((line.len == 0 || rest.len == 0) && para.len > 0) {
            kt_doc_para(e->doc, "%s", kt_buf_z(&para));
            kt_buf_reset(&para);
        }
    }
}

static const struct kt_doc_column outage_columns[] = {
    { "from", "From", KT_DOC_TIME },     { "until", "Until", KT_DOC_TIME },
    { "length", "Length", KT_DOC_SPAN }, { "instance", "Source", KT_DOC_TEXT },
    { "cause", "Cause", KT_DOC_TEXT },   { "missing", "Known to be missing", KT_DOC_COUNT },
};

static enum kt_status write_outages(struct kt_evidence *e, struct kt_error *err)
{
    const struct kt_coverage *c = e->in->coverage;
    const struct kt_part_table outages = { .name = "outages",
                                           .title = "Gaps that were not filled",
                                           .columns = outage_columns,
                                           .n = KT_ARRAY_LEN(outage_columns),
                                           .shown = 80,
                                           .query = "keytrail coverage --gaps",
                                           .empty = "There is none." };
    const struct kt_part_table faults = { .name = "faults",
                                          .title = "Faults, starts and stops",
                                          .columns = change_columns,
                                          .n = KT_ARRAY_LEN(change_columns),
                                          .shown = 60,
                                          .query = "keytrail search kind:audit",
                                          .empty = "There was none." };
    (void)err;
    if (c == NULL)
        kt_doc_alarm(e->doc, "Which gaps there are is not known.");
    kt_part_table(e, &outages);
    for (unsigned i = 0; c != NULL && i < c->n_gaps; i++) {
        const struct kt_coverage_gap *g = &c->gap[i];
        const struct kt_doc_cell cells[] = {
            kt_part_when(g->from),
            kt_part_when(g->until),
            kt_doc_number(g->until - g->from),
            kt_doc_text(g->instance.len > 0 ? g->instance : KT_STR("all")),
            kt_part_word(kt_gap_cause_word(g->cause)),
            g->events > 0 ? kt_doc_number((int64_t)g->events) : kt_doc_none(),
        };
        if (kt_coverage_is_open(g))
            kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
    kt_part_table(e, &faults);
    for (uint32_t i = 0; i < e->changes->n; i++)
        if (e->changes->at[i].what == KT_CHANGE_FAULT || e->changes->at[i].what == KT_CHANGE_RUN)
            change_row(e, &e->changes->at[i]);
    (void)kt_part_table_end(e);
    say_responses(e);
    return KT_OK;
}
const struct kt_report_part kt_part_outages = { "outages", "Outages and exceptions",
                                                write_outages };

/* ---- controls ---- */

static const struct kt_doc_column control_columns[] = {
    { "topic", "Topic", KT_DOC_TEXT },
    { "soc2", "SOC 2", KT_DOC_TEXT },
    { "iso27001", "ISO 27001:2022", KT_DOC_TEXT },
    { "pci", "PCI DSS 4.0.1", KT_DOC_TEXT },
    { "hipaa", "HIPAA", KT_DOC_TEXT },
    { "nist", "NIST 800-53 r5", KT_DOC_TEXT },
    { "evidence", "Sections", KT_DOC_TEXT },
    { "files", NULL, KT_DOC_TEXT },
};

static const struct kt_report_part *part_of(struct kt_str key)
{
    for (unsigned i = 0; kt_report_all_parts[i] != NULL; i++)
        if (kt_str_is(key, kt_report_all_parts[i]->key))
            return kt_report_all_parts[i];
    return NULL;
}

/* "12 Access population, 16 Failed access"; false: a part is not in this report. */
static bool say_sections(const struct kt_evidence *e, struct kt_str evidence,
                         struct kt_buf *sections, struct kt_buf *files)
{
    struct kt_str key;
    bool whole = true;
    while (evidence.len > 0 && kt_str_split(&evidence, ' ', &key)) {
        const struct kt_report_part *part = part_of(key);
        unsigned n = part == NULL ? 0 : kt_part_section(e, part);
        whole &= n > 0 || key.len == 0;
        if (n == 0)
            continue;
        kt_buf_addf(sections, "%s%u %s", sections->len > 0 ? ", " : "", n, part->title);
        kt_buf_addf(files, "%scsv/%02u_*", files->len > 0 ? " " : "", n);
    }
    return whole;
}

static enum kt_status write_controls(struct kt_evidence *e, struct kt_error *err)
{
    const struct kt_part_table t = { .name = "controls",
                                     .title = "Which section is evidence for what",
                                     .columns = control_columns,
                                     .n = KT_ARRAY_LEN(control_columns),
                                     .shown = 200,
                                     .empty = "The matrix is empty." };
    bool whole = true;
    (void)err;
    kt_part_table(e, &t);
    for (unsigned i = 0; i < kt_controls_count(e->in->controls); i++) {
        const struct kt_control *c = kt_controls_at(e->in->controls, i);
        KT_CLEANUP(kt_buf_done) struct kt_buf sections = { 0 }, files = { 0 };
        whole &= say_sections(e, c->evidence, &sections, &files);
        const struct kt_doc_cell cells[] = {
            kt_doc_text(c->topic),
            kt_doc_text(c->in[KT_FRAMEWORK_SOC2]),
            kt_doc_text(c->in[KT_FRAMEWORK_ISO27001]),
            kt_doc_text(c->in[KT_FRAMEWORK_PCI]),
            kt_doc_text(c->in[KT_FRAMEWORK_HIPAA]),
            kt_doc_text(c->in[KT_FRAMEWORK_NIST]),
            kt_doc_text(kt_buf_str(&sections)),
            kt_doc_text(kt_buf_str(&files)),
        };
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
    if (!whole)
        kt_doc_para(e->doc, "Some evidence is in the SOC 2 report alone, which has all sections.");
    kt_doc_para(e->doc, "The assignment to requirements is the entity's reading; it can be edited "
                        "(keytrail report --controls FILE).");
    return KT_OK;
}
const struct kt_report_part kt_part_controls = { "controls", "Control matrix", write_controls };

/* ---- method ---- */

static enum kt_status write_method(struct kt_evidence *e, struct kt_error *err)
{
    static const char *const terms[] = {
        "Access: a record of kind access: one use of one store, whatever its outcome. A value is "
        "read by a successful read, export, issue, or use that names a secret. What AWS KMS does "
        "for Secrets Manager beside such an access is no access of an actor or of a secret.",
        "Failed: outcome denied, failure or not_found. Unknown is none of them.",
        "Actor: the name of the configuration's identities where they have one, else as the source "
        "writes it. People are human and root accounts; machines are service, CI and AI agents.",
        "Period: accesses by event time; those without one by arrival. Alerts by when they were "
        "raised, changes by arrival.",
        "Time to acknowledge: from raised to the first acknowledgement or close by anybody; to "
        "close: from raised to the close that is in force. Median and 95th percentile are by "
        "nearest rank: the smallest value that at least half (95 %) of them do not exceed.",
        "False alarms: alerts closed as false, of all that were closed with a verdict.",
        "New: never seen before the period in what is stored. What retention took before is not "
        "known.",
        "Percentages are cut, not rounded.",
        "Samples (keytrail report sample): the population in the order of its ids; drawn are the n "
        "with the smallest SHA-256 of the seed, a zero byte and the id, so that anybody can draw "
        "them again.",
        "Pseudonyms: HMAC-SHA256 under a key that is not in the package, 64 bits shown.",
    };
    (void)err;
    for (size_t i = 0; i < KT_ARRAY_LEN(terms); i++)
        kt_doc_para(e->doc, "%s", terms[i]);
    return KT_OK;
}
const struct kt_report_part kt_part_method = { "method", "Method and terms", write_method };
