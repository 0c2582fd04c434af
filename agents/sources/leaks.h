/* leaks, inside: what the files of this source share. Nobody else includes this. */
#pragma once
#include "agents/source.h"

/* One finding of a scanner, whichever it was. Texts are borrowed from the record or live in the
 * arena of the decode; empty: not said. The value that was found is no part of it. */
struct leak {
    const char *scanner; /* "gitleaks", … */
    const char *state;   /* "verified", "unverified", "confirmed", "invalid", "revoked" */
    struct kt_str rule, description;
    struct kt_str medium; /* where trufflehog looked: "Git", "Github", "S3", … */
    struct kt_str repository, file, commit, link, visibility, severity; /* as the scanner wrote */
    struct kt_str line, column;
    struct kt_str author, email; /* of the commit */
    struct kt_str when;
    struct kt_str credential;       /* an AWS access key id, which is a name and no secret */
    struct kt_str incident, native; /* native: what tells it from others beside all of these */
    struct kt_jval tags, extra;
};

/* Reads a record into *ret. NULL: it is a finding; else why it is none (static). */
typedef const char *kt_leaks_read_fn(const struct kt_decode_in *in, struct leak *ret);
struct kt_leaks_format {
    const char *scanner;
    const char *signs[2]; /* members that only its records have */
    kt_leaks_read_fn *read;
};
extern const struct kt_leaks_format kt_leaks_formats[]; /* scanner NULL ends it */
/* Members of `extra` that are kept: names of identities and accounts. NULL-ended. */
extern const char *const kt_leaks_extra[];
extern const char *const kt_leaks_known_keys[];

/* The access key id (AKIA…, ASIA…: 20 characters) that stands in s by itself, else empty. */
struct kt_str kt_leaks_key_id(struct kt_str s);
