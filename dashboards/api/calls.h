/* calls: every call of the API, one line each: its function, and the path and roles of its route
 * (dashboards/server/routes.c reads this table; docs/api.md says what goes in and out). */
#pragma once
#include "dashboards/api/api.h"

/* What the self-audit records of a call, before it is answered. */
enum kt_api_note {
    KT_NOTE_NONE,     /* figures, lists of names */
    KT_NOTE_QUERY,    /* somebody searched: who, what, which window */
    KT_NOTE_RAW,      /* somebody looked at a raw record */
    KT_NOTE_EXPORT,   /* somebody took data away */
    KT_NOTE_QUESTION, /* as QUERY, of calls that answer one question together: one record for all */
    KT_NOTE_FILTER,   /* as QUERY, where there is a q */
    KT_NOTE_VALUES,   /* as QUERY, where values of records are offered: of which field */
};
/* X(name, method, path below /api/v1/, least role, note); a table a subject:
 * X(search, GET, "search", KT_ROLE_VIEWER, KT_NOTE_QUERY) */
/* clang-format off */
#define KT_API_EVENTS(X)                                                                           \
    X(search, GET, "search", KT_ROLE_VIEWER, KT_NOTE_QUESTION)                                     \
    X(record, GET, "record", KT_ROLE_VIEWER, KT_NOTE_RAW)                                          \
    X(histogram, GET, "histogram", KT_ROLE_VIEWER, KT_NOTE_QUESTION)                               \
    X(facets, GET, "facets", KT_ROLE_VIEWER, KT_NOTE_QUESTION)                                     \
    X(overview, GET, "overview", KT_ROLE_VIEWER, KT_NOTE_NONE)                                     \
    X(check, GET, "check", KT_ROLE_VIEWER, KT_NOTE_NONE)                                           \
    X(complete, GET, "complete", KT_ROLE_VIEWER, KT_NOTE_VALUES)                                   \
    X(timeline, GET, "timeline", KT_ROLE_VIEWER, KT_NOTE_QUERY)                                    \
    X(export, GET, "export", KT_ROLE_VIEWER, KT_NOTE_EXPORT)
#define KT_API_ALERTS(X)                                                                           \
    X(alerts, GET, "alerts", KT_ROLE_VIEWER, KT_NOTE_FILTER)                                       \
    X(alert, GET, "alert", KT_ROLE_VIEWER, KT_NOTE_RAW)                                            \
    X(alerts_act, POST, "alerts/act", KT_ROLE_RESPONDER, KT_NOTE_NONE)                             \
    X(silences, GET, "silences", KT_ROLE_VIEWER, KT_NOTE_NONE)                                     \
    X(silence_add, POST, "silences", KT_ROLE_RESPONDER, KT_NOTE_NONE)                              \
    X(silence_end, POST, "silences/end", KT_ROLE_RESPONDER, KT_NOTE_NONE)
#define KT_API_NAMES(X)                                                                            \
    X(actor, GET, "actor", KT_ROLE_VIEWER, KT_NOTE_QUERY)                                          \
    X(secret, GET, "secret", KT_ROLE_VIEWER, KT_NOTE_QUERY)                                        \
    X(ip, GET, "ip", KT_ROLE_VIEWER, KT_NOTE_QUERY)                                                \
    X(session, GET, "session", KT_ROLE_VIEWER, KT_NOTE_QUERY)                                      \
    X(source, GET, "source", KT_ROLE_VIEWER, KT_NOTE_QUERY)                                        \
    X(blast, GET, "blast", KT_ROLE_VIEWER, KT_NOTE_QUERY)
#define KT_API_HOUSE(X)                                                                            \
    X(coverage, GET, "coverage", KT_ROLE_VIEWER, KT_NOTE_NONE)                                     \
    X(map, GET, "map", KT_ROLE_VIEWER, KT_NOTE_QUESTION)                                           \
    X(integrity, GET, "integrity", KT_ROLE_VIEWER, KT_NOTE_NONE)                                   \
    X(verify, POST, "integrity/verify", KT_ROLE_AUDITOR, KT_NOTE_QUERY)                            \
    X(reports, GET, "reports", KT_ROLE_AUDITOR, KT_NOTE_NONE)                                      \
    X(reports_make, POST, "reports", KT_ROLE_AUDITOR, KT_NOTE_EXPORT)                              \
    X(report_file, GET, "reports/file", KT_ROLE_AUDITOR, KT_NOTE_EXPORT)                           \
    X(report_verify, POST, "reports/verify", KT_ROLE_AUDITOR, KT_NOTE_QUERY)                       \
    X(settings, GET, "settings", KT_ROLE_VIEWER, KT_NOTE_NONE)                                     \
    X(status, GET, "status", KT_ROLE_VIEWER, KT_NOTE_NONE)
#define KT_API_CALLS(X) KT_API_EVENTS(X) KT_API_ALERTS(X) KT_API_NAMES(X) KT_API_HOUSE(X)
/* What users with a scope may ask: calls whose answers are made of records through
 * core/answer/ask.h, which leaves out what does not fit, and of alerts of such records alone
 * (scoped.h). Others are refused, with a sentence. Each call stands in one of the two
 * (tests/unit/api_scope_oracle_test.c, which asks each of the first). */
#define KT_API_SCOPED(X)                                                                           \
    X(search) X(record) X(histogram) X(facets) X(overview) X(check) X(complete) X(timeline)        \
    X(export) X(alerts) X(alert) X(actor) X(secret) X(ip) X(session) X(source) X(map)
#define OF_HOUSE "this tells of the whole log: it is not for users with a scope"
#define KT_API_UNSCOPED(X)                                                                         \
    X(alerts_act, "what is done about an alert is told to all: not by users with a scope")         \
    X(silences, "silences name what they keep quiet, whoever's it is: not for users with a scope") \
    X(silence_add, "a silence keeps others' alerts quiet too: not by users with a scope")          \
    X(silence_end, "a silence keeps others' alerts quiet too: not by users with a scope")          \
    X(blast, "a blast radius that leaves out what does not fit a scope would be read as whole")    \
    X(coverage, "what is missing of a source is of all who use it: not for users with a scope")    \
    X(integrity, OF_HOUSE) X(verify, OF_HOUSE) X(reports, OF_HOUSE) X(reports_make, OF_HOUSE)      \
    X(report_file, OF_HOUSE) X(report_verify, OF_HOUSE) X(settings, OF_HOUSE) X(status, OF_HOUSE)
/* clang-format on */
#define X(name, method, path, role, note) kt_api_call kt_api_##name;
KT_API_CALLS(X)
#undef X
