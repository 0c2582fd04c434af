/*
 * sql_fields: the columns of events, and how a record answers.
 *
 * Owns:  nothing; constant tables.
 * Calls: core/base, core/event, core/store.
 */
#include <stddef.h>
#include <string.h>

#include "core/base/enc.h"
#include "core/event/line.h"
#include "core/store/sql_events.h"

typedef const struct kt_sql_field *field;

/* ---- what a row holds ---- */

/* Parsed when something in it is first asked for. */
static enum kt_status need_line(struct kt_sql_row *r, struct kt_error *err)
{
    if (r->has_line)
        return KT_OK;
    kt_arena_reset(&r->arena);
    if (kt_line_read(r->line, &r->arena, &r->ev, err) != KT_OK)
        return kt_fail(err, KT_E_CORRUPT, "record %llu is not a canonical line",
                       (unsigned long long)r->chunk->seq[r->at]);
    r->has_line = true;
    return KT_OK;
}

static enum kt_status need_fact(struct kt_sql_row *r, struct kt_error *err)
{
    if (r->has_fact)
        return KT_OK;
    r->fact = (struct kt_sql_fact){ 0 };
    struct kt_str bytes = kt_column_str(r->chunk->columns, KT_COL_IP, r->at);
    struct kt_ip ip;
    const struct kt_sql_options *o = r->sql->options;
    if (bytes.len == sizeof ip.at && o->fact != NULL) {
        memcpy(ip.at, bytes.at, sizeof ip.at);
        if (o->fact(o->self, ip, r->chunk->seq[r->at], &r->fact, err) != KT_OK)
            return err->code;
    }
    r->has_fact = true;
    return KT_OK;
}

static const struct kt_row *batch_of(const struct kt_sql_row *r)
{
    return r->chunk->row[r->at];
}

/* ---- giving; absent is NULL ---- */

/* SQLite keeps values beyond the chunk that lent them, so they are copied. */
static enum kt_status put(sqlite3_context *to, struct kt_str s)
{
    if (s.len == 0)
        sqlite3_result_null(to);
    else
        sqlite3_result_text64(to, s.at, s.len, SQLITE_TRANSIENT, SQLITE_UTF8);
    return KT_OK;
}

struct kt_str kt_sql_shown_time(kt_time_ns t, bool day, char buf[KT_TIME_TEXT_MAX])
{
    return kt_str_sub(kt_str_of(kt_time_format(t, buf)), 0, day ? 10 : KT_TIME_TEXT_MAX);
}

static enum kt_status put_time(sqlite3_context *to, kt_time_ns t, bool day)
{
    char buf[KT_TIME_TEXT_MAX];
    return put(to, t > 0 ? kt_sql_shown_time(t, day, buf) : KT_STR_NONE);
}

static enum kt_status put_ns(sqlite3_context *to, kt_time_ns t)
{
    if (t > 0)
        sqlite3_result_int64(to, t);
    else
        sqlite3_result_null(to);
    return KT_OK;
}

struct kt_str kt_sql_shown(enum kt_col col, struct kt_str text, int64_t number,
                           char buf[KT_IP_TEXT_MAX])
{
    struct kt_ip ip;
    switch ((int)col) {
    case KT_COL_KIND:
        return kt_str_of(number < KT_KIND_COUNT ? kt_kind_word((enum kt_kind)number) : "");
    case KT_COL_ACTION:
        return kt_str_of(number < KT_ACT_COUNT ? kt_action_word((enum kt_action)number) : "");
    case KT_COL_OUTCOME:
        return kt_str_of(number < KT_OUT_COUNT ? kt_outcome_word((enum kt_outcome)number) : "");
    case KT_COL_ACTOR_KIND:
        return kt_str_of(number < KT_ACTOR_COUNT ? kt_actor_kind_word((enum kt_actor_kind)number)
                                                 : "");
    case KT_COL_IP:
        if (text.len != sizeof ip.at)
            return KT_STR_NONE;
        memcpy(ip.at, text.at, sizeof ip.at);
        return kt_str_of(kt_ip_format(ip, buf));
    default:
        return text;
    }
}

