/* secret_id: the canonical secret id grammar of SOURCES §0.4, so that a name, a partial ARN and a
 * full ARN compare equal. */
#pragma once
#include "core/event/event.h"

/* scheme://fixed1/fixed2/…/tail. Each fixed part loses its outer slashes and is escaped with '/' as
 * %2F; the tail keeps its '/'. An empty part is '-', a part that is '-' is %2D. Escapes: % <=0x20
 * 0x7F invalid UTF-8 and '*' as %XX upper case. Case is folded as the scheme wants it (rule 4);
 * aws-ssm and file tails lose one leading slash. star: "everything under it", a last segment `*`
 * is appended (and a fixed part that is `*` stays so: k8s://prod/…/…, both stars). Result lives in
 * arena; empty when it does not fit. */
struct kt_str kt_secret_id(struct kt_arena *a, const char *scheme, const struct kt_str *fixed,
                           unsigned n_fixed, struct kt_str tail, bool star);
/* Is the secret below the set, an id that ends in a star? k8s://prod/…/… with two stars has those
 * of every namespace. */
bool kt_secret_is_below(struct kt_str secret, struct kt_str set);
/* Three-valued production flag from the name's segments (DETECTION §2.9): 1 yes, 0 no, -1 unknown.
 */
int kt_secret_production(struct kt_str secret);
/* Does a part of a name say an environment: one of the words above, as a whole, in any case? */
bool kt_secret_is_environment(struct kt_str part);
/* "aws-sm" of "aws-sm://…"; empty when there is none. */
struct kt_str kt_secret_scheme(struct kt_str secret);
/* The store a secret lives in: scheme and first fixed part ("aws-sm://111122223333",
 * "vault://prod"). */
struct kt_str kt_secret_store(struct kt_str secret);
