/*
 * leaver: `keytrail leaver ACTOR --left DATE`, or of a whole list out of the personnel system:
 * what was done with what was theirs after they left, and what they had read that is still good.
 * Without --left: the last day that the identities say.
 *
 * Owns:  nothing.
 * Calls: core/answer (leaver, sheet), cli/asking; stdout, stderr.
 */
#include <stdio.h>
#include <string.h>

#include "cli/asking.h"
#include "cli/commands.h"
#include "core/answer/leaver.h"
#include "core/answer/sheet.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include "core/sys/fs.h"
#include "detectors/detector.h"

#define FILE_MAX   (4u << 20)
#define PEOPLE_MAX 10000u

struct leavers {
    struct kt_asking asking;
    const char *left, *file;
    struct kt_rows *rows;
    unsigned people, with_access;
};

static const struct kt_column columns[] = {
    { "person", "PERSON", 30, false },  { "left", "LEFT", 0, false },
    { "finding", "FINDING", 0, false }, { "time", "TIME", 0, false },
    { "what", "WHAT", 60, false },      { "state", "STATE", 0, false },
    { "action", "ACTION", 0, false },   { "outcome", NULL, 0, false },
    { "operation", NULL, 0, false },    { "count", "COUNT", 0, true },
    { "actor", NULL, 0, false },        { "ip", "ADDRESS", 0, false },
    { "credential", NULL, 0, false },   { "instance", NULL, 0, false },
    { "id", NULL, 0, false },
};

struct row {
    const char *finding, *state;
    kt_time_ns time;
    struct kt_str what, actor, ip, credential, instance, operation;
    const char *action, *outcome, *id;
    uint64_t count;
};

static void add(struct leavers *l, struct kt_str person, kt_time_ns left, const struct row *r)
{
    const struct kt_cell cells[] = {
        kt_cell_str(person),
        kt_asking_cell(&l->asking, left),
        kt_cell_str(kt_str_of(r->finding)),
        kt_asking_cell(&l->asking, r->time),
        kt_cell_str(r->what),
        kt_cell_str(kt_str_of(r->state)),
        kt_cell_str(kt_str_of(r->action)),
        kt_cell_str(kt_str_of(r->outcome)),
        kt_cell_str(r->operation),
        kt_cell_int((int64_t)r->count),
        kt_cell_str(r->actor),
        kt_cell_str(r->ip),
        kt_cell_str(r->credential),
        kt_cell_str(r->instance),
        kt_cell_str(kt_str_of(r->id)),
    };
    kt_rows_add(l->rows, cells);
}

static void add_findings(struct leavers *l, struct kt_str person, const struct kt_leaver *f)
{
    char id[KT_ID_TEXT];
    for (uint32_t i = 0; i < f->n_accesses; i++) {
        const struct kt_leaver_access *x = &f->access[i];
        const struct row r = { .finding = x->by_key ? "credential used" : "access",
                               .state = kt_outcome_word(x->outcome),
                               .time = x->time,
                               .what = x->target.len > 0 ? x->target : x->operation,
                               .action = kt_action_word(x->action),
                               .outcome = kt_outcome_word(x->outcome),
                               .operation = x->operation,
                               .count = 1,
                               .actor = x->actor,
                               .ip = x->ip,
                               .credential = x->credential,
                               .instance = x->instance,
                               .id = kt_id_format(x->id, id) };
        add(l, person, f->left, &r);
    }
    for (uint32_t i = 0; i < f->key.n; i++)
        add(l, person, f->left,
            &(struct row){ .finding = "still in use",
                           .state = "live",
                           .time = f->key.at[i].last,
                           .what = f->key.at[i].what,
                           .count = f->key.at[i].n });
    for (uint32_t i = 0; i < f->before->open; i++) {
        const struct kt_secret_state *st = f->before->secret[i].state;
        add(l, person, f->left,
            &(struct row){ .finding = "not rotated",
                           .state = kt_exposure_word(st->exposure),
                           .time = st->last,
                           .what = st->secret,
                           .count = st->reads });
    }
}

/* What may have gone on under another name, and nobody looked: in every form of the answer. */
static void add_not_followed(struct leavers *l, struct kt_str person, const struct kt_leaver *f)
{
    const struct {
        const char *what;
        uint64_t n;
    } left[] = {
        { "credentials they used before, beyond the most used", f->keys_left },
        { "sessions they opened before", f->before->hops_left },
        { "records before whose credentials were not read", f->before->unkeyed },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(left); i++)
        if (left[i].n > 0)
            add(l, person, f->left,
                &(struct row){ .finding = "not followed",
                               .state = "unknown",
                               .what = kt_str_of(left[i].what),
                               .count = left[i].n });
}

static void say(const struct leavers *l, struct kt_str person, const struct kt_credential *of,
                const struct kt_leaver *f)
{
    char at[KT_TIME_TEXT_MAX];
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, safe = { 0 };
    bool same = kt_str_eq(person, kt_buf_str(&of->name));
    kt_buf_addf(&text, KT_STR_FMT " (" KT_STR_FMT "%staken for " KT_STR_FMT "), left %s %s: ",
                KT_STR_ARG(person), KT_STR_ARG(same ? KT_STR_NONE : kt_buf_str(&of->name)),
                same ? "" : ", ", KT_STR_ARG(kt_buf_str(&of->why)),
                kt_asking_when(&l->asking, f->left, at), kt_asking_zone(&l->asking));
    kt_buf_addf(&text,
                "%llu access%s since then, %llu of them succeeded; %u credential%s still in use; "
                "%u of %u secrets that they read since 90 days before are not rotated",
                (unsigned long long)(f->n_accesses + f->more),
                f->n_accesses + f->more == 1 ? "" : "es", (unsigned long long)f->succeeded,
                f->key.n, f->key.n == 1 ? "" : "s", f->before->open, f->before->n_secrets);
    if (f->more > 0)
        kt_buf_addf(&text, "; %llu accesses are not listed", (unsigned long long)f->more);
    if (f->keys_left > 0 || f->before->hops_left > 0 || f->before->unkeyed > 0)
        kt_buf_addz(&text, "; NOT ALL OF THEIR KEYS WERE FOLLOWED: see 'not followed'");
    kt_tty_add(&safe, kt_buf_str(&text));
    if (!l->asking.quiet)
        fprintf(stderr, "%s\n", kt_buf_z(&safe));
}

