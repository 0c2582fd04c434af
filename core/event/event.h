/*
 * event: one access to a secret, as every layer sees it (DESIGN §4, SOURCES §0).
 * Strings are borrowed: from the arena that decoded them, or from the canonical line that was read.
 */
#pragma once
#include "core/base/arena.h"
#include "core/base/ip.h"
#include "core/base/time.h"

/* clang-format off */
/* SOURCES §0.1: the closed verb set. A verb never depends on the outcome. */
#define KT_ACTIONS(X)                                                                              \
    X(OTHER, "other") X(READ, "read") X(READ_META, "read_meta") X(LIST, "list")                    \
    X(WRITE, "write") X(ROTATE, "rotate") X(DELETE, "delete") X(DESTROY, "destroy")                \
    X(RESTORE, "restore") X(GRANT, "grant") X(REVOKE, "revoke") X(RENEW, "renew")                  \
    X(ISSUE, "issue") X(USE, "use") X(LOGIN, "login") X(EXPORT, "export")                          \
    X(CONFIG, "config")
enum kt_action {
#define X(n, w) KT_ACT_##n,
    KT_ACTIONS(X)
#undef X
    KT_ACT_COUNT
};

#define KT_OUTCOMES(X)                                                                             \
    X(UNKNOWN, "unknown") X(SUCCESS, "success") X(DENIED, "denied") X(FAILURE, "failure")          \
    X(NOT_FOUND, "not_found")
enum kt_outcome {
#define X(n, w) KT_OUT_##n,
    KT_OUTCOMES(X)
#undef X
    KT_OUT_COUNT
};

#define KT_ACTOR_KINDS(X)                                                                          \
    X(UNKNOWN, "unknown") X(HUMAN, "human") X(SERVICE, "service") X(CI, "ci")                      \
    X(AI_AGENT, "ai_agent") X(ROOT, "root") X(ANONYMOUS, "anonymous")
enum kt_actor_kind {
#define X(n, w) KT_ACTOR_##n,
    KT_ACTOR_KINDS(X)
#undef X
    KT_ACTOR_COUNT
};

#define KT_IP_TRUSTS(X)                                                                            \
    X(NONE, "none") X(EDGE, "edge") X(CLAIMED, "client_claimed") X(SERVICE, "service")
enum kt_ip_trust {
#define X(n, w) KT_TRUST_##n,
    KT_IP_TRUSTS(X)
#undef X
    KT_TRUST_COUNT
};

/* From agents: ACCESS to EXPOSURE; the rest are control records of the collector. */
#define KT_KINDS(X)                                                                                \
    X(ACCESS, "access") X(AMEND, "amend") X(QUARANTINE, "quarantine") X(REDACTED, "redacted")      \
    X(REPORT, "report") X(INVENTORY, "inventory") X(EXPOSURE, "exposure") X(TICK, "tick")          \
    X(FACT, "fact") X(CONFIG, "config") X(DECISION, "decision") X(HOLD, "hold")                    \
    X(TOMBSTONE, "tombstone") X(KEY, "key") X(AUDIT, "audit")
enum kt_kind {
#define X(n, w) KT_KIND_##n,
    KT_KINDS(X)
#undef X
    KT_KIND_COUNT
};

/* What a source tells, not what is said about its records or its agent. */
static inline bool kt_kind_of_source(enum kt_kind kind)
{
    return kind == KT_KIND_ACCESS || kind == KT_KIND_AMEND || kind == KT_KIND_EXPOSURE ||
           kind == KT_KIND_INVENTORY;
}

/* Marks on a record; each is a word in the line's "flags". */
#define KT_FLAGS(X)                                                                                \
    X(REPAIRED, "repaired")     /* a value that one field could not hold was mended */             \
    X(INCOMPLETE, "incomplete") /* time, actor or action was missing */                            \
    X(FUTURE, "future")         /* event time beyond observed + 10 min */                          \
    X(PAST, "past")             /* event time before observed - 400 d */                           \
    X(ENTROPY, "entropy")       /* a kept string looks random; nothing was removed (R2) */         \
    X(REDACTED, "redacted")     /* R2 removed a token shape from a kept string */                  \
    X(RAW_DEVICE, "raw_device") /* the source writes values in the clear (Vault log_raw) */        \
    X(BULK, "bulk")             /* marker of a batch call; its members are records of their own */ \
    X(SHADOW, "shadow")         /* KMS call that a store made for a read recorded beside it */
enum kt_flag_bit {
#define X(n, w) KT_FLAG_BIT_##n,
    KT_FLAGS(X)
#undef X
    KT_FLAG_COUNT
};
#define KT_FLAG(n) (1u << KT_FLAG_BIT_##n)

#define KT_LIST_MAX 64
struct kt_list { /* strings of one event; cut at KT_LIST_MAX */
    unsigned n;
    struct kt_str at[KT_LIST_MAX];
};

/*
 * Field tables: the canonical line writes them in this order, absent ones (empty string, zero where
 * stated) not at all. The reader, the query language and `search` take the names from here too.
 * Grammar of the whole line, with the types beside these: line.h.
 */
