/*
 * identity_suggest: which actors of the log are one person, and what says so.
 *
 * Two names are compared only where the names themselves, a display name or the source's own id of
 * the account relate them; what they did then raises or lowers the confidence. Machines are never
 * part of a suggestion, nor are two accounts of one directory (two e-mails of a domain, two logins
 * of a host) unless the source itself says that they are one.
 */
#pragma once
#include "core/config/identities.h"
#include "core/event/event.h"

enum kt_reason {                          /* bits */
                 KT_REASON_ID = 1,        /* the source has one id for both */
                 KT_REASON_MAIL = 2,      /* the records of one name the other's e-mail */
                 KT_REASON_LOCAL = 4,     /* the same name before the '@' */
                 KT_REASON_ONLY = 8,      /* … and no other e-mail has it */
                 KT_REASON_DISPLAY = 16,  /* the display name is the other's name */
                 KT_REASON_INITIAL = 32,  /* initial and surname */
                 KT_REASON_TOGETHER = 64, /* at one address within the same hour */
                 KT_REASON_CLIENT = 128,  /* with the same client */
                 KT_REASON_APART =
                     256, /* at the same hours, at different addresses: speaks against it */
};
#define KT_CONFIDENT_MEDIUM 50
#define KT_CONFIDENT_HIGH   75
struct kt_suggestion {
    struct kt_str name;   /* canonical: the identity's, else the e-mail with the most events */
    struct kt_str alias;  /* to be added to it */
    struct kt_str beside; /* the name of the same person that the reasons are about */
    unsigned reasons;     /* enum kt_reason */
    int score;            /* 0-99 */
    uint64_t events;      /* of the alias */
    unsigned together_hours, together_addresses, apart_hours;
    unsigned address_users; /* names at the address that the fewest share of those */
    bool known;             /* name is an identity already */
    char sources[80];       /* of the alias: "auditd, vault" */
};
struct kt_suggest;
/* known: identities that there are; borrowed. */
struct kt_suggest *kt_suggest_new(const struct kt_identities *known);
void kt_suggest_free(struct kt_suggest *s);
/* An access. At most KT_SUGGEST_ACTORS actors and KT_SUGGEST_HOURS (address, hour) are kept; what
 * goes beyond is counted. */
#define KT_SUGGEST_ACTORS 100000u
#define KT_SUGGEST_HOURS  4000000u
void kt_suggest_add(struct kt_suggest *s, const struct kt_event *ev);
uint64_t kt_suggest_lost(const struct kt_suggest *s);
/* Suggestions of at least that score, those of one name together, by name; s owns them until the
 * next call. */
const struct kt_suggestion *kt_suggest_make(struct kt_suggest *s, int least, size_t *ret_n);
