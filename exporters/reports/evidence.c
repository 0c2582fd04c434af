/*
 * evidence: asking every question once, and writing the parts of a report in their order.
 *
 * Owns:  the answers while a report is written.
 * Calls: core/answer, core/query, doc. No clock, no I/O of its own.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "exporters/reports/parts.h"

#define CELLS_BYTES (512u << 10) /* texts of one row */

/* ---- asking ---- */

static void done(struct kt_evidence *e)
{
    kt_population_free(e->pop);
    kt_alert_register_free(e->alerts);
    kt_changes_free(e->changes);
    kt_inventory_free(e->inventory);
    kt_told_free(e->told);
    kt_reviews_done(&e->reviews);
    kt_decisions_done(&e->decisions);
    kt_holds_done(&e->holds);
    kt_arena_done(&e->cells);
    kt_buf_done(&e->file);
    kt_buf_done(&e->query);
}

/* The inventory is that at the end of the period: what the log says up to it. */
static enum kt_status ask_inventory(struct kt_evidence *e, struct kt_error *err)
{
    kt_time_ns since = e->ask->since;
    e->ask->since = 0;
    enum kt_status st =
        kt_inventory_load(e->ask, KT_STR_NONE, KT_INVENTORY_ALL, &e->inventory, err);
    e->ask->since = since;
    return st;
}

static enum kt_status ask_all(struct kt_evidence *e, struct kt_error *err)
{
    struct kt_reader *r = e->ask->reader;
    enum kt_status st = kt_reader_stats(r, &e->stats, err);
    if (st == KT_OK)
        st = kt_population_load(e->ask, &e->pop, err);
    if (st == KT_OK)
        st = kt_alert_register_load(e->ask, &e->alerts, err);
    if (st == KT_OK)
        st = kt_changes_load(e->ask, &e->changes, err);
    if (st == KT_OK)
        st = ask_inventory(e, err);
    if (st == KT_OK)
        st = kt_told_load(e->ask, &e->told, err);
    if (st == KT_OK)
        st = kt_reviews_load(r, &e->reviews, err);
    if (st == KT_OK)
        st = kt_decisions_load(r, &e->decisions, err);
    return st == KT_OK ? kt_holds_load(r, &e->holds, err) : st;
}

/* RFC 3339, as short as it is exact. */
static const char *exact(kt_time_ns t, char buf[KT_TIME_TEXT_MAX])
{
    (void)kt_time_format(t, buf);
    if (t % KT_NS_S == 0)
        memcpy(buf + sizeof "2026-11-22T20:00:00" - 1, "Z", 2);
    return buf;
}