static int is_production(void *self, struct kt_str secret)
{
    return kt_production(self, secret);
}

static enum kt_status one(struct leavers *l, struct kt_str person, kt_time_ns left,
                          struct kt_error *err)
{
    struct kt_credential of = { 0 };
    struct kt_leaver *f = NULL;
    struct kt_asking *a = &l->asking;
    const struct kt_blast_options options = { .production = a->conf != NULL ? is_production : NULL,
                                              .production_self = a->conf };
    enum kt_status status = kt_credential_find(&a->ask, person, NULL, &of, err);
    if (status == KT_OK)
        status = kt_leaver_load(&a->ask, &of, left, &options, &f, err);
    if (status == KT_OK) {
        l->people++;
        l->with_access += f->succeeded > 0;
        say(l, person, &of, f);
        add_findings(l, person, f);
        add_not_followed(l, person, f);
    }
    kt_leaver_free(f);
    kt_credential_done(&of);
    return status;
}

static enum kt_status all_of(struct leavers *l, const struct kt_sheet_leaver *who, uint32_t n,
                             struct kt_error *err)
{
    if (n > PEOPLE_MAX)
        return kt_fail(err, KT_E_LIMIT, "more than %u people: divide the file", PEOPLE_MAX);
    for (uint32_t i = 0; i < n; i++)
        if (one(l, who[i].name, who[i].left, err) != KT_OK)
            return kt_wrap(err, "line %u", who[i].line);
    return KT_OK;
}

static enum kt_status of_file(struct leavers *l, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    KT_CLEANUP(kt_arena_done) struct kt_arena names = { 0 };
    struct kt_sheet_leaver *who = NULL;
    uint32_t n = 0;
    enum kt_status status = kt_fs_read_all(l->file, FILE_MAX, &text, err);
    if (status != KT_OK)
        return kt_wrap(err, "--file %s", l->file);
    names = kt_arena_new(17 * text.len + 4096);
    status = kt_sheet_leavers(&l->asking.ask, kt_buf_str(&text), &names, &who, &n, err);
    if (status == KT_OK)
        status = all_of(l, who, n, err);
    kt_free(who);
    if (status != KT_OK)
        return kt_wrap(err, "%s", l->file);
    if (!l->asking.quiet)
        fprintf(stderr, "%u people, %u of them with accesses that succeeded after they left\n",
                l->people, l->with_access);
    return KT_OK;
}

static enum kt_status by_name(struct leavers *l, const char *person, struct kt_error *err)
{
    const struct kt_asking *a = &l->asking;
    kt_time_ns left;
    if (l->left == NULL) {
        const struct kt_identity *who = kt_credential_identity(&a->ask, kt_str_of(person));
        if (who != NULL && who->left != 0)
            return one(l, kt_str_of(person), who->left, err);
        return kt_fail(err, KT_E_INPUT,
                       "identities say no last day (left) of '%.100s': give --left DATE", person);
    }
    if (kt_time_expr(kt_str_of(l->left), a->ask.now, a->zone_offset_s, true, &left, err) != KT_OK)
        return kt_wrap(err, "left");
    return one(l, kt_str_of(person), left, err);
}

static enum kt_status run(struct leavers *l, const char *person, struct kt_error *err)
{
    enum kt_status status = kt_asking_open(&l->asking, 0, err);
    if (status != KT_OK)
        return status;
    l->rows = kt_rows_new(l->asking.how, columns, KT_ARRAY_LEN(columns), !l->asking.no_header);
    status = person != NULL ? by_name(l, person, err) : of_file(l, err);
    kt_rows_end(l->rows);
    return status;
}

int kt_cmd_leaver(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "leaver",
        "PERSON [--left DATE] [options]",
        "what was done with what was theirs after they left, and what they had read",
        "keytrail leaver alice@example.com --left 2026-10-31",
        NULL,
        NULL
    };
    struct leavers l = { 0 };
    const struct kt_flag flags[] = {
        { "--left", 0, KT_FLAG_STRING, "DATE",
          "their last day, or moment (default: `left` of identities)", &l.left, NULL },
        { "--file", 0, KT_FLAG_STRING, "CSV", "many: name, date of leaving; a head may be there",
          &l.file, NULL },
        KT_ASKING_FLAGS(l.asking),
        { 0 },
    };
    struct kt_error err = { 0 };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    bool named = n == 1 && l.file == NULL;
    if (!named && !(n == 0 && l.file != NULL && l.left == NULL)) {
        fprintf(stderr, "keytrail leaver: give one person, or --file CSV\n");
        return KT_EXIT_USAGE;
    }
    (void)!run(&l, named ? argv[1] : NULL, &err);
    return kt_asking_end(&l.asking, "leaver", &err);
}
