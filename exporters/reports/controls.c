/*
 * controls: reading the matrix, and the one that comes along.
 *
 * Owns:  the cells' bytes.
 * Calls: core/base/csv_read.h; the names of the parts.
 */
#include "exporters/reports/controls.h"

#include "core/base/alloc.h"
#include "core/base/csv_read.h"
#include "exporters/reports/parts.h"

/* The Makefile names controls.csv as a prerequisite of this object. */
__asm__(".section .rodata\n"
        ".global kt_controls_csv\n"
        ".hidden kt_controls_csv\n"
        "kt_controls_csv:\n"
        ".incbin \"exporters/reports/controls.csv\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char kt_controls_csv[];

#define CELL_BYTES 1000u

static const char *const heads[] = {
    "topic", "evidence", "soc2", "iso27001", "pci", "hipaa", "nist"
};
struct kt_controls {
    struct kt_arena text;
    struct kt_control *at;
    unsigned n;
};

struct kt_str kt_controls_default_csv(void)
{
    return kt_str_of(kt_controls_csv);
}

void kt_controls_free(struct kt_controls *c)
{
    if (c == NULL)
        return;
    kt_arena_done(&c->text);
    kt_free(c->at);
    kt_free(c);
}

unsigned kt_controls_count(const struct kt_controls *c)
{
    return c->n;
}

const struct kt_control *kt_controls_at(const struct kt_controls *c, unsigned i)
{
    return &c->at[i];
}

static enum kt_status check_head(const struct kt_csv *csv, struct kt_error *err)
{
    for (unsigned i = 0; i < KT_ARRAY_LEN(heads); i++)
        if (i >= csv->n || !kt_str_is(kt_str_trim(csv->cell[i]), heads[i]))
            return kt_fail(err, KT_E_INPUT,
                           "line %u: cell %u of the head is not '%s' (topic, evidence, soc2, "
                           "iso27001, pci, hipaa, nist)",
                           csv->line, i + 1, heads[i]);
    return KT_OK;
}

static enum kt_status check_evidence(unsigned line, struct kt_str evidence, struct kt_error *err)
{
    struct kt_str name;
    while (evidence.len > 0 && kt_str_split(&evidence, ' ', &name)) {
        struct kt_near near = kt_near_of(name);
        bool known = name.len == 0;
        for (unsigned i = 0; kt_report_all_parts[i] != NULL; i++) {
            known |= kt_str_is(name, kt_report_all_parts[i]->key);
            kt_near_try(&near, kt_report_all_parts[i]->key);
        }
        if (!known)
            return kt_fail(err, KT_E_INPUT,
                           "line %u: no part of a report is called '" KT_STR_FMT "'%s%s%s", line,
                           KT_STR_ARG(kt_utf8_cut(name, 40)),
                           near.name != NULL ? ", did you mean '" : "",
                           near.name != NULL ? near.name : "", near.name != NULL ? "'?" : "");
    }
    return KT_OK;
}

static enum kt_status add_row(struct kt_controls *c, const struct kt_csv *csv, struct kt_error *err)
{
    struct kt_str cell[KT_ARRAY_LEN(heads)];
    if (csv->n != KT_ARRAY_LEN(heads))
        return kt_fail(err, KT_E_INPUT, "line %u: %u cells, not %zu", csv->line, csv->n,
                       KT_ARRAY_LEN(heads));
    if (c->n == KT_CONTROLS_ROWS)
        return kt_fail(err, KT_E_LIMIT, "line %u: more than %u rows", csv->line, KT_CONTROLS_ROWS);
    for (unsigned i = 0; i < KT_ARRAY_LEN(heads); i++) {
        if (csv->cell[i].len > CELL_BYTES)
            return kt_fail(err, KT_E_LIMIT, "line %u: '%s' is longer than %u bytes", csv->line,
                           heads[i], CELL_BYTES);
        cell[i] = kt_str_trim(kt_csv_unguard(csv->cell[i]));
    }
    if (cell[0].len == 0)
        return kt_fail(err, KT_E_INPUT, "line %u: the topic is missing", csv->line);
    for (unsigned i = 0; i < c->n; i++)
        if (kt_str_eq_nocase(c->at[i].topic, cell[0]))
            return kt_fail(err, KT_E_INPUT, "line %u: the topic stands there twice", csv->line);
    if (check_evidence(csv->line, cell[1], err) != KT_OK)
        return KT_E_INPUT;
    struct kt_control *to = &c->at[c->n++];
    to->topic = kt_arena_str(&c->text, cell[0]);
    to->evidence = kt_arena_str(&c->text, cell[1]);
    for (unsigned i = 0; i < KT_FRAMEWORK_COUNT; i++)
        to->in[i] = kt_arena_str(&c->text, cell[2 + i]);
    return KT_OK;
}

enum kt_status kt_controls_read(struct kt_str text, struct kt_controls **ret, struct kt_error *err)
{
    struct kt_csv csv;
    if (text.len > KT_CONTROLS_BYTES)
        return kt_fail(err, KT_E_LIMIT, "the matrix of controls is larger than %u bytes",
                       KT_CONTROLS_BYTES);
    struct kt_controls *c = kt_alloc(sizeof *c);
    *c = (struct kt_controls){ .text = kt_arena_new(2 * KT_CONTROLS_BYTES),
                               .at = kt_alloc_array(KT_CONTROLS_ROWS, sizeof *c->at) };
    kt_csv_open(&csv, text);
    enum kt_status st = kt_csv_next(&csv, err);
    if (st == KT_E_AGAIN)
        st = kt_fail(err, KT_E_INPUT, "it is empty");
    if (st == KT_OK)
        st = check_head(&csv, err);
    while (st == KT_OK && (st = kt_csv_next(&csv, err)) == KT_OK)
        st = add_row(c, &csv, err);
    kt_csv_done(&csv);
    if (st == KT_E_AGAIN && !c->text.full) {
        *ret = c;
        return KT_OK;
    }
    kt_controls_free(c);
    return st == KT_E_AGAIN ? kt_fail(err, KT_E_LIMIT, "the matrix of controls is too large")
                            : kt_wrap(err, "controls");
}
