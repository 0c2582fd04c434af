/*
 * blast_note: the blast radius as a Markdown note that goes into a ticket as it is: what happened,
 * what to rotate with the command for it, whom to warn, what it rests on.
 *
 * Owns:  nothing.
 * Calls: core/answer (blast, rotate_hint); stdout.
 * Holds: words of strangers stand in code spans or escaped, so that they make no Markdown.
 */
#include <stdio.h>

#include "cli/blast.h"
#include "core/answer/coverage.h"
#include "core/answer/rotate_hint.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/md.h"

#define READERS 8u

static const char *utc(kt_time_ns t, char buf[KT_TIME_TEXT_MAX])
{
    return kt_time_format_short(t, buf);
}

static void head(struct kt_buf *o, const struct kt_blast_page *p)
{
    const struct kt_blast *b = p->blast;
    char from[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    kt_buf_addz(o, "# Blast radius of ");
    kt_md_code(o, kt_buf_str(&p->of->name));
    kt_buf_addf(o, "\n\nTaken for ");
    kt_md_text(o, kt_buf_str(&p->of->why));
    kt_buf_addf(o, ". Asked about: %s to %s UTC. Times are UTC.\n\n**Summary:** ",
                b->since == 0 ? "all that is stored" : utc(b->since, from),
                b->until == 0 ? utc(p->asking->ask.now, until) : utc(b->until, until));
    kt_blast_sum(b, p->asking->zone_offset_s, o);
    kt_buf_addz(o, ".\n");
}

/* "exposed since …": what is known, and from whom. */
static void state(struct kt_buf *o, const struct kt_secret_state *st)
{
    char at[KT_TIME_TEXT_MAX];
    kt_buf_addz(o, kt_exposure_word(st->exposure));
    if (st->at != 0)
        kt_buf_addf(o, " (%s, %s)", utc(st->at, at), st->from);
    if (st->by.len > 0) {
        kt_buf_addz(o, " by ");
        kt_md_code(o, st->by);
    }
}

static void to_rotate(struct kt_buf *o, const struct kt_blast_secret *s)
{
    const struct kt_secret_state *st = s->state;
    char last[KT_TIME_TEXT_MAX];
    KT_CLEANUP(kt_buf_done) struct kt_buf hint = { 0 }, versions = { 0 };
    kt_rotate_hint(st->secret, &hint);
    kt_blast_versions(st, &versions);
    kt_buf_addz(o, "- [ ] ");
    kt_md_code(o, st->secret);
    kt_buf_addf(o, "%s: ", s->production == 1 ? " **production**" : "");
    state(o, st);
    kt_buf_addf(o, "; read %llu ×, last %s", (unsigned long long)st->reads, utc(st->last, last));
    if (versions.len > 0) {
        kt_buf_addz(o, ", versions ");
        kt_md_code(o, kt_buf_str(&versions));
    }
    kt_buf_addz(o, "  \n      ");
    kt_md_code(o, kt_buf_str(&hint));
    kt_buf_addz(o, "  \n      will break: ");
    for (unsigned i = 0; i < st->n_readers && i < READERS; i++) {
        kt_buf_addz(o, i > 0 ? ", " : "");
        kt_md_code(o, st->reader[i].actor);
        kt_buf_addf(o, " (%llu)", (unsigned long long)st->reader[i].reads);
    }
    if (st->n_readers > READERS)
        kt_buf_addf(o, " and %u more", st->n_readers - READERS);
    kt_buf_addz(o, st->n_readers == 0 ? "nobody else read it in 30 days\n" : "\n");
}

static void secrets(struct kt_buf *o, const struct kt_blast *b)
{
    kt_buf_addz(o, "\n## Rotate, in this order\n\n"
                   "Still exposed first, production first, then those with the fewest other "
                   "readers.\n\n");
    for (uint32_t i = 0; i < b->n_secrets; i++)
        if (kt_exposure_is_open(b->secret[i].state->exposure))
            to_rotate(o, &b->secret[i]);
    if (b->open == 0)
        kt_buf_addz(o, "Nothing.\n");
    if (b->open == b->n_secrets)
        return;
    kt_buf_addz(o, "\n## Read, and not exposed any more\n\n");
    for (uint32_t i = b->open; i < b->n_secrets; i++) {
        kt_buf_addz(o, b->secret[i].state->exposure == KT_EXPOSURE_DELETED
                           ? "- [ ] confirm that it is worthless where it is used: "
                           : "- ");
        kt_md_code(o, b->secret[i].state->secret);
        kt_buf_addz(o, ": ");
        state(o, b->secret[i].state);
        kt_buf_byte(o, '\n');
    }
}

/* Readers of what is rotated, once each. */
static void warn(struct kt_buf *o, const struct kt_blast *b, uint64_t seed)
{
    struct kt_counted *t = kt_counted_new(KT_BLAST_LIST_MAX, seed);
    for (uint32_t i = 0; i < b->n_secrets; i++)
        for (unsigned k = 0;
             kt_exposure_is_open(b->secret[i].state->exposure) && k < b->secret[i].state->n_readers;
             k++)
            kt_counted_add(
                t, &(struct kt_counted_thing){ .what = b->secret[i].state->reader[k].actor },
                b->secret[i].state->reader[k].last);
    struct kt_counted_list l = kt_counted_sorted(t);
    kt_buf_addz(o, l.n > 0 ? "\n## Warn before rotating\n\n" : "");
    for (uint32_t i = 0; i < l.n; i++) {
        char last[KT_TIME_TEXT_MAX];
        kt_buf_addz(o, "- [ ] ");
        kt_md_code(o, l.at[i].what);
        kt_buf_addf(o, ": reads %llu of them, last %s\n", (unsigned long long)l.at[i].n,
                    utc(l.at[i].last, last));
    }
    kt_counted_free(t);
}

static void list(struct kt_buf *o, const struct kt_blast *b, enum kt_blast_list which)
{
    const struct kt_counted_list *l = &b->list[which];
    char first[KT_TIME_TEXT_MAX], last[KT_TIME_TEXT_MAX];
    if (l->n > 0)
        kt_buf_addf(o, "\n**%s**\n\n", kt_blast_list_word(which));
    for (uint32_t i = 0; i < l->n; i++) {
        kt_buf_addf(o, "- %llu × ", (unsigned long long)l->at[i].n);
        if (l->at[i].operation.len > 0) {
            kt_md_code(o, l->at[i].operation);
            kt_buf_byte(o, ' ');
        }
        if (l->at[i].what.len > 0)
            kt_md_code(o, l->at[i].what);
        kt_buf_addf(o, " %s to %s\n", utc(l->at[i].first, first), utc(l->at[i].last, last));
    }
}

static void grown(struct kt_buf *o, const struct kt_blast *b)
{
    char at[KT_TIME_TEXT_MAX];
    if (b->n_hops + b->hops_left + b->n_leaks > 0)
        kt_buf_addz(o, "\n**sessions opened with it, and where it lies open**\n\n");
    for (unsigned i = 0; i < b->n_hops; i++) {
        kt_buf_addz(o, "- ");
        kt_md_code(o, b->hop[i].name);
        kt_buf_addf(o, " at %s: %llu records, %llu reads, counted above\n", utc(b->hop[i].at, at),
                    (unsigned long long)b->hop[i].records, (unsigned long long)b->hop[i].reads);
    }
    if (b->hops_left > 0)
        kt_buf_addf(o, "- %u more that were not followed\n", b->hops_left);
    for (uint32_t i = 0; i < b->n_leaks; i++) {
        kt_buf_addz(o, "- found in ");
        kt_md_code(o, b->leak[i].where);
        kt_buf_addf(o, " of %s\n", utc(b->leak[i].at, at));
    }
}

/* From its first record on: before that nothing could be missed of it. */
static void coverage(struct kt_buf *o, const struct kt_blast_page *p)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    struct kt_ask ask = p->asking->ask; /* its damage and cost are not the answer's */
    struct kt_coverage *c = NULL;
    struct kt_error err = { 0 };
    ask.since = ask.since != 0 ? ask.since : p->blast->first;
    ask.recount = true; /* others read it as evidence */
    if (kt_coverage_load(&ask, &c, &err) == KT_OK)
        kt_coverage_say(c, KT_STR_NONE, &said);
    else
        kt_buf_addf(&said, "coverage: %s", err.text);
    kt_buf_addz(o, "- ");
    kt_md_text(o, kt_buf_str(&said));
    kt_buf_byte(o, '\n');
    kt_coverage_free(c);
}

