/*
 * blast_json: the blast radius as one JSON document.
 *
 * Owns:  nothing.
 * Calls: core/answer/blast, core/event (JSON strings); stdout.
 */
#include <stdio.h>

#include "cli/blast.h"
#include "core/base/enc.h"
#include "core/event/line.h"

static void key(struct kt_buf *o, const char *name)
{
    char last = o->len > 0 ? o->at[o->len - 1] : '{';
    kt_buf_addf(o, "%s\"%s\":", last == '{' ? "" : ",", name);
}

static void text(struct kt_buf *o, const char *name, struct kt_str s)
{
    key(o, name);
    if (s.len == 0)
        kt_buf_addz(o, "null");
    else
        kt_json_quote(o, s);
}

static void number(struct kt_buf *o, const char *name, uint64_t n)
{
    key(o, name);
    kt_buf_u64_dec(o, n);
}

static void when(struct kt_buf *o, const char *name, kt_time_ns t)
{
    char z[KT_TIME_TEXT_MAX];
    text(o, name, t == 0 ? KT_STR_NONE : kt_str_of(kt_time_format(t, z)));
}

static void flag(struct kt_buf *o, const char *name, bool yes)
{
    key(o, name);
    kt_buf_addz(o, yes ? "true" : "false");
}

static void open_list(struct kt_buf *o, const char *name)
{
    key(o, name);
    kt_buf_byte(o, '[');
}

/* Between two objects of a list. */
static void next(struct kt_buf *o, uint32_t i)
{
    kt_buf_addz(o, i > 0 ? ",\n{" : "\n{");
}

static void add_secret(struct kt_buf *o, const struct kt_blast_secret *s)
{
    const struct kt_secret_state *st = s->state;
    text(o, "secret", st->secret);
    text(o, "state", kt_str_of(kt_exposure_word(st->exposure)));
    flag(o, "exposed", kt_exposure_is_open(st->exposure));
    when(o, "state_since", st->at);
    text(o, "state_by", st->by);
    text(o, "state_from", kt_str_of(st->from));
    key(o, "production");
    kt_buf_addz(o, s->production < 0 ? "null" : s->production > 0 ? "true" : "false");
    number(o, "reads", st->reads);
    when(o, "first_read", st->first);
    when(o, "last_read", st->last);
    open_list(o, "versions_read");
    for (unsigned i = 0; i < st->n_versions; i++) {
        kt_buf_addz(o, i > 0 ? "," : "");
        kt_json_quote(o, st->version[i]);
    }
    kt_buf_byte(o, ']');
    text(o, "version_now", st->current);
    number(o, "issued", st->issued);
    flag(o, "by_set", st->by_set);
    text(o, "owner", st->listed != NULL ? st->listed->owner : KT_STR_NONE);
    open_list(o, "other_readers_30d");
    for (unsigned i = 0; i < st->n_readers; i++) {
        next(o, i);
        text(o, "actor", st->reader[i].actor);
        number(o, "reads", st->reader[i].reads);
        when(o, "last_read", st->reader[i].last);
        kt_buf_byte(o, '}');
    }
    kt_buf_byte(o, ']');
}

static void add_list(struct kt_buf *o, const char *name, const struct kt_counted_list *l,
                     bool deeds)
{
    open_list(o, name);
    for (uint32_t i = 0; i < l->n; i++) {
        next(o, i);
        if (deeds) {
            text(o, "action", kt_str_of(kt_action_word(l->at[i].action)));
            text(o, "operation", l->at[i].operation);
        }
        text(o, "what", l->at[i].what);
        number(o, "count", l->at[i].n);
        when(o, "first", l->at[i].first);
        when(o, "last", l->at[i].last);
        kt_buf_byte(o, '}');
    }
    kt_buf_byte(o, ']');
}

static void add_lists(struct kt_buf *o, const struct kt_blast *b)
{
    static const char *const names[] = {
        [KT_BLAST_ADDRESSES] = "addresses", [KT_BLAST_ACTORS] = "actors",
        [KT_BLAST_SOURCES] = "instances",   [KT_BLAST_CREDENTIALS] = "credentials",
        [KT_BLAST_NAMES] = "names_only",    [KT_BLAST_SETS] = "sets",
        [KT_BLAST_FAILED] = "failures",     [KT_BLAST_DEEDS] = "changes",
    };
    for (unsigned i = 0; i < KT_BLAST_LISTS; i++)
        add_list(o, names[i], &b->list[i], i == KT_BLAST_DEEDS);
}

static void add_grown(struct kt_buf *o, const struct kt_blast *b)
{
    open_list(o, "opened");
    for (unsigned i = 0; i < b->n_hops; i++) {
        next(o, i);
        text(o, "session", b->hop[i].name);
        text(o, "operation", b->hop[i].operation);
        when(o, "at", b->hop[i].at);
        number(o, "hops", b->hop[i].depth);
        text(o, "query", b->hop[i].query);
        number(o, "records", b->hop[i].records);
        number(o, "reads", b->hop[i].reads);
        kt_buf_byte(o, '}');
    }
    kt_buf_byte(o, ']');
    number(o, "not_followed", b->hops_left);
    open_list(o, "leaks");
    for (uint32_t i = 0; i < b->n_leaks; i++) {
        next(o, i);
        text(o, "where", b->leak[i].where);
        text(o, "state", b->leak[i].state);
        text(o, "found_by", b->leak[i].found_by);
        when(o, "time", b->leak[i].at);
        kt_buf_byte(o, '}');
    }
    kt_buf_byte(o, ']');
}

void kt_blast_json(const struct kt_blast_page *p)
{
    const struct kt_blast *b = p->blast;
    KT_CLEANUP(kt_buf_done) struct kt_buf o = { 0 }, sum = { 0 };
    char log_id[2 * sizeof b->head.log_id + 1];
    kt_blast_sum(p, &sum);
    kt_buf_byte(&o, '{');
    text(&o, "credential", kt_buf_str(&p->of->name));
    text(&o, "as", kt_str_of(kt_credential_word(p->of->as)));
    text(&o, "taken_for", kt_buf_str(&p->of->why));
    text(&o, "query", kt_buf_str(&p->of->query));
    text(&o, "reads_query", KT_STR(KT_BLAST_READS)); /* behind it */
    when(&o, "since", b->since);
    when(&o, "until", b->until);
    when(&o, "made_at", p->asking->ask.now);
    text(&o, "command", kt_str_of(p->command));
    kt_hex(log_id, b->head.log_id, sizeof b->head.log_id);
    text(&o, "log_id", kt_str_of(log_id));
    number(&o, "store_records", b->head.records);
    text(&o, "summary", kt_buf_str(&sum));
    number(&o, "records", b->records);
    number(&o, "reads", b->reads);
    number(&o, "failed", b->failed);
    number(&o, "exposed", b->open);
    number(&o, "exposed_production", b->open_production);
    when(&o, "first", b->first);
    when(&o, "last", b->last);
    flag(&o, "versions_known", b->lines);
    open_list(&o, "secrets");
    for (uint32_t i = 0; i < b->n_secrets; i++) {
        next(&o, i);
        add_secret(&o, &b->secret[i]);
        kt_buf_byte(&o, '}');
    }
    kt_buf_byte(&o, ']');
    add_lists(&o, b);
    add_grown(&o, b);
    kt_buf_addz(&o, "}\n");
    fwrite(o.at, 1, o.len, stdout);
}
