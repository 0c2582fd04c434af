/*
 * sql_relations: alerts, sources and coverage, as views over events and alert_documents.
 *
 * Owns:  nothing; constant tables.
 * Calls: core/store/sql.h.
 */
#include "cli/sql_relations.h"

#include "core/base/err.h"

/* ns since 1970 as events shows times, so that both compare as text; NULL stays NULL. */
#define AS_TIME(ns)                                                                                \
    "CASE WHEN " ns " > 0 THEN strftime('%Y-%m-%dT%H:%M:%S', " ns " / 1000000000, 'unixepoch')"    \
    " || printf('.%09dZ', " ns " % 1000000000) END"
#define OF_ALERT(key) "json_extract(document, '$." key "')"
#define SAME(key)     " " OF_ALERT(key) " AS " key ","
#define OF_LIFE(key)  "json_extract(life, '$." key "')"

static const struct kt_sql_column alert_columns[] = {
    { "id", "TEXT", "id of the alert: never changes", false },
    { "opened", "TEXT", "when it was raised first", false },
    { "updated", "TEXT", "when something about it changed last", false },
    { "severity", "TEXT", "info, low, medium, high, critical", false },
    { "score", "REAL", "sum of what the detectors gave", false },
    { "detector", "TEXT", "the one that gave most", false },
    { "actor", "TEXT", "who", false },
    { "ip", "TEXT", "from where", false },
    { "country", "TEXT", "country of the address", false },
    { "secret", "TEXT", "the secret, when it is about one", false },
    { "source", "TEXT", "type of the source", false },
    { "instance", "TEXT", "the source as it is configured", false },
    { "title", "TEXT", "what, in one sentence", false },
    { "normal", "TEXT", "what is normal, in one sentence", false },
    { "why", "TEXT", "why it matters", false },
    { "state", "TEXT", "open, updated, closed", false },
    { "first", "TEXT", "time of the first evidence", false },
    { "last", "TEXT", "time of the last evidence", false },
    { "events", "INTEGER", "accesses that are evidence", false },
    { "secrets", "INTEGER", "different secrets among them", false },
    { "merged_into", "TEXT", "alert that took it over", false },
    { "suppressed_by", "TEXT", "the expectation that kept it quiet; NULL: none", false },
    { "status", "TEXT", "open, acknowledged, closed: by people, a merge, or its own end", false },
    { "acknowledged_at", "TEXT", "since when somebody has it; NULL: nobody has", false },
    { "acknowledged_by", "TEXT", "who", false },
    { "assignee", "TEXT", "to whom it is assigned", false },
    { "closed_at", "TEXT", "when it was closed; NULL: it is not", false },
    { "closed_by", "TEXT", "who", false },
    { "verdict", "TEXT", "true, false, expected: what it was", false },
    { "note", "TEXT", "the newest note, or reason of a close or a reopening", false },
};
/* clang-format off */
static const char alerts[] =
    "SELECT id, " AS_TIME("opened_ns") " AS opened, " AS_TIME("updated_ns") " AS updated,"
    SAME("severity") OF_ALERT("score") " / 100.0 AS score," SAME("detector") SAME("actor")
    SAME("ip") SAME("country") SAME("secret") SAME("source") SAME("instance") SAME("title")
    SAME("normal") SAME("why") SAME("state")
    AS_TIME(OF_ALERT("first")) " AS first, " AS_TIME(OF_ALERT("last")) " AS last, "
    OF_ALERT("events_count") " AS events, " OF_ALERT("secrets_count") " AS secrets, "
    OF_ALERT("merged_into") " AS merged_into, " OF_ALERT("suppressed_by") " AS suppressed_by,"
    " CASE WHEN " OF_ALERT("merged_into") " IS NOT NULL OR (" OF_ALERT("detector") " = 'self' AND "
    OF_ALERT("state") " = 'closed') THEN 'closed' ELSE coalesce(" OF_LIFE("status")
    ", 'open') END AS status, "
    AS_TIME(OF_LIFE("acknowledged_at")) " AS acknowledged_at, "
    OF_LIFE("acknowledged_by") " AS acknowledged_by, " OF_LIFE("assignee") " AS assignee, "
    AS_TIME(OF_LIFE("closed_at")) " AS closed_at, " OF_LIFE("closed_by") " AS closed_by, "
    OF_LIFE("verdict") " AS verdict, " OF_LIFE("note") " AS note FROM alert_documents";
/* clang-format on */

static const struct kt_sql_column source_columns[] = {
    { "source", "TEXT", "type of the source", false },
    { "instance", "TEXT", "the source as it is configured", false },
    { "agent", "TEXT", "agents that sent it, comma between", false },
    { "events", "INTEGER", "accesses", false },
    { "amended", "INTEGER", "late halves and addenda", false },
    { "quarantined", "INTEGER", "records that could not be read", false },
    { "redacted", "INTEGER", "notes that a value was removed", false },
    { "reports", "INTEGER", "heartbeats of its agent", false },
    { "first_event", "TEXT", "time of the oldest access", false },
    { "last_event", "TEXT", "time of the newest access", false },
    { "last_arrival", "TEXT", "arrival of the newest record", false },
    { "last_report", "TEXT", "arrival of the newest heartbeat; NULL: imported", false },
    { "lag_bytes", "INTEGER", "what the agent had not read then", false },
    { "position", "TEXT", "where the agent was then", false },
    { "blind", "TEXT", "what it could not see then: a JSON array of sentences", false },
    { "limits", "TEXT", "what its service never tells: the same", false },
};
#define LAST_REPORT(key)                                                                           \
    "(SELECT json_extract(r.original, '$." key "') FROM events AS r WHERE r.kind = 'report'"       \
    " AND r.instance = s.instance ORDER BY r.seq DESC LIMIT 1)"
