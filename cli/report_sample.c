/*
 * report_sample: `keytrail report sample`: a sample of a population, drawn by an auditor's number.
 *
 * Owns:  the lists of a population while it is drawn from.
 * Calls: core/answer (sample, changes, population, rotation), exporters/reports/alert_register.h,
 *        core/sys/fs.h; stdout, stderr.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/asking.h"
#include "cli/report_cmd.h"
#include "core/answer/changes.h"
#include "core/answer/population.h"
#include "core/answer/rotation.h"
#include "core/answer/sample.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/map.h"
#include "core/event/secret_id.h"
#include "core/sys/fs.h"
#include "exporters/reports/alert_register.h"

#define IDS_BYTES_MAX (1u << 20)
#define METHOD        "smallest SHA-256(seed, 0x00, id), without replacement"

enum stratify { BY_NOTHING, BY_MONTH, BY_SOURCE };
struct sampling {
    struct kt_asking asking;
    const char *control, *population, *seed, *stratify, *ids_file;
    uint64_t n;
    enum stratify by;
    struct kt_sampler *sampler;
    struct kt_map *wanted; /* judgement: ids of --ids; NULL: none */
    bool *found;           /* of them */
    struct kt_alert_register *alerts;
    struct kt_changes *changes;
    struct kt_rotations *rotations;
    uint64_t size;
    uint8_t digest[32];
};

/* ---- populations ---- */

static enum kt_status add(struct sampling *s, struct kt_str id, kt_time_ns at, struct kt_str source,
                          struct kt_error *err)
{
    char month[KT_TIME_TEXT_MAX];
    (void)kt_time_format(at, month);
    month[sizeof "2026-11" - 1] = '\0';
    uint32_t wanted = s->wanted == NULL ? KT_MAP_NONE : kt_map_get(s->wanted, id);
    if (wanted != KT_MAP_NONE)
        s->found[wanted] = true;
    return kt_sampler_add(s->sampler, id,
                          s->by == BY_MONTH    ? kt_str_of(month)
                          : s->by == BY_SOURCE ? source
                                               : KT_STR_NONE,
                          err);
}

static enum kt_status add_number(struct sampling *s, uint64_t seq, kt_time_ns at,
                                 struct kt_str source, struct kt_error *err)
{
    char id[24];
    int n = snprintf(id, sizeof id, "%" PRIu64, seq);
    return add(s, kt_str_from(id, (size_t)n), at, source, err);
}

static enum kt_status take_record(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                  struct kt_error *err)
{
    (void)fact;
    return add_number(self, r->seq, r->ev.time > 0 ? r->ev.time : r->arrival, r->ev.instance, err);
}

/* Heads alone, without a line, unless the source is asked for. */
static enum kt_status events(struct sampling *s, struct kt_error *err)
{
    struct kt_ask *a = &s->asking.ask;
    struct kt_cursor *c = NULL;
    struct kt_record r;
    const struct kt_scan scan = { .records = true,
                                  .since = a->since,
                                  .until = a->until,
                                  .until_seq = a->until_seq,
                                  .detail = KT_DETAIL_HEAD,
                                  .give_up = a->give_up,
                                  .give_up_self = a->give_up_self,
                                  .damage = &a->damage };
    if (s->by == BY_SOURCE)
        return kt_ask_records(a, KT_STR_NONE, take_record, s, err);
    enum kt_status st = kt_cursor_open(a->reader, &scan, &c, err);
    while (st == KT_OK) {
        st = kt_cursor_next(c, &r, err);
        if (kt_scan_passes(&scan, st, err))
            st = KT_OK;
        else if (st == KT_OK && r.ev.kind == KT_KIND_ACCESS)
            st = take_record(s, &r, NULL, err);
    }
    kt_cursor_free(c);
    return st == KT_E_AGAIN ? KT_OK : st;
}

