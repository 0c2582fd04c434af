/*
 * blast: `keytrail blast CREDENTIAL`: what was read with it, what of that is still good, in the
 * order to rotate, and who will break.
 *
 * Owns:  nothing.
 * Calls: core/answer/blast, cli/asking, detectors (kt_production); stdout, stderr.
 */
#include "cli/blast.h"

#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include "dashboards/api/blast.h"
#include "detectors/detector.h"

#define ENTRIES 5u /* of a list, for people */

/* ---- rows ---- */

static const struct kt_column columns[] = {
    { "order", "#", 0, true },
    { "secret", "SECRET", 64, false },
    { "state", "STATE", 0, false },
    { "exposed", NULL, 0, false },
    { "state_since", "SINCE", 0, false },
    { "state_by", NULL, 0, false },
    { "state_from", NULL, 0, false },
    { "production", "PROD", 0, false },
    { "reads", "READS", 0, true },
    { "first_read", NULL, 0, false },
    { "last_read", "LAST READ", 0, false },
    { "versions_read", NULL, 0, false },
    { "version_now", NULL, 0, false },
    { "issued", NULL, 0, true },
    { "by_set", NULL, 0, false },
    { "owner", NULL, 0, false },
    { "other_readers", NULL, 0, true },
    { "other_readers_30d", "OTHER READERS, 30 d", 60, false },
};

static void add_row(const struct kt_blast_page *p, struct kt_rows *rows, uint32_t i)
{
    const struct kt_blast_secret *s = &p->blast->secret[i];
    const struct kt_secret_state *st = s->state;
    KT_CLEANUP(kt_buf_done) struct kt_buf readers = { 0 }, versions = { 0 };
    kt_blast_readers(st, kt_rows_for_people(rows) ? 3 : UINT32_MAX, &readers);
    kt_blast_versions(st, &versions);
    const struct kt_cell cells[] = {
        kt_cell_int(i + 1),
        kt_cell_str(st->secret),
        kt_cell_str(kt_str_of(kt_exposure_word(st->exposure))),
        { .type = KT_CELL_BOOL, .i = kt_exposure_is_open(st->exposure) },
        kt_asking_cell(p->asking, st->at),
        kt_cell_str(st->by),
        kt_cell_str(kt_str_of(st->from)),
        kt_cell_str(s->production < 0 ? KT_STR_NONE : kt_str_of(s->production > 0 ? "yes" : "no")),
        kt_cell_int((int64_t)st->reads),
        kt_asking_cell(p->asking, st->first),
        kt_asking_cell(p->asking, st->last),
        kt_cell_str(kt_buf_str(&versions)),
        kt_cell_str(st->current),
        kt_cell_int((int64_t)st->issued),
        { .type = KT_CELL_BOOL, .i = st->by_set },
        kt_cell_str(st->listed != NULL ? st->listed->owner : KT_STR_NONE),
        kt_cell_int(st->n_readers),
        kt_cell_str(kt_buf_str(&readers)),
    };
    kt_rows_add(rows, cells);
}

static void show_rows(const struct kt_blast_page *p)
{
    struct kt_rows *rows =
        kt_rows_new(p->asking->how, columns, KT_ARRAY_LEN(columns), !p->asking->no_header);
    for (uint32_t i = 0; i < p->blast->n_secrets; i++)
        add_row(p, rows, i);
    kt_rows_end(rows);
}

/* ---- beside the rows, on a terminal ---- */

static void line(const char *head, struct kt_str text)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf safe = { 0 };
    kt_tty_add(&safe, text);
    printf("%-18s %s\n", head, kt_buf_z(&safe));
}

static void show_list(const struct kt_blast_page *p, enum kt_blast_list which)
{
    const struct kt_counted_list *l = &p->blast->list[which];
    for (uint32_t i = 0; i < l->n && i < ENTRIES; i++) {
        char first[KT_TIME_TEXT_MAX], last[KT_TIME_TEXT_MAX];
        KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
        kt_buf_addf(&text, "%llu ×  " KT_STR_FMT "%s" KT_STR_FMT "   %s",
                    (unsigned long long)l->at[i].n, KT_STR_ARG(l->at[i].operation),
                    l->at[i].operation.len > 0 ? " " : "", KT_STR_ARG(l->at[i].what),
                    kt_asking_when(p->asking, l->at[i].first, first));
        if (l->at[i].n > 1)
            kt_buf_addf(&text, " to %s", kt_asking_when(p->asking, l->at[i].last, last));
        line(i == 0 ? kt_blast_list_word(which) : "", kt_buf_str(&text));
    }
    if (l->n > ENTRIES)
        printf("%-18s and %u more (-o json)\n", "", l->n - ENTRIES);
}

static void show_hops(const struct kt_blast_page *p)
{
    const struct kt_blast *b = p->blast;
    for (unsigned i = 0; i < b->n_hops; i++) {
        char at[KT_TIME_TEXT_MAX];
        KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
        kt_buf_addf(&text,
                    KT_STR_FMT " by " KT_STR_FMT " at %s: %llu records, %llu reads, counted above",
                    KT_STR_ARG(b->hop[i].name), KT_STR_ARG(b->hop[i].operation),
                    kt_asking_when(p->asking, b->hop[i].at, at),
                    (unsigned long long)b->hop[i].records, (unsigned long long)b->hop[i].reads);
        line(i == 0 ? "opened" : "", kt_buf_str(&text));
    }
    if (b->hops_left > 0)
        printf("%-18s %u more that were not followed: ask for each by its name\n", "",
               b->hops_left);
    for (uint32_t i = 0; i < b->n_leaks; i++) {
        char at[KT_TIME_TEXT_MAX];
        KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
        kt_buf_addf(&text, KT_STR_FMT ", %s, found by " KT_STR_FMT " (" KT_STR_FMT ")",
                    KT_STR_ARG(b->leak[i].where), kt_asking_when(p->asking, b->leak[i].at, at),
                    KT_STR_ARG(b->leak[i].found_by), KT_STR_ARG(b->leak[i].state));
        line(i == 0 ? "lies open in" : "", kt_buf_str(&text));
    }
}

