/*
 * credential: what a responder has in hand (an access key id, a role session, a Vault accessor, a
 * name, an address), and the query that finds what was done with it.
 */
#pragma once
#include "core/answer/ask.h"

/* clang-format off */
#define KT_CREDENTIALS(X)                                                                          \
    X(CREDENTIAL, "credential") /* an access key id, an accessor, a token's id */                  \
    X(SESSION, "session")       /* of a role, a person, a device */                                \
    X(ACTOR, "actor")           /* a person, a service account, a role: all of its credentials */  \
    X(IP, "ip")                 /* an address or a network */
enum kt_credential_as {
#define X(n, w) KT_AS_##n,
    KT_CREDENTIALS(X)
#undef X
    KT_AS_COUNT
};
/* clang-format on */
const char *kt_credential_word(enum kt_credential_as as);

struct kt_credential {
    enum kt_credential_as as;
    struct kt_buf name;  /* canonical, or as it was given */
    struct kt_buf query; /* its records */
    struct kt_buf why;   /* a clause for people: "an access key id by its form" */
    bool exact;          /* columns say all of the query */
};
void kt_credential_done(struct kt_credential *c);

/*
 * By the form of the text, else by what the store has: actors first, then sessions and credentials.
 * as: a word of KT_CREDENTIALS decides; NULL: nobody did. What no record has is an actor without
 * records, and why says so. KT_E_INPUT: an unknown word; a text that is a secret itself (a Vault
 * token), which nobody should type.
 */
KT_MUST_USE enum kt_status kt_credential_find(struct kt_ask *a, struct kt_str text, const char *as,
                                              struct kt_credential *ret, struct kt_error *err);
/* Whose name or alias a text is, those for some sources only, too; NULL: nobody's. */
const struct kt_identity *kt_credential_identity(const struct kt_ask *a, struct kt_str text);
/* The session of a role (ARN arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION), in that account
 * alone. False: it is none, or one with characters that no role has. */
bool kt_credential_session(struct kt_str arn, struct kt_buf *query);
/* The actor of an ARN of a user or a role, as records have it: name@account. False: it is none. */
bool kt_credential_iam(struct kt_str arn, struct kt_buf *actor);