static int by_secret(const void *a, const void *b)
{
    const struct kt_rotation_row *x = a, *y = b;
    return kt_str_cmp(x->secret, y->secret);
}

/* The rows of the report's table: each secret that was rotated in the period, bytewise. */
static enum kt_status rotations(struct sampling *s, struct kt_error *err)
{
    enum kt_status st = kt_rotations_load(&s->asking.ask, KT_STR_NONE, &s->rotations, err);
    if (st == KT_OK && s->rotations->n > 0)
        qsort(s->rotations->row, s->rotations->n, sizeof *s->rotations->row, by_secret);
    for (uint32_t i = 0; st == KT_OK && i < s->rotations->n; i++) {
        const struct kt_rotation_row *row = &s->rotations->row[i];
        if (row->done != 0)
            st = add(s, row->secret, row->done, kt_secret_store(row->secret), err);
    }
    return st;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct kt_registered *)a)->id, ((const struct kt_registered *)b)->id);
}

static enum kt_status alerts(struct sampling *s, struct kt_error *err)
{
    enum kt_status st = kt_alert_register_load(&s->asking.ask, &s->alerts, err);
    if (st != KT_OK)
        return st;
    qsort(s->alerts->at, s->alerts->n, sizeof *s->alerts->at, by_id);
    for (uint32_t i = 0; st == KT_OK && i < s->alerts->n; i++)
        if (!s->alerts->at[i].test)
            st = add(s, kt_str_of(s->alerts->at[i].id), s->alerts->at[i].raised,
                     s->alerts->at[i].detector, err);
    return st;
}

static enum kt_status changes(struct sampling *s, struct kt_error *err)
{
    enum kt_status st = kt_changes_load(&s->asking.ask, &s->changes, err);
    for (uint32_t i = 0; st == KT_OK && i < s->changes->n; i++) {
        const struct kt_change *c = &s->changes->at[i];
        if (c->what != KT_CHANGE_RUN && c->what != KT_CHANGE_FAULT)
            st = add_number(s, c->seq, c->at, kt_str_of(kt_change_word(c->what)), err);
    }
    return st;
}

static int by_name(const void *a, const void *b)
{
    return kt_str_cmp(*(const struct kt_str *)a, *(const struct kt_str *)b);
}

/* Names in bytewise order; they have no month and no source. */
static enum kt_status names(struct sampling *s, bool secrets, struct kt_error *err)
{
    struct kt_population *p = NULL;
    enum kt_status st = kt_population_load(&s->asking.ask, &p, err);
    if (st != KT_OK)
        return st;
    uint32_t n = secrets ? p->n_secrets : p->n_actors;
    struct kt_str *list = kt_alloc_array(n + 1, sizeof *list);
    for (uint32_t i = 0; i < n; i++)
        list[i] = secrets ? p->secret[i].name : p->actor[i].name;
    qsort(list, n, sizeof *list, by_name);
    for (uint32_t i = 0; st == KT_OK && i < n; i++)
        st = add(s, list[i], 0, KT_STR_NONE, err);
    kt_free(list);
    kt_population_free(p);
    return st;
}

static enum kt_status actors(struct sampling *s, struct kt_error *err)
{
    return names(s, false, err);
}

static enum kt_status secrets(struct sampling *s, struct kt_error *err)
{
    return names(s, true, err);
}

static const struct population {
    const char *name;
    bool numbers; /* ids are numbers of records */
    bool flat;    /* has neither months nor sources */
    enum kt_status (*walk)(struct sampling *s, struct kt_error *err);
} populations[] = {
    { "events", true, false, events },        { "alerts", false, false, alerts },
    { "rotations", false, false, rotations }, { "changes", true, false, changes },
    { "actors", false, true, actors },        { "secrets", false, true, secrets },
};
#define POPULATIONS "events, alerts, rotations, changes, actors, secrets"

/* ---- rows ---- */