static void show_head(const struct kt_blast_page *p)
{
    char from[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    const struct kt_blast *b = p->blast;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, safe = { 0 };
    kt_buf_addz(&text, "BLAST ");
    kt_buf_add(&text, kt_buf_str(&p->of->name));
    kt_buf_addz(&text, " (taken for ");
    kt_buf_add(&text, kt_buf_str(&p->of->why));
    kt_buf_byte(&text, ')');
    kt_tty_add(&safe, kt_buf_str(&text));
    printf("%s   %s to %s, %s\n", kt_buf_z(&safe),
           b->since == 0 ? "all that is stored" : kt_asking_when(p->asking, b->since, from),
           b->until == 0 ? "now" : kt_asking_when(p->asking, b->until, until),
           kt_asking_zone(p->asking));
    kt_buf_reset(&text);
    kt_blast_sum(p->blast, p->asking->zone_offset_s, &text);
    printf("%s\n\n", kt_buf_z(&text));
}

static void show_people(const struct kt_blast_page *p)
{
    static const enum kt_blast_list lists[] = {
        KT_BLAST_SETS,  KT_BLAST_DEEDS,  KT_BLAST_FAILED,
        KT_BLAST_NAMES, KT_BLAST_ACTORS, KT_BLAST_ADDRESSES
    };
    if (!p->asking->no_header)
        show_head(p);
    if (p->blast->n_secrets > 0)
        show_rows(p);
    if (p->asking->quiet || p->blast->records == 0)
        return;
    printf("\n");
    for (size_t i = 0; i < KT_ARRAY_LEN(lists); i++)
        show_list(p, lists[i]);
    show_hops(p);
    if (!p->blast->lines)
        line("not looked up", KT_STR("versions and sessions opened: it is in use everywhere; a "
                                     "shorter --since has them"));
    if (p->blast->inventory->n_sources == 0)
        line("not known", KT_STR("what stores say: no inventory is stored, rotations are those of "
                                 "the log (docs/forensics.md)"));
    line("order",
         KT_STR("still exposed, then production, then those with the fewest other readers"));
    line("next", KT_STR("-o md: a note for the ticket with the commands; keytrail timeline: what "
                        "happened around it"));
}

/* ---- for programs ---- */

static void show_json(const struct kt_blast_page *p)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    kt_blast_write(p->blast, p->of, kt_str_of(p->command), p->asking->ask.now, &out);
    fwrite(out.at, 1, out.len, stdout);
    printf("\n");
}

/* ---- the command ---- */

static int is_production(void *self, struct kt_str secret)
{
    return kt_production(self, secret);
}

static enum kt_status run(struct kt_asking *a, const char *text, const char *as,
                          const char *command, struct kt_error *err)
{
    struct kt_credential of = { 0 };
    struct kt_blast *b = NULL;
    enum kt_status status = kt_asking_open(a, 0, err);
    if (status == KT_OK)
        status = kt_credential_find(&a->ask, kt_str_of(text), as, &of, err);
    const struct kt_blast_options options = { .production = a->conf != NULL ? is_production : NULL,
                                              .production_self = a->conf };
    if (status == KT_OK)
        status = kt_blast_load(&a->ask, &of, &options, &b, err);
    if (status == KT_OK) {
        const struct kt_blast_page page = { a, &of, b, command };
        a->covered = a->how == KT_OUT_MD; /* the note says it */
        if (a->how == KT_OUT_JSON)
            show_json(&page);
        else if (a->how == KT_OUT_MD)
            kt_blast_note(&page);
        else if (a->how == KT_OUT_TABLE)
            show_people(&page);
        else
            show_rows(&page);
    }
    kt_blast_free(b);
    kt_credential_done(&of);
    return status;
}

/* The words of the command line, quoted for a shell. */
static void command_of(int argc, char **argv, struct kt_buf *out)
{
    kt_buf_addz(out, "keytrail");
    for (int i = 0; i < argc; i++) {
        kt_buf_byte(out, ' ');
        kt_shell_quote(kt_str_of(argv[i]), out);
    }
}

int kt_cmd_blast(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "blast",
        "CREDENTIAL [options]",
        "what a credential read, what of it is still exposed",
        "keytrail blast AKIAEXAMPLE0000000001 --since 90d -o md > incident.md",
        NULL,
        NULL
    };
    struct kt_asking a = { 0 };
    const char *as = NULL;
    const struct kt_flag flags[] = {
        { "--as", 0, KT_FLAG_STRING, "WHAT",
          "credential, session, actor or ip (else told by its form, and by what is stored)", &as,
          NULL },
        KT_ASKING_FLAGS(a),
        { 0 },
    };
    KT_CLEANUP(kt_buf_done) struct kt_buf command = { 0 };
    struct kt_error err = { 0 };
    int n;
    bool done;
    command_of(argc, argv, &command);
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    n = kt_window_take_slack(&a.window, argv, n);
    if (n != 1) {
        fprintf(stderr, "keytrail blast: give one credential, name or address\n");
        return KT_EXIT_USAGE;
    }
    (void)!run(&a, argv[1], as, kt_buf_z(&command), &err);
    return kt_asking_end(&a, "blast", &err);
}