/* clang-format off */
static const char sources[] =
    "SELECT source, instance, agent, events, amended, quarantined, redacted, reports,"
    AS_TIME("first") " AS first_event, " AS_TIME("last") " AS last_event, "
    AS_TIME("arrived") " AS last_arrival, " AS_TIME("reported") " AS last_report,"
    " CASE WHEN reports > 0 THEN " LAST_REPORT("lag") " END AS lag_bytes,"
    " CASE WHEN reports > 0 THEN " LAST_REPORT("position") " END AS position,"
    " CASE WHEN reports > 0 THEN " LAST_REPORT("blind") " END AS blind,"
    " CASE WHEN reports > 0 THEN " LAST_REPORT("limits") " END AS limits"
    " FROM (SELECT source, instance, group_concat(DISTINCT agent) AS agent,"
    " sum(kind = 'access') AS events, sum(kind = 'amend') AS amended,"
    " sum(kind = 'quarantine') AS quarantined, sum(kind = 'redacted') AS redacted,"
    " sum(kind = 'report') AS reports,"
    " min(CASE WHEN kind = 'access' THEN time_ns END) AS first,"
    " max(CASE WHEN kind = 'access' THEN time_ns END) AS last,"
    " max(arrival_ns) AS arrived, max(CASE WHEN kind = 'report' THEN arrival_ns END) AS reported"
    " FROM events WHERE instance IS NOT NULL GROUP BY source, instance) AS s";
/* clang-format on */

static const struct kt_sql_column coverage_columns[] = {
    { "source", "TEXT", "type of the source", false },
    { "instance", "TEXT", "the source as it is configured", false },
    { "day", "TEXT", "UTC day, from its first to its last one", false },
    { "events", "INTEGER", "accesses; 0: a gap, or nobody asked", false },
    { "quarantined", "INTEGER", "records that could not be read", false },
    { "reports", "INTEGER", "heartbeats: the agent was there", false },
    { "first_event", "TEXT", "time of the day's first access", false },
    { "last_event", "TEXT", "time of the day's last access", false },
};
/* Days as numbers while they are counted: integers sort faster than text. */
/* clang-format off */
static const char coverage[] =
    "WITH RECURSIVE seen AS MATERIALIZED ("
    "SELECT source, instance, time_ns / 86400000000000 AS number, sum(kind = 'access') AS events,"
    " sum(kind = 'quarantine') AS quarantined, sum(kind = 'report') AS reports,"
    " min(CASE WHEN kind = 'access' THEN time_ns END) AS first,"
    " max(CASE WHEN kind = 'access' THEN time_ns END) AS last"
    " FROM events WHERE instance IS NOT NULL AND time_ns > 0"
    " GROUP BY source, instance, number),"
    " days(source, instance, number, until) AS ("
    "SELECT source, instance, min(number), max(number) FROM seen GROUP BY source, instance"
    " UNION ALL SELECT source, instance, number + 1, until FROM days WHERE number < until)"
    " SELECT d.source AS source, d.instance AS instance,"
    " date(d.number * 86400, 'unixepoch') AS day, coalesce(n.events, 0) AS events,"
    " coalesce(n.quarantined, 0) AS quarantined, coalesce(n.reports, 0) AS reports, "
    AS_TIME("n.first") " AS first_event, " AS_TIME("n.last") " AS last_event"
    " FROM days AS d LEFT JOIN seen AS n"
    " ON n.source IS d.source AND n.instance = d.instance AND n.number = d.number"
    " ORDER BY source, instance, day";
/* clang-format on */

const struct kt_sql_view kt_sql_views[] = {
    { "alerts", "what was raised", alerts, alert_columns, KT_ARRAY_LEN(alert_columns) },
    { "sources", "a row a source instance, from all that is stored", sources, source_columns,
      KT_ARRAY_LEN(source_columns) },
    { "coverage", "a row a source instance and day, days without a record too", coverage,
      coverage_columns, KT_ARRAY_LEN(coverage_columns) },
};
const unsigned kt_sql_n_views = KT_ARRAY_LEN(kt_sql_views);

const struct kt_sql_column kt_sql_document_columns[] = {
    { "id", "TEXT", "id of the alert", false },
    { "opened_ns", "INTEGER", "when it was raised first, ns since 1970", false },
    { "updated_ns", "INTEGER", "when something about it changed last, the same", false },
    { "document", "TEXT", "all of it, for json_extract and json_each", false },
    { "life", "TEXT", "what people did about it, the same; NULL: nothing yet", false },
};
const unsigned kt_sql_n_document_columns = KT_ARRAY_LEN(kt_sql_document_columns);
