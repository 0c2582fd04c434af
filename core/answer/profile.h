/*
 * profile: what the log says of one secret, actor, address or session: how often, since when, from
 * where, with what, what is usual for it, and what is new in the window against everything before.
 *
 * Three spans of event time are walked, each as far as it has to be:
 *   the window   what is asked about; everything of it is counted
 *   the usual    the days before it: what is normal; counted too
 *   before       all older records, oldest first, only until each value that needs a date has one
 * So a question about a day of a long log does not read the log. Secrets, actors and addresses are
 * counted over columns; a session is not in the columns, so its lines are read.
 *
 * `who` is the profile of a secret of which only reads are counted.
 */
#pragma once
#include "core/answer/ask.h"

enum kt_profile_kind {
    KT_PROFILE_SECRET,   /* an id, the end of one, or a glob; sets that hold it count as it */
    KT_PROFILE_ACTOR,    /* a name, an alias of it, or a glob */
    KT_PROFILE_IP,       /* an address or a network */
    KT_PROFILE_SESSION,  /* a session or a credential, as the source writes it */
    KT_PROFILE_INSTANCE, /* a source: all that came from it */
    KT_PROFILE_ALL, /* every access, whatever the value; of its lists actors, secrets, addresses and
                       countries are told to be new, and user agents are not counted */
    KT_PROFILE_KINDS
};
/* clang-format off */
#define KT_PROFILE_LISTS(X)                                                                        \
    X(ACTORS, "actor") X(SECRETS, "secret") X(ADDRESSES, "address") X(NETWORKS, "network")         \
    X(COUNTRIES, "country") X(ASNS, "asn") X(INSTANCES, "instance") X(AGENTS, "user_agent")        \
    X(SESSIONS, "session") X(CREDENTIALS, "credential")
/* clang-format on */
enum kt_profile_list {
#define X(n, w) KT_PROFILE_##n,
    KT_PROFILE_LISTS(X)
#undef X
        KT_PROFILE_LIST_COUNT
};
const char *kt_profile_list_word(enum kt_profile_list list);

struct kt_profile_entry { /* one value of a list */
    struct kt_str value;  /* networks: /24 of IPv4, /48 of IPv6; ASNs: "AS3320" */
    struct kt_str more;   /* country of an address or network, organisation of an ASN, source of an
                             instance; empty: not known */
    enum kt_actor_kind kind;        /* of an actor */
    uint64_t events, reads, failed; /* of the window: all; successful reads; denied, failed, not
                                       found */
    uint64_t usual, usual_reads;    /* of the usual span: events; successful reads */
    uint32_t usual_on;      /* bit d: day d of it has one; of actors, secrets and addresses */
    kt_time_ns first, last; /* first of the whole log where `dated`, else of window and
                               usual span */
    kt_time_ns last_read;   /* of window and usual span, with success; 0: none */
    bool dated;             /* first is the first of the whole log */
    bool is_new;            /* of the window; nothing before it has the value */
    bool maybe_new; /* of the window, and not in the usual span; what is before was not looked
                       through to its end (`before_max`) */
    /* of an actor who reads a secret, in the window; new: not in the usual span */
    uint32_t addresses, new_addresses, new_countries;
    struct kt_str countries; /* "DE FR", a new one with "!" behind it: "DE FR!" */
};
struct kt_profile { /* all of it lives until kt_profile_free, and as long as the ask */
    enum kt_profile_kind kind;
    kt_time_ns since, until, usual_since; /* spans; since 0: the window is the whole log */
    double usual_days;                    /* of the usual span, as far as there were records then */
    uint64_t events, reads, failed, usual, usual_reads, usual_failed;
    kt_time_ns first, last; /* of the whole log; 0: there is nothing */
    bool by; /* what is before was not looked through: it may have been there before `first`, or at
                all where that is 0 */
    uint64_t count[KT_ACT_COUNT][KT_OUT_COUNT], usual_count[KT_ACT_COUNT][KT_OUT_COUNT];
    uint32_t heat[7][24]; /* Monday first; window and usual span, in the ask's zone */
    /* Events by day in the ask's zone, window and usual span; of more than KT_PROFILE_DAYS_MAX days
     * several are one step. */
    kt_time_ns day_from, day_step;
    uint32_t (*day)[KT_OUT_COUNT];
    uint32_t n_days;
    /* Most events in the window first, then most in the usual span, then by value. */
    struct kt_profile_entry *list[KT_PROFILE_LIST_COUNT];
    uint32_t n[KT_PROFILE_LIST_COUNT];
    /* Lines were read for sessions and credentials: the newest `lines` of the window; cut: there
     * are more. */
    uint64_t lines;
    bool cut;
    /* Where it was asked for, of one address: its network, of which addresses alone are counted and
     * nothing is new. NULL: none. */
    const struct kt_profile *around;
};
struct kt_profile_ask {
    enum kt_profile_kind kind;
    struct kt_str value;
    kt_time_ns usual;    /* length of the usual span; 0: none, nothing is compared */
    bool reads_only;     /* read, export, issue, use */
    bool sessions;       /* fill SESSIONS and CREDENTIALS, for which lines are opened */
    bool around;         /* an address: count those of its network in the same walk */
    bool undated;        /* leave `before` alone: nothing is dated or new */
    bool quick;          /* in what is before only what may be new is looked for: much less is read,
                            and of the rest `first` is no date of the whole log */
    uint64_t before_max; /* most segments of what is before that are looked at; 0: all */
    bool exact;          /* value is a name as it stands: a `*` in it is no pattern */
    uint64_t lines;      /* most that are opened for sessions; 0: KT_PROFILE_LINES_MAX */
};
#define KT_PROFILE_DAYS_MAX   500u
#define KT_PROFILE_VALUES_MAX 500000u /* of a list */
#define KT_PROFILE_LINES_MAX  50000u
/* KT_E_INPUT: the value is no address, or no pattern. KT_E_LIMIT: more values than the bound. */
KT_MUST_USE enum kt_status kt_profile_load(struct kt_ask *a, const struct kt_profile_ask *what,
                                           struct kt_profile **ret, struct kt_error *err);
void kt_profile_free(struct kt_profile *p);
/* The i-th thing that one asks next: a command ("who") and what it is asked about. False: no more.
 */
bool kt_profile_next(const struct kt_profile *p, const struct kt_profile_ask *what, unsigned i,
                     const char **ret_verb, struct kt_str *ret_value);
/* The source instance that all of it came from; empty: several, or none. */
struct kt_str kt_profile_instance(const struct kt_profile *p);
/* The terms of a query that find the profile's records: what can be asked again of `search`. */
KT_MUST_USE enum kt_status kt_profile_query(const struct kt_ask *a,
                                            const struct kt_profile_ask *what, struct kt_buf *out,
                                            struct kt_error *err);
