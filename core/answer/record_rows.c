/*
 * record_rows: records as rows. JSON, NDJSON and CSV have every field; the table what one reads at
 * 03:00.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event, core/query/query.h (facts).
 */
#include "core/answer/record_rows.h"

#include <string.h>

#include "core/base/enc.h"

/* What a report or a quarantined record says stands in its kind, operation and message. */
/* clang-format off */
#define COLUMNS(KINDS)                                                                             \
    { "seq", NULL, 0, true },                                                                      \
    { "id", NULL, 0, false },                                                                      \
    { "time", "TIME (UTC)", 0, false },                                                            \
    { "arrival", NULL, 0, false },                                                                 \
    { "stored", NULL, 0, false },                                                                  \
    { "kind", KINDS("KIND"), 0, false },                                                           \
    { "source", NULL, 0, false },                                                                  \
    { "instance", "SOURCE", 20, false },                                                           \
    { "native_id", NULL, 0, false },                                                               \
    { "action", "ACTION", 0, false },                                                              \
    { "operation", KINDS("OPERATION"), 0, false },                                                 \
    { "outcome", "OUTCOME", 0, false },                                                            \
    { "code", NULL, 0, false },                                                                    \
    { "message", KINDS("MESSAGE"), 0, false },                                                     \
    { "actor", "ACTOR", 36, false },                                                               \
    { "actor_native", NULL, 0, false },                                                            \
    { "actor_kind", NULL, 0, false },                                                              \
    { "session", NULL, 0, false },                                                                 \
    { "credential", NULL, 0, false },                                                              \
    { "via", NULL, 0, false },                                                                     \
    { "role", NULL, 0, false },                                                                    \
    { "secret", "SECRET", 60, false },                                                             \
    { "secret_native", NULL, 0, false },                                                           \
    { "version", NULL, 0, false },                                                                 \
    { "ip", "ADDRESS", 40, false },                                                                \
    { "ip_raw", NULL, 0, false },                                                                  \
    { "ip_trust", NULL, 0, false },                                                                \
    { "country", "CC", 0, false },                                                                 \
    { "asn", "ASN", 0, true },                                                                     \
    { "org", NULL, 0, false },                                                                     \
    { "user_agent", NULL, 0, false },                                                              \
    { "region", NULL, 0, false },                                                                  \
    { "host", NULL, 0, false },                                                                    \
    { "request_id", NULL, 0, false },                                                              \
    { "reason", NULL, 0, false },                                                                  \
    { "agent", NULL, 0, false },                                                                   \
    { "conflict", NULL, 0, false },                                                                \
    { "original", NULL, 0, false },
/* clang-format on */
#define HIDDEN(title) NULL
#define SHOWN(title)  title
static const struct kt_column columns[] = { COLUMNS(HIDDEN) };
static const struct kt_column columns_with_kinds[] = { COLUMNS(SHOWN) };
enum { N_COLUMNS = KT_ARRAY_LEN(columns) };

/* A table has no column for the kind: what is no access says its kind in place of what was done,
 * and its own word in place of how that ended. */
static void say_kind(const struct kt_event *e, struct kt_str *action, struct kt_str *outcome)
{
    if (e->kind == KT_KIND_ACCESS || e->kind == KT_KIND_AMEND)
        return;
    *action = kt_str_of(kt_kind_word(e->kind));
    *outcome = e->code;
}

void kt_record_rows_add(struct kt_rows *rows, const struct kt_record *r, const struct kt_fact *fact)
{
    const struct kt_event *e = &r->ev;
    uint8_t id[16];
    char id_text[KT_ID_TEXT], ip_text[KT_IP_TEXT_MAX];
    kt_event_id(e, id);
    struct kt_str ip = e->has_ip ? kt_str_of(kt_ip_format(e->ip, ip_text)) : KT_STR_NONE;
    struct kt_str action = kt_str_of(kt_action_word(e->action));
    struct kt_str outcome = kt_str_of(kt_outcome_word(e->outcome));
    if (kt_rows_for_people(rows))
        say_kind(e, &action, &outcome);
    struct kt_cell null = { .type = KT_CELL_NULL };
    struct kt_cell cells[N_COLUMNS] = {
        kt_cell_int((int64_t)r->seq),
        kt_cell_str(kt_str_of(kt_id_format(id, id_text))),
        kt_cell_time(e->time),
        kt_cell_time(r->arrival),
        kt_cell_time(r->stored),
        kt_cell_str(kt_str_of(kt_kind_word(e->kind))),
        kt_cell_str(e->source),
        kt_cell_str(e->instance),
        kt_cell_str(e->native_id),
        kt_cell_str(action),
        kt_cell_str(e->operation),
        kt_cell_str(outcome),
        kt_cell_str(e->code),
        kt_cell_str(e->message),
        kt_cell_str(e->actor),
        kt_cell_str(e->actor_native),
        kt_cell_str(kt_str_of(kt_actor_kind_word(e->actor_kind))),
        kt_cell_str(e->session),
        kt_cell_str(e->credential),
        kt_cell_str(e->via),
        kt_cell_str(e->role),
        kt_cell_str(e->secret),
        kt_cell_str(e->secret_native),
        kt_cell_str(e->version),
        kt_cell_str(ip),
        kt_cell_str(e->ip_raw.len > 0 ? e->ip_raw : ip),
        kt_cell_str(kt_str_of(kt_ip_trust_word(e->ip_trust))),
        fact != NULL ? kt_cell_str(fact->country) : null,
        fact != NULL && fact->asn != 0 ? kt_cell_int(fact->asn) : null,
        fact != NULL ? kt_cell_str(fact->org) : null,
        kt_cell_str(e->user_agent),
        kt_cell_str(e->region),
        kt_cell_str(e->host),
        kt_cell_str(e->request_id),
        kt_cell_str(e->reason),
        kt_cell_str(r->agent),
        { .type = KT_CELL_BOOL, .i = r->conflict },
        e->raw.len > 0 ? (struct kt_cell){ .type = KT_CELL_RAW, .str = e->raw } : null,
    };
    kt_rows_add(rows, cells);
}

struct kt_rows *kt_record_rows_new(enum kt_output how, bool kinds, bool header, kt_rows_put *put,
                                   void *self)
{
    return kt_rows_to(how, kinds ? columns_with_kinds : columns, N_COLUMNS, header, put, self);
}
