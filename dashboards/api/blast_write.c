/*
 * blast_write: the blast radius as one JSON document, what `keytrail blast -o json` prints and what
 * the page is answered. Times are RFC 3339.
 *
 * Owns:  the names and order of its keys.
 * Calls: core/answer/blast, dashboards/api (JSON).
 */
#include "core/answer/rotate_hint.h"
#include "core/base/enc.h"
#include "dashboards/api/blast.h"

static void when(struct kt_buf *o, const char *name, kt_time_ns t)
{
    char z[KT_TIME_TEXT_MAX];
    kt_api_text(o, name, t == 0 ? KT_STR_NONE : kt_str_of(kt_time_format(t, z)));
}

static void add_secret(struct kt_buf *o, const struct kt_blast_secret *s)
{
    const struct kt_secret_state *st = s->state;
    KT_CLEANUP(kt_buf_done) struct kt_buf hint = { 0 };
    kt_rotate_hint(st->secret, &hint);
    kt_api_text(o, "secret", st->secret);
    kt_api_text(o, "state", kt_str_of(kt_exposure_word(st->exposure)));
    kt_api_flag(o, "exposed", kt_exposure_is_open(st->exposure));
    when(o, "state_since", st->at);
    kt_api_text(o, "state_by", st->by);
    kt_api_text(o, "state_from", kt_str_of(st->from));
    kt_api_raw(o, "production",
               s->production < 0 ? KT_STR_NONE : kt_str_of(s->production > 0 ? "true" : "false"));
    kt_api_u64(o, "reads", st->reads);
    when(o, "first_read", st->first);
    when(o, "last_read", st->last);
    kt_api_open(o, "versions_read", '[');
    for (unsigned i = 0; i < st->n_versions; i++)
        kt_api_text(o, NULL, st->version[i]);
    kt_api_close(o, ']');
    kt_api_text(o, "version_now", st->current);
    kt_api_text(o, "rotate_hint", kt_buf_str(&hint));
    kt_api_u64(o, "issued", st->issued);
    kt_api_flag(o, "by_set", st->by_set);
    kt_api_text(o, "owner", st->listed != NULL ? st->listed->owner : KT_STR_NONE);
    kt_api_open(o, "other_readers_30d", '[');
    for (unsigned i = 0; i < st->n_readers; i++) {
        kt_api_open(o, NULL, '{');
        kt_api_text(o, "actor", st->reader[i].actor);
        kt_api_u64(o, "reads", st->reader[i].reads);
        when(o, "last_read", st->reader[i].last);
        kt_api_close(o, '}');
    }
    kt_api_close(o, ']');
}

static void add_list(struct kt_buf *o, const char *name, const struct kt_counted_list *l,
                     bool deeds)
{
    kt_api_open(o, name, '[');
    for (uint32_t i = 0; i < l->n; i++) {
        kt_api_open(o, NULL, '{');
        if (deeds) {
            kt_api_text(o, "action", kt_str_of(kt_action_word(l->at[i].action)));
            kt_api_text(o, "operation", l->at[i].operation);
        }
        kt_api_text(o, "what", l->at[i].what);
        kt_api_u64(o, "count", l->at[i].n);
        when(o, "first", l->at[i].first);
        when(o, "last", l->at[i].last);
        kt_api_close(o, '}');
    }
    kt_api_close(o, ']');
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
    kt_api_open(o, "opened", '[');
    for (unsigned i = 0; i < b->n_hops; i++) {
        kt_api_open(o, NULL, '{');
        kt_api_text(o, "session", b->hop[i].name);
        kt_api_text(o, "operation", b->hop[i].operation);
        when(o, "at", b->hop[i].at);
        kt_api_u64(o, "hops", b->hop[i].depth);
        kt_api_text(o, "query", b->hop[i].query);
        kt_api_u64(o, "records", b->hop[i].records);
        kt_api_u64(o, "reads", b->hop[i].reads);
        kt_api_close(o, '}');
    }
    kt_api_close(o, ']');
    kt_api_u64(o, "not_followed", b->hops_left);
    kt_api_open(o, "leaks", '[');
    for (uint32_t i = 0; i < b->n_leaks; i++) {
        kt_api_open(o, NULL, '{');
        kt_api_text(o, "where", b->leak[i].where);
        kt_api_text(o, "state", b->leak[i].state);
        kt_api_text(o, "found_by", b->leak[i].found_by);
        when(o, "time", b->leak[i].at);
        kt_api_close(o, '}');
    }
    kt_api_close(o, ']');
}

void kt_blast_keys(const struct kt_blast *b, const struct kt_credential *of, struct kt_str command,
                   kt_time_ns now, struct kt_buf *o)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf sum = { 0 };
    char log_id[2 * sizeof b->head.log_id + 1];
    kt_blast_sum(b, 0, &sum);
    kt_hex(log_id, b->head.log_id, sizeof b->head.log_id);
    kt_api_text(o, "credential", kt_buf_str(&of->name));
    kt_api_text(o, "as", kt_str_of(kt_credential_word(of->as)));
    kt_api_text(o, "taken_for", kt_buf_str(&of->why));
    kt_api_text(o, "query", kt_buf_str(&of->query));
    kt_api_text(o, "reads_query", KT_STR(KT_BLAST_READS)); /* behind it */
    when(o, "since", b->since);
    when(o, "until", b->until);
    when(o, "made_at", now);
    kt_api_text(o, "command", command);
    kt_api_text(o, "log_id", kt_str_of(log_id));
    kt_api_u64(o, "store_records", b->head.records);
    kt_api_text(o, "summary", kt_buf_str(&sum));
    kt_api_u64(o, "records", b->records);
    kt_api_u64(o, "reads", b->reads);
    kt_api_u64(o, "failed", b->failed);
    kt_api_u64(o, "exposed", b->open);
    kt_api_u64(o, "exposed_production", b->open_production);
    when(o, "first", b->first);
    when(o, "last", b->last);
    kt_api_flag(o, "versions_known", b->lines);
    kt_api_open(o, "secrets", '[');
    for (uint32_t i = 0; i < b->n_secrets; i++) {
        kt_api_open(o, NULL, '{');
        add_secret(o, &b->secret[i]);
        kt_api_close(o, '}');
    }
    kt_api_close(o, ']');
    add_lists(o, b);
    add_grown(o, b);
}

void kt_blast_write(const struct kt_blast *b, const struct kt_credential *of, struct kt_str command,
                    kt_time_ns now, struct kt_buf *o)
{
    kt_api_open(o, NULL, '{');
    kt_blast_keys(b, of, command, now, o);
    kt_api_close(o, '}');
}