#define KT_EVENT_STRINGS(X)                                                                        \
    X(source) X(instance) X(scope) X(native_id) X(operation) X(code)                               \
    X(message) X(actor) X(actor_native) X(actor_name) X(session) X(credential)                     \
    X(issuer) X(via) X(role) X(secret) X(secret_native) X(version)                                 \
    X(stage) X(store) X(ip_raw) X(user_agent) X(region) X(host)                                    \
    X(vpc_endpoint) X(country_claimed) X(reason) X(ticket) X(request_id) X(shared_id)              \
    X(amends)

/* clang-format on */

struct kt_event {
    enum kt_kind kind;
    enum kt_action action;
    enum kt_outcome outcome;
    enum kt_actor_kind actor_kind;
    enum kt_ip_trust ip_trust;
    uint32_t flags;       /* KT_FLAG() */
    uint32_t decoder;     /* version of the decoder */
    uint32_t part;        /* 0, 1, 2 … when one record gives several events; part of the id */
    uint32_t count;       /* secrets meant by a set; 0 = one, or unknown for a set */
    int mfa;              /* -1 no, 0 not said, 1 yes */
    kt_time_ns time;      /* event time as the source says; 0 = missing (INCOMPLETE) */
    kt_time_ns observed;  /* when the agent read it */
    kt_time_ns precision; /* of time, ns; 0 = 1 ns */
    kt_time_ns duration;  /* response minus request, ns; 0 = not known */
    bool has_ip;          /* ip is a parsed address */
    bool secret_guess;    /* canonical=false: the id is not final (SOURCES §0.4) */
    struct kt_ip ip;
#define X(n) struct kt_str n;
    KT_EVENT_STRINGS(X)
#undef X
    struct kt_str raw; /* the redacted original, or the body of a report/quarantine/control record:
                          one compact JSON object */
    /* What keep.h alone wrote: while raw is still that, it surely is one. Of such a raw: the bytes
     * from the first of its strings to the last, where they were copied from, and the part of it
     * that says more than they do. */
    struct kt_str raw_sound, raw_of, raw_own;
    struct kt_list groups; /* policies or groups of the actor */
    struct kt_list fields; /* field names inside the secret */
};

/* Empties ev. Three quarters of an event are places of its lists, which few events fill: they are
 * left alone, here and by kt_event_copy. */
static inline void kt_event_clear(struct kt_event *ev)
{
    memset(ev, 0, offsetof(struct kt_event, groups));
    ev->groups.n = ev->fields.n = 0;
}
/* Was it said of these very bytes that keep.h wrote them? Who exchanged raw since need not know. */
static inline bool kt_event_raw_is_sound(const struct kt_event *ev)
{
    return ev->raw_sound.at == ev->raw.at && ev->raw_sound.len == ev->raw.len;
}
static inline void kt_list_copy(struct kt_list *to, const struct kt_list *from)
{
    to->n = from->n;
    if (from->n > 0)
        memcpy(to->at, from->at, from->n * sizeof from->at[0]);
}
static inline void kt_event_copy(struct kt_event *to, const struct kt_event *from)
{
    memcpy(to, from, offsetof(struct kt_event, groups));
    kt_list_copy(&to->groups, &from->groups);
    kt_list_copy(&to->fields, &from->fields);
}

const char *kt_action_word(enum kt_action a);
const char *kt_outcome_word(enum kt_outcome o);
const char *kt_actor_kind_word(enum kt_actor_kind k);
const char *kt_ip_trust_word(enum kt_ip_trust t);
const char *kt_kind_word(enum kt_kind k);
/* Index of word, or -1. */
int kt_action_of(struct kt_str word);
int kt_outcome_of(struct kt_str word);
int kt_actor_kind_of(struct kt_str word);
int kt_ip_trust_of(struct kt_str word);
int kt_kind_of(struct kt_str word);

/* 128 bits of BLAKE2b over (source, scope, native_id, part); the instance enters only when scope is
 * empty and the native id is not unique by itself, which a decoder says by setting scope to the
 * instance. Never the time (DESIGN §4). Records about an event (any kind but access) that carry its
 * native id have another id: the kind enters theirs. */
void kt_event_id(const struct kt_event *ev, uint8_t ret[16]);
/* Digest of the access itself: time, who, what, version, where, action, operation, outcome. Same
 * id, other digest: a conflict. */
void kt_event_access_digest(const struct kt_event *ev, uint8_t ret[16]);
/* DETECTION §2.8: read, export, issue, or use, with a secret id (use of a bare key of aws-kms
 * or az-kv is none, nor is a shadow). Any outcome: a denied read is a probe, which the caller tells
 * apart. */
bool kt_event_is_read(const struct kt_event *ev);
/* A use of KMS by Secrets Manager for a read or a write that is recorded beside it (SOURCES §1.4):
 * no access of its own. Of parameters there is none, since a call for a path names none of them. */
bool kt_event_is_shadow(const struct kt_event *ev);
struct kt_access { /* what both are judged by: columns have it all, and have no flags */
    enum kt_action action;
    struct kt_str source, secret;
    bool has_ip;
};
/* Of a secret, whichever: of all others than `use` the action says it. */
static inline bool kt_action_is_read(enum kt_action action)
{
    return action == KT_ACT_READ || action == KT_ACT_EXPORT || action == KT_ACT_ISSUE;
}
bool kt_access_is_read(const struct kt_access *a);
bool kt_access_is_shadow(const struct kt_access *a);