#define GIVE(name)                                                                                 \
    static enum kt_status give_##name(struct kt_sql_row *r, field f, sqlite3_context *to,          \
                                      struct kt_error *err)

GIVE(column)
{
    char buf[KT_IP_TEXT_MAX];
    const struct kt_columns *c = r->chunk->columns;
    (void)err;
    if (f->col < KT_COL_SMALL)
        return put(to, kt_sql_shown(f->col, KT_STR_NONE, c->small[f->col][r->at], buf));
    return put(to, kt_sql_shown(f->col, kt_column_str(c, f->col, r->at), 0, buf));
}

GIVE(string)
{
    struct kt_str s;
    if (need_line(r, err) != KT_OK)
        return err->code;
    memcpy(&s, (const char *)&r->ev + f->offset, sizeof s);
    return put(to, s);
}

#define GIVE_LINE(name, expr)                                                                      \
    GIVE(name)                                                                                     \
    {                                                                                              \
        (void)f;                                                                                   \
        return need_line(r, err) == KT_OK ? (expr) : err->code;                                    \
    }
#define GIVE_FACT(name, expr)                                                                      \
    GIVE(name)                                                                                     \
    {                                                                                              \
        (void)f;                                                                                   \
        return need_fact(r, err) == KT_OK ? (expr) : err->code;                                    \
    }
#define GIVE_RUN(name, expr)                                                                       \
    GIVE(name)                                                                                     \
    {                                                                                              \
        (void)f;                                                                                   \
        (void)err;                                                                                 \
        return (expr);                                                                             \
    }

static enum kt_status put_id(sqlite3_context *to, const struct kt_event *ev)
{
    uint8_t id[16];
    char text[KT_ID_TEXT];
    kt_event_id(ev, id);
    return put(to, kt_str_of(kt_id_format(id, text)));
}

static enum kt_status put_ip_raw(sqlite3_context *to, const struct kt_event *ev)
{
    char text[KT_IP_TEXT_MAX];
    if (ev->ip_raw.len > 0 || !ev->has_ip)
        return put(to, ev->ip_raw);
    return put(to, kt_str_of(kt_ip_format(ev->ip, text)));
}

static enum kt_status put_number(sqlite3_context *to, int64_t i)
{
    sqlite3_result_int64(to, i);
    return KT_OK;
}

static enum kt_status put_asn(sqlite3_context *to, uint32_t asn)
{
    if (asn == 0)
        sqlite3_result_null(to);
    else
        sqlite3_result_int64(to, asn);
    return KT_OK;
}

GIVE_RUN(seq, put_number(to, (int64_t)r->chunk->seq[r->at]))
GIVE_RUN(time, put_time(to, r->chunk->columns->time[r->at], false))
GIVE_RUN(day, put_time(to, r->chunk->columns->time[r->at], true))
GIVE_RUN(time_ns, put_ns(to, r->chunk->columns->time[r->at]))
GIVE_RUN(arrival, put_time(to, r->chunk->arrival[r->at], false))
GIVE_RUN(arrival_ns, put_ns(to, r->chunk->arrival[r->at]))
GIVE_RUN(stored, put_time(to, batch_of(r)->stored, false))
GIVE_RUN(stored_ns, put_ns(to, batch_of(r)->stored))
GIVE_RUN(agent, put(to, batch_of(r)->agent))
GIVE_RUN(conflict, put_number(to, r->chunk->conflict[r->at]))
GIVE_LINE(id, put_id(to, &r->ev))
GIVE_LINE(ip_raw, put_ip_raw(to, &r->ev))
GIVE_LINE(ip_trust, put(to, kt_str_of(kt_ip_trust_word(r->ev.ip_trust))))
GIVE_LINE(original, put(to, r->ev.raw))
GIVE_LINE(line, put(to, r->line))
GIVE_FACT(country, put(to, r->fact.country))
GIVE_FACT(org, put(to, r->fact.org))
GIVE_FACT(asn, put_asn(to, r->fact.asn))