static const struct kt_column columns[] = {
    { "id", "ID", 60, false },          { "drawn", "DRAWN", 0, false },
    { "stratum", "STRATUM", 0, false }, { "time", "TIME (UTC)", 0, false },
    { "source", "SOURCE", 0, false },   { "who", "WHO", 36, false },
    { "what", "WHAT", 30, false },      { "about", "ABOUT", 50, false },
    { "outcome", "OUTCOME", 0, false }, { "event_id", NULL, 0, false },
    { "rank", NULL, 0, false },
};
struct told {
    kt_time_ns time;
    struct kt_str source, who, what, about, outcome;
    char event_id[KT_ID_TEXT];
};

static void put_row(struct kt_rows *rows, struct kt_str id, const char *drawn,
                    const struct kt_pick *pick, const struct told *t)
{
    char rank[65];
    if (pick != NULL)
        kt_hex(rank, pick->rank, 32);
    const struct kt_cell null = { .type = KT_CELL_NULL };
    const struct kt_cell cells[] = {
        kt_cell_str(id),
        kt_cell_str(kt_str_of(drawn)),
        pick == NULL ? null : kt_cell_str(pick->stratum),
        kt_cell_time(t->time),
        kt_cell_str(t->source),
        kt_cell_str(t->who),
        kt_cell_str(t->what),
        kt_cell_str(t->about),
        kt_cell_str(t->outcome),
        kt_cell_str(kt_str_of(t->event_id)),
        pick == NULL ? null : kt_cell_str(kt_str_of(rank)),
    };
    kt_rows_add(rows, cells);
}

static void tell_event(struct sampling *s, const struct kt_event *ev, kt_time_ns at, struct told *t)
{
    uint8_t id[16];
    kt_event_id(ev, id);
    (void)kt_id_format(id, t->event_id);
    t->time = at;
    t->source = ev->instance;
    t->who = kt_ask_actor(&s->asking.ask, ev->actor, ev->source, ev->instance);
    t->what = kt_str_of(kt_action_word(ev->action));
    t->about = ev->secret;
    t->outcome = kt_str_of(kt_outcome_word(ev->outcome));
}

static void tell_alert(const struct sampling *s, struct kt_str id, struct told *t)
{
    for (uint32_t i = 0; i < s->alerts->n; i++) {
        const struct kt_registered *a = &s->alerts->at[i];
        if (kt_str_is(id, a->id))
            *t = (struct told){ .time = a->raised,
                                .source = a->detector,
                                .who = a->actor,
                                .what = kt_str_of(kt_severity_words[a->severity].word),
                                .about = a->title,
                                .outcome = kt_str_of(kt_registered_word(a->status)) };
    }
}

static void tell_change(const struct sampling *s, uint64_t seq, struct told *t)
{
    for (uint32_t i = 0; i < s->changes->n; i++) {
        const struct kt_change *c = &s->changes->at[i];
        if (c->seq == seq)
            *t = (struct told){ .time = c->at,
                                .source = kt_str_of(kt_change_word(c->what)),
                                .who = c->by,
                                .what = c->operation,
                                .about = c->text };
    }
}

/* Returns the number of its record; 0: its store says so alone. */
static uint64_t tell_rotation(const struct sampling *s, struct kt_str secret, struct told *t)
{
    for (uint32_t i = 0; i < s->rotations->n; i++) {
        const struct kt_rotation_row *row = &s->rotations->row[i];
        if (!kt_str_eq(row->secret, secret))
            continue;
        *t = (struct told){ .time = row->done,
                            .source = KT_STR("inventory"),
                            .what = kt_str_of(kt_action_word(KT_ACT_ROTATE)),
                            .about = row->secret };
        return row->done_seq;
    }
    return 0;
}