static void basis(struct kt_buf *o, const struct kt_blast_page *p)
{
    const struct kt_blast *b = p->blast;
    char at[KT_TIME_TEXT_MAX], log_id[2 * sizeof b->head.log_id + 1];
    kt_hex(log_id, b->head.log_id, sizeof b->head.log_id);
    kt_buf_addz(o, "\n## What this rests on\n\n- made by ");
    kt_md_code(o, kt_str_of(p->command));
    kt_buf_addf(o, " at %s\n- log `%s`, %llu records\n", utc(p->asking->ask.now, at), log_id,
                (unsigned long long)b->head.records);
    kt_buf_addz(o, "- its records: ");
    kt_md_code(o, kt_buf_str(&p->of->query));
    kt_buf_addf(o, "\n- other readers: of the 30 days to %s\n", utc(b->readers_until, at));
    if (b->inventory->n_sources == 0)
        kt_buf_addz(o, "- rotations: the log's alone, no inventory is stored\n");
    for (uint32_t i = 0; i < b->inventory->n_sources; i++) {
        kt_buf_addz(o, "- inventory of ");
        kt_md_code(o, b->inventory->source[i].instance);
        if (b->inventory->source[i].complete != 0)
            kt_buf_addf(o, ": complete at %s\n", utc(b->inventory->source[i].complete, at));
        else
            kt_buf_addz(o, ": none is complete\n");
    }
    coverage(o, p);
    if (!b->lines)
        kt_buf_addz(o, "- versions that were read were not looked up\n");
}

void kt_blast_note(const struct kt_blast_page *p)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf o = { 0 };
    static const enum kt_blast_list lists[] = { KT_BLAST_SETS,      KT_BLAST_DEEDS,
                                                KT_BLAST_FAILED,    KT_BLAST_NAMES,
                                                KT_BLAST_ACTORS,    KT_BLAST_CREDENTIALS,
                                                KT_BLAST_ADDRESSES, KT_BLAST_SOURCES };
    head(&o, p);
    secrets(&o, p->blast);
    warn(&o, p->blast, (uint64_t)p->asking->ask.now);
    kt_buf_addz(&o, "\n## What else it did\n");
    for (size_t i = 0; i < KT_ARRAY_LEN(lists); i++)
        list(&o, p->blast, lists[i]);
    grown(&o, p->blast);
    basis(&o, p);
    fwrite(o.at, 1, o.len, stdout);
}
