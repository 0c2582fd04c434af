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
/* X(name, form, ClickHouse's type, PostgreSQL's type). The order is the order everywhere. */
/* clang-format off */
#define KT_STREAM_COLUMNS(X)                                                                       \
    X(id, TEXT, "String", "text")             X(about, TEXT, "String", "text")                     \
    X(time, TIME, "Int64", "timestamptz")     X(arrival, TIME, "Int64", "timestamptz")             \
    X(stored, TIME, "Int64", "timestamptz")   X(deployment, TEXT, "String", "text")                \
    X(log, TEXT, "String", "text")            X(seq, NUMBER, "UInt64", "bigint")                   \
    X(kind, TEXT, "String", "text")           X(source, TEXT, "String", "text")                    \
    X(instance, TEXT, "String", "text")       X(scope, TEXT, "String", "text")                     \
    X(action, TEXT, "String", "text")         X(operation, TEXT, "String", "text")                 \
    X(outcome, TEXT, "String", "text")        X(code, TEXT, "String", "text")                      \
    X(actor, TEXT, "String", "text")          X(actor_kind, TEXT, "String", "text")                \
    X(actor_name, TEXT, "String", "text")     X(session, TEXT, "String", "text")                   \
    X(credential, TEXT, "String", "text")     X(role, TEXT, "String", "text")                      \
    X(secret, TEXT, "String", "text")         X(version, TEXT, "String", "text")                   \
    X(store, TEXT, "String", "text")          X(ip, TEXT, "String", "text")                        \
    X(country, TEXT, "String", "text")        X(asn, NUMBER, "UInt32", "bigint")                   \
    X(network, TEXT, "String", "text")        X(user_agent, TEXT, "String", "text")                \
    X(region, TEXT, "String", "text")         X(host, TEXT, "String", "text")                      \
    X(reason, TEXT, "String", "text")         X(ticket, TEXT, "String", "text")                    \
    X(request_id, TEXT, "String", "text")     X(message, TEXT, "String", "text")                   \
    X(severity, TEXT, "String", "text")       X(score, NUMBER, "Int32", "integer")                 \
    X(detector, TEXT, "String", "text")       X(state, TEXT, "String", "text")                     \
    X(conflict, NUMBER, "UInt8", "smallint")  X(line, TEXT, "String", "text")
/* clang-format on */
enum kt_stream_column {
#define X(name, form, clickhouse, postgres) KT_SC_##name,
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