/* One id with what is known of it: its record is looked up again. */
static enum kt_status one(struct sampling *s, const struct population *p, struct kt_rows *rows,
                          struct kt_str id, const char *drawn, const struct kt_pick *pick,
                          struct kt_error *err)
{
    struct told t = { 0 };
    struct kt_cursor *c = NULL;
    struct kt_record r;
    uint64_t seq = 0;
    bool number = p->numbers && kt_str_u64(id, &seq);
    if (s->rotations != NULL)
        number = (seq = tell_rotation(s, id, &t)) != 0;
    const struct kt_scan scan = { .records = true, .from_seq = seq, .until_seq = seq };
    enum kt_status st = KT_OK;
    if (s->alerts != NULL)
        tell_alert(s, id, &t);
    if (s->changes != NULL)
        tell_change(s, seq, &t);
    if (number && s->changes == NULL) {
        st = kt_cursor_open(s->asking.ask.reader, &scan, &c, err);
        if (st == KT_OK && (st = kt_cursor_next(c, &r, err)) == KT_OK)
            tell_event(s, &r.ev, r.ev.time > 0 ? r.ev.time : r.arrival, &t);
    }
    if (st == KT_OK)
        put_row(rows, id, drawn, pick, &t);
    kt_cursor_free(c);
    return st;
}

static enum kt_status print(struct sampling *s, const struct population *p, struct kt_error *err)
{
    uint32_t n;
    const struct kt_pick *pick = kt_sampler_draw(s->sampler, &n, &s->size, s->digest);
    struct kt_rows *rows =
        kt_rows_new(s->asking.how, columns, KT_ARRAY_LEN(columns), !s->asking.no_header);
    enum kt_status st = KT_OK;
    for (uint32_t i = 0; st == KT_OK && i < n; i++)
        st = one(s, p, rows, pick[i].id, "sample", &pick[i], err);
    for (uint32_t i = 0; st == KT_OK && s->wanted != NULL && i < kt_map_count(s->wanted); i++) {
        struct kt_str id = kt_map_key(s->wanted, i);
        if (!s->found[i])
            st = kt_fail(err, KT_E_INPUT, "--ids: '" KT_STR_FMT "' is not in the population",
                         KT_STR_ARG(kt_utf8_cut(id, 80)));
        else
            st = one(s, p, rows, id, "judgement", NULL, err);
    }
    kt_rows_end(rows);
    return st;
}

/* ---- the command ---- */

static enum kt_status read_ids(struct sampling *s, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_str rest, line;
    if (s->ids_file == NULL)
        return KT_OK;
    if (kt_fs_read_all(s->ids_file, IDS_BYTES_MAX, &text, err) != KT_OK)
        return kt_wrap(err, "--ids");
    s->wanted = kt_map_new(0);
    rest = kt_buf_str(&text);
    while (rest.len > 0 && kt_str_split(&rest, '\n', &line))
        if ((line = kt_str_trim(line)).len > 0)
            (void)kt_map_put(s->wanted, line, NULL);
    s->found = kt_alloc_array(kt_map_count(s->wanted) + 1, sizeof *s->found);
    return KT_OK;
}

static const struct population *population_of(const char *name, struct kt_error *err)
{
    for (size_t i = 0; name != NULL && i < KT_ARRAY_LEN(populations); i++)
        if (strcmp(populations[i].name, name) == 0)
            return &populations[i];
    (void)!kt_fail(err, KT_E_INPUT, "--population: one of " POPULATIONS);
    return NULL;
}

static enum kt_status check(struct sampling *s, const struct population *p, struct kt_error *err)
{
    if (s->control == NULL || s->control[0] == '\0')
        return kt_fail(err, KT_E_INPUT, "for which control? --control CC7.3");
    if (s->seed == NULL || s->seed[0] == '\0')
        return kt_fail(err, KT_E_INPUT, "--seed: the auditor's own number");
    if (s->n == 0 || s->n > KT_SAMPLE_MAX)
        return kt_fail(err, KT_E_INPUT, "-n: 1 to %u", KT_SAMPLE_MAX);
    if (s->stratify == NULL)
        return KT_OK;
    s->by = strcmp(s->stratify, "month") == 0    ? BY_MONTH
            : strcmp(s->stratify, "source") == 0 ? BY_SOURCE
                                                 : BY_NOTHING;
    if (s->by == BY_NOTHING || p->flat)
        return kt_fail(err, KT_E_INPUT,
                       "--stratify: month or source, and not of actors or secrets");
    return KT_OK;
}

