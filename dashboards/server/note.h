/*
 * note: what somebody looks at on the page becomes a record of the log before it is shown (THREATS
 * L1): the collector is asked over its control socket and answers after its commit.
 *
 * The same question of the same session within five minutes is one record. Failed logins of one
 * address likewise, and at most 60 a minute in all: beyond that they are counted in the page's log.
 * Where the collector does not answer, what is not raw records or exports waits, and says later
 * when it was; of more than 256 failed logins are dropped first, and their number is noted.
 */
#pragma once
#include "core/base/ip.h"
#include "dashboards/api/calls.h"

struct kt_page_notes; /* for several threads */
/* control: the collector's socket, lent; NULL: a store without a collector, nothing is noted, which
 * is logged once. */
struct kt_page_notes *kt_page_notes_new(const char *control);
void kt_page_notes_free(struct kt_page_notes *n); /* what waits is noted before */

enum kt_page_what {
    KT_PAGE_NOTHING,
    KT_PAGE_QUERY,
    KT_PAGE_RAW,
    KT_PAGE_EXPORT,
    KT_PAGE_LOGIN,
    KT_PAGE_LOGOUT,
    KT_PAGE_LOGIN_FAILED,
    /* A query that several calls answer together: one record for all of them. */
    KT_PAGE_QUESTION,
};
struct kt_page_view { /* all lent */
    enum kt_page_what what;
    struct kt_str user;               /* of a failed login: as it was typed */
    const char *role;                 /* NULL: none */
    const char *call;                 /* path below /api/v1/; NULL: none */
    const struct kt_api_param *param; /* what was asked */
    unsigned n_params;
    bool window;                /* since and until are these, whatever the parameters say */
    struct kt_str since, until; /* as texts */
    struct kt_ip from;
    uint64_t session; /* kt_web_who.id; 0: none */
};
/* The same where nothing waits for it (logins, logouts): a thread asks. */
void kt_page_note_later(struct kt_page_notes *n, const struct kt_page_view *v, kt_time_ns now);
/* KT_OK: noted, or not to be noted. Where the collector cannot be asked within 2 s, queries go
 * on and are noted when it answers, raw records and exports do not: KT_E_LIMIT (503). */
KT_MUST_USE enum kt_status kt_page_note(struct kt_page_notes *n, const struct kt_page_view *v,
                                        kt_time_ns now, struct kt_error *err);