/* ---- the table, in the order of `search -o ndjson`; what that does not print is hidden ---- */

#define COMMON(n, t, m, how) .column = { #n, t, m, false }, .give = how
#define HIDDEN(n, t, m, how) .column = { #n, t, m, true }, .give = how
#define NO_COLUMN            .col = KT_COL_NONE, .filter = KT_FILTER_NONE
#define RUN(n, t, m)                                                                               \
    {                                                                                              \
        COMMON(n, t, m, give_##n), NO_COLUMN                                                       \
    }
#define LINE(n, m)                                                                                 \
    {                                                                                              \
        COMMON(n, "TEXT", m, give_##n), NO_COLUMN, .lines = true                                   \
    }
#define STRING(n, m)                                                                               \
    {                                                                                              \
        COMMON(n, "TEXT", m, give_string), NO_COLUMN, .lines = true,                               \
                                                      .offset = offsetof(struct kt_event, n)       \
    }
#define STRING_HIDDEN(n, m)                                                                        \
    {                                                                                              \
        HIDDEN(n, "TEXT", m, give_string), NO_COLUMN, .lines = true,                               \
                                                      .offset = offsetof(struct kt_event, n)       \
    }
#define STRING_KEY(n, m, k)                                                                        \
    {                                                                                              \
        COMMON(n, "TEXT", m, give_string),                                                         \
            .col = KT_COL_NONE, .lines = true, .offset = offsetof(struct kt_event, n),             \
            .push = KT_SQL_PUSH_KEY, .filter = KT_FILTER_##k, .share = 0.001                       \
    }
#define COLUMN(n, c, k, s, m)                                                                      \
    {                                                                                              \
        COMMON(n, "TEXT", m, give_column), .col = KT_COL_##c, .col_mask = KT_COLUMN(KT_COL_##c),   \
                                           .push = KT_SQL_PUSH_VALUE, .filter = KT_FILTER_##k,     \
                                           .share = s                                              \
    }
#define FACT(n, t, m)                                                                              \
    {                                                                                              \
        COMMON(n, t, m, give_##n), NO_COLUMN, .col_mask = KT_COLUMN(KT_COL_IP)                     \
    }

const struct kt_sql_field kt_sql_fields[] = {
    { COMMON(seq, "INTEGER", "number of the record in the log", give_seq), NO_COLUMN,
      .push = KT_SQL_PUSH_SEQ },
    { COMMON(id, "TEXT", "id of the event: the same record has the same one", give_id),
      .col = KT_COL_NONE, .lines = true, .push = KT_SQL_PUSH_KEY, .filter = KT_FILTER_ID,
      .share = 1e-6 },
    { COMMON(time, "TEXT", "when it happened, as the source says (UTC, nine digits)", give_time),
      NO_COLUMN, .timed = true, .push = KT_SQL_PUSH_TIME },
    RUN(arrival, "TEXT", "when a collector or a tool first had it"),
    RUN(stored, "TEXT", "when this store took it"),
    COLUMN(kind, KIND, NONE, 0.5, "access, amend, quarantine, redacted, report, inventory …"),
    COLUMN(source, SOURCE, NONE, 0.2, "type of the source: vault, cloudtrail"),
    COLUMN(instance, INSTANCE, INSTANCE, 0.1, "the source as it is configured: vault-prod"),
    STRING(native_id, "the source's own id of the record"),
    COLUMN(action, ACTION, NONE, 0.2, "read, list, write, delete, login …"),
    COLUMN(operation, OPERATION, NONE, 0.1, "the source's own word for the action"),
    COLUMN(outcome, OUTCOME, NONE, 0.2, "success, denied, failure, not_found, unknown"),
    COLUMN(code, CODE, NONE, 0.1, "the source's own code of an error"),
    STRING(message, "the source's own words of an error"),
    COLUMN(actor, ACTOR, ACTOR, 0.005, "who"),
    STRING(actor_native, "who, as the source writes it"),
    COLUMN(actor_kind, ACTOR_KIND, NONE, 0.2, "human, service, ci, ai_agent, root …"),
    STRING_KEY(session, "session of the actor", SESSION),
    STRING_KEY(credential, "credential that was used", SESSION),
    STRING(via, "through which identity or proxy"),
    STRING(role, "role that was taken"),
    COLUMN(secret, SECRET, SECRET, 0.001, "canonical id of the secret"),
    STRING(secret_native, "the secret, as the source writes it"),
    STRING(version, "version of the secret"),
    COLUMN(ip, IP, IP, 0.001, "address, parsed"),
    LINE(ip_raw, "address, as the source writes it"),
    LINE(ip_trust, "who vouches for it: edge, client_claimed, service, none"),
    FACT(country, "TEXT", "country of the address, as known when the record came"),
    FACT(asn, "INTEGER", "number of its network, the same"),
    FACT(org, "TEXT", "name of its network, the same"),
    COLUMN(user_agent, USER_AGENT, USER_AGENT, 0.05, "program that asked, as it says"),
    STRING(region, "region of the cloud"),
    COLUMN(host, HOST, NONE, 0.05, "host"),
    STRING(request_id, "id of the request, for the source's support"),
    STRING(reason, "why, as the actor says"),
    RUN(agent, "TEXT", "agent that sent it"),
    RUN(conflict, "INTEGER", "1: same id as an earlier record, other content"),
    { HIDDEN(original, "TEXT", "the redacted original, or a report's body (JSON)", give_original),
      NO_COLUMN, .lines = true },
    { HIDDEN(line, "TEXT", "the canonical line as it is hashed (JSON)", give_line), NO_COLUMN,
      .lines = true },
    { HIDDEN(day, "TEXT", "day of time: 2026-11-22", give_day), NO_COLUMN, .timed = true,
      .push = KT_SQL_PUSH_DAY },
    { HIDDEN(time_ns, "INTEGER", "time as ns since 1970", give_time_ns), NO_COLUMN, .timed = true,
      .push = KT_SQL_PUSH_NS },
    { HIDDEN(arrival_ns, "INTEGER", "arrival, the same", give_arrival_ns), NO_COLUMN },
    { HIDDEN(stored_ns, "INTEGER", "stored, the same", give_stored_ns), NO_COLUMN },
    STRING_HIDDEN(scope, "account, tenant or cluster the record names"),
    STRING_HIDDEN(actor_name, "who, as people write it"),
    STRING_HIDDEN(issuer, "who vouches for the actor"),
    STRING_HIDDEN(stage, "stage of the secret's version"),
    STRING_HIDDEN(store, "mount, vault or project that holds the secret"),
    STRING_HIDDEN(vpc_endpoint, "endpoint of a private network"),
    STRING_HIDDEN(country_claimed, "country, as the source says"),
    STRING_HIDDEN(ticket, "ticket that the reason names"),
    STRING_HIDDEN(shared_id, "id that other accounts see too"),
    STRING_HIDDEN(amends, "id of the record that this one amends"),
};
_Static_assert(KT_ARRAY_LEN(kt_sql_fields) < 64, "SQLite tells of 63 columns which are used");
const unsigned kt_sql_n_fields = KT_ARRAY_LEN(kt_sql_fields);
const unsigned kt_sql_field_seq = 0;

const struct kt_sql_column *kt_sql_event_columns(unsigned *ret_n)
{
    static struct kt_sql_column all[KT_ARRAY_LEN(kt_sql_fields)];
    for (unsigned i = 0; i < kt_sql_n_fields; i++)
        all[i] = kt_sql_fields[i].column;
    *ret_n = kt_sql_n_fields;
    return all;
}