static void say(const struct sampling *s)
{
    char digest[65], since[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    kt_hex(digest, s->digest, 32);
    fprintf(stderr,
            "control     %s\npopulation  %s, %s to %s\nsize        %" PRIu64 "\nsha256      %s\n"
            "seed        %s\nmethod      %s%s%s\n",
            s->control, s->population, kt_time_format(s->asking.ask.since, since),
            kt_time_format(s->asking.ask.until, until), s->size, digest, s->seed, METHOD,
            s->stratify != NULL ? ", in proportion by " : "",
            s->stratify != NULL ? s->stratify : "");
}

static enum kt_status run(struct sampling *s, struct kt_error *err)
{
    struct kt_store_stats stats;
    const struct population *p = population_of(s->population, err);
    if (p == NULL || check(s, p, err) != KT_OK || read_ids(s, err) != KT_OK ||
        kt_asking_open(&s->asking, 0, err) != KT_OK)
        return err->code;
    if (s->asking.ask.since == 0 || s->asking.ask.until == 0)
        return kt_fail(err, KT_E_INPUT, "which period? --from 2025-10-01 --to 2026-09-30");
    if (kt_reader_stats(s->asking.ask.reader, &stats, err) != KT_OK)
        return err->code;
    s->asking.ask.until_seq = stats.records;
    s->sampler = kt_sampler_new(kt_str_of(s->seed), (uint32_t)s->n);
    if (p->walk(s, err) != KT_OK || print(s, p, err) != KT_OK)
        return err->code;
    say(s);
    *err = (struct kt_error){ 0 };
    return KT_OK;
}

int kt_report_sample(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "report sample",
        "--control NAME --population WHAT --from DAY --to DAY -n N --seed S",
        "a sample that anybody can draw again, from " POPULATIONS,
        "keytrail report sample --control CC7.3 --population alerts --from 2025-10-01 --to "
        "2026-09-30 -n 25 --seed 4711 -o csv > sample-CC7.3-4711.csv",
        NULL,
        NULL
    };
    struct sampling s = { .n = 25 };
    const struct kt_flag flags[] = {
        KT_ASKING_FLAGS(s.asking),
        { "--control", 0, KT_FLAG_STRING, "NAME", "what is tested: CC7.3", &s.control, NULL },
        { "--population", 0, KT_FLAG_STRING, "WHAT", POPULATIONS, &s.population, NULL },
        { "--n", 'n', KT_FLAG_UINT, "N", "how many (25)", &s.n, NULL },
        { "--seed", 0, KT_FLAG_STRING, "S", "the auditor's number", &s.seed, NULL },
        { "--stratify", 0, KT_FLAG_STRING, "BY", "month or source: n in proportion", &s.stratify,
          NULL },
        { "--ids", 0, KT_FLAG_STRING, "FILE",
          "ids chosen by judgement, one a line, beside the draw", &s.ids_file, NULL },
        { 0 },
    };
    struct kt_error err = { 0 };
    int n = 0;
    bool done = false;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    if (n > 0) {
        fprintf(stderr, "keytrail report sample: unexpected '%s'\n", argv[1]);
        return KT_EXIT_USAGE;
    }
    (void)!run(&s, &err);
    kt_sampler_free(s.sampler);
    kt_alert_register_free(s.alerts);
    kt_changes_free(s.changes);
    kt_rotations_free(s.rotations);
    kt_map_free(s.wanted);
    kt_free(s.found);
    return kt_asking_end(&s.asking, "report sample", &err);
}