enum kt_status kt_report_write(const struct kt_report *r, const struct kt_report_in *in,
                               struct kt_doc *d, struct kt_error *err)
{
    struct kt_evidence e = { .report = r, .in = in, .ask = in->ask, .doc = d };
    char since[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    e.cells = kt_arena_new(CELLS_BYTES);
    (void)snprintf(e.window, sizeof e.window, "--since %s --until %s", exact(in->ask->since, since),
                   exact(in->ask->until, until));
    (void)kt_time_format_short(in->ask->since, e.from);
    (void)kt_time_format_short(in->ask->until, e.to);
    enum kt_status st = ask_all(&e, err);
    for (unsigned i = 0; st == KT_OK && r->parts[i] != NULL; i++) {
        e.section = i + 1;
        kt_doc_section(d, e.section, r->parts[i]->title);
        st = r->parts[i]->write(&e, err);
    }
    done(&e);
    return st == KT_OK ? KT_OK : kt_wrap(err, "report %s", r->name);
}

unsigned kt_part_section(const struct kt_evidence *e, const struct kt_report_part *part)
{
    for (unsigned i = 0; e->report->parts[i] != NULL; i++)
        if (e->report->parts[i] == part)
            return i + 1;
    return 0;
}

/* ---- tables ---- */

void kt_part_table(struct kt_evidence *e, const struct kt_part_table *t)
{
    kt_buf_reset(&e->file);
    kt_buf_reset(&e->query);
    kt_buf_addf(&e->file, "csv/%02u_%s.csv", e->section, t->name);
    if (t->query != NULL) {
        struct kt_str asked = kt_str_of(t->query);
        bool windowed = kt_str_starts(asked, KT_STR("keytrail search")) ||
                        kt_str_starts(asked, KT_STR("keytrail rotation")) ||
                        kt_str_starts(asked, KT_STR("keytrail coverage"));
        kt_buf_addf(&e->query, "%s%s%s", t->query, windowed ? " " : "", windowed ? e->window : "");
    }
    e->table = (struct kt_doc_table){ .file = kt_buf_z(&e->file),
                                      .title = t->title,
                                      .columns = t->columns,
                                      .n = t->n,
                                      .shown = t->shown,
                                      .query = t->query == NULL ? NULL : kt_buf_z(&e->query),
                                      .empty = t->empty };
    kt_doc_table(e->doc, &e->table);
}

void kt_part_row(struct kt_evidence *e, const struct kt_doc_cell *cells)
{
    kt_doc_row(e->doc, cells);
    kt_arena_reset(&e->cells);
}

uint64_t kt_part_table_end(struct kt_evidence *e)
{
    return kt_doc_table_end(e->doc);
}

/* ---- cells ---- */

/* What does not fit into a row's arena is longer than any name that a line may hold. */
static struct kt_str kept(struct kt_evidence *e, struct kt_buf *text)
{
    struct kt_str s = kt_arena_str(&e->cells, kt_buf_str(text));
    kt_buf_done(text);
    return s;
}

struct kt_str kt_part_name(struct kt_evidence *e, struct kt_str actor)
{
    struct kt_buf text = { 0 };
    if (e->in->hide == NULL)
        return actor;
    kt_pseudonym_actor(e->in->hide, actor, &text);
    return kept(e, &text);
}

struct kt_doc_cell kt_part_actor(struct kt_evidence *e, struct kt_str actor)
{
    return kt_doc_text(kt_part_name(e, actor));
}

struct kt_doc_cell kt_part_secret(struct kt_evidence *e, struct kt_str secret)
{
    struct kt_buf text = { 0 };
    kt_pseudonym_secret(e->in->hide, secret, &text);
    return kt_doc_text(kept(e, &text));
}

struct kt_doc_cell kt_part_ip(struct kt_evidence *e, struct kt_ip ip)
{
    struct kt_buf text = { 0 };
    kt_pseudonym_ip(e->in->hide, ip, &text);
    return kt_doc_text(kept(e, &text));
}

struct kt_doc_cell kt_part_free(struct kt_evidence *e, struct kt_str s)
{
    struct kt_buf text = { 0 };
    kt_pseudonym_text(e->in->hide, s, &text);
    return kt_doc_text(kept(e, &text));
}

struct kt_doc_cell kt_part_word(const char *word)
{
    return kt_doc_text(kt_str_of(word));
}

struct kt_doc_cell kt_part_when(kt_time_ns t)
{
    return t == 0 ? kt_doc_none() : kt_doc_number(t);
}

struct kt_doc_cell kt_part_share(uint64_t part, uint64_t of)
{
    return of == 0 ? kt_doc_none()
                   : kt_doc_number((int64_t)((double)part / (double)of * 1000000.0));
}

/* ---- words ---- */

const char *kt_part_number(uint64_t n, char buf[KT_PART_NUMBER_MAX])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    char *to = buf;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return buf;
}

const char *kt_part_percent(uint64_t part, uint64_t of, char buf[KT_PART_NUMBER_MAX])
{
    /* Cut, not rounded: 99.96 % is not 100 %. */
    uint64_t tenths = of == 0 ? 0 : (uint64_t)((double)part / (double)of * 1000.0);
    if (part > 0 && tenths == 0)
        (void)snprintf(buf, KT_PART_NUMBER_MAX, "less than 0.1 %%");
    else
        (void)snprintf(buf, KT_PART_NUMBER_MAX, "%llu.%llu %%", (unsigned long long)(tenths / 10),
                       (unsigned long long)(tenths % 10));
    return buf;
}

bool kt_part_is_covered(const struct kt_evidence *e)
{
    return e->in->coverage != NULL && e->in->coverage->share >= 0;
}

const char *kt_part_covered(const struct kt_evidence *e, char buf[KT_PART_NUMBER_MAX])
{
    if (!kt_part_is_covered(e))
        return "not known";
    return kt_part_percent((uint64_t)(e->in->coverage->share * 1e6), 1000000, buf);
}

const char *kt_part_many(uint64_t n, const char *one, const char *more,
                         char buf[KT_PART_NUMBER_MAX + 32])
{
    char number[KT_PART_NUMBER_MAX];
    (void)snprintf(buf, KT_PART_NUMBER_MAX + 32, "%s %s", kt_part_number(n, number),
                   n == 1 ? one : more);
    return buf;
}

bool kt_part_is_machine(enum kt_actor_kind kind)
{
    return kind == KT_ACTOR_SERVICE || kind == KT_ACTOR_CI || kind == KT_ACTOR_AI_AGENT;
}
