/* azure, inside: what the files of this source share. Nobody else includes this. */
#pragma once
#include "agents/source.h"

/* One diagnostic record of Key Vault, or one of the Activity Log about it. */
struct az_record {
    const struct kt_decode_in *in;
    struct kt_jval properties, claims;
    struct kt_str operation, category, resource;
    struct kt_str signature; /* "OK", "Forbidden", "Not Found": the word of the status */
    int64_t status;          /* HTTP; 0 = not told */
    bool is_control;         /* of the Activity Log */
};

/* ---- azure_names.c ---- */
enum kt_action kt_az_action_of(const struct az_record *r);
void kt_az_what(const struct az_record *r, struct kt_event *ev);

/* ---- azure_actor.c ---- */
/* The first of the claims that is there; names of claims are short or URLs. */
struct kt_str kt_az_claim(const struct az_record *r, const char *const *names);
bool kt_az_is_anonymous(const struct az_record *r);
void kt_az_who(const struct az_record *r, struct kt_event *ev);
extern const char *const kt_az_oid[];
