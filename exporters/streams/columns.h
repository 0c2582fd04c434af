/*
 * columns: the one flat form of an item, which CSV, ClickHouse and PostgreSQL share: a row of table
 * `events`. Alerts are rows too, of kind alert: one a state. Pure.
 */
#pragma once
#include "exporters/streams/stream.h"

enum kt_column_form {
    KT_COLUMN_TEXT,
    KT_COLUMN_NUMBER, /* an integer, written without quotes */
    KT_COLUMN_TIME,   /* an integer, ns since the epoch; 0 = not known */
};
/* X(name, form). The order is the order everywhere; the types of a database are in its schema. */
/* clang-format off */
#define KT_STREAM_COLUMNS(X) X(id, TEXT) KT_STREAM_COLUMNS_BEHIND_ID(X)
#define KT_STREAM_COLUMNS_BEHIND_ID(X)                                                             \
    X(about, TEXT) X(time, TIME) X(arrival, TIME) X(stored, TIME) X(deployment, TEXT)              \
    X(log, TEXT) X(seq, NUMBER) X(kind, TEXT) X(source, TEXT) X(instance, TEXT) X(scope, TEXT)     \
    X(action, TEXT) X(operation, TEXT) X(outcome, TEXT) X(code, TEXT) X(actor, TEXT)               \
    X(actor_kind, TEXT) X(actor_name, TEXT) X(session, TEXT) X(credential, TEXT) X(role, TEXT)     \
    X(secret, TEXT) X(version, TEXT) X(store, TEXT) X(ip, TEXT) X(country, TEXT) X(asn, NUMBER)    \
    X(network, TEXT) X(user_agent, TEXT) X(region, TEXT) X(host, TEXT) X(reason, TEXT)             \
    X(ticket, TEXT) X(request_id, TEXT) X(message, TEXT) X(severity, TEXT) X(score, NUMBER)        \
    X(detector, TEXT) X(state, TEXT) X(conflict, NUMBER) X(line, TEXT)
/* clang-format on */
enum kt_stream_column {
#define X(name, form) KT_SC_##name,
    KT_STREAM_COLUMNS(X)
#undef X
        KT_SC_COUNT
};
extern const struct kt_stream_column_of {
    const char *name;
    enum kt_column_form form;
} kt_stream_columns[KT_SC_COUNT];

struct kt_stream_row { /* by column: text of a TEXT, else number */
    struct kt_str text[KT_SC_COUNT];
    int64_t number[KT_SC_COUNT];
    char ip[KT_IP_TEXT_MAX];
};
/* Texts borrow from the item, from ret and from static words. time: the event's, else its arrival;
 * of an alert, when this state of it was written (stored). */
void kt_stream_row_of(const struct kt_stream_item *item, struct kt_stream_row *ret);
