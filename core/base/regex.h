/*
 * regex: regular expressions over bytes from outside, in time linear in the text whatever the
 * pattern is (RE2; docs/decisions/0028). Syntax: RE2's, which is Perl's without what needs going
 * back: no references, no look-around. One may be used by several threads at once.
 */
#pragma once
#ifdef __cplusplus
extern "C" {
#endif
#include "core/base/err.h"
#include "core/base/str.h"

#define KT_REGEX_ANY_CASE  1u /* letters of any case */
#define KT_REGEX_LINES     2u /* ^ and $ also at the breaks of lines */
#define KT_REGEX_DOT_LINES 4u /* . also takes a break */

struct kt_regex;
/* KT_E_INPUT with the library's word for what it does not take; KT_E_LIMIT for a pattern that would
 * need more than 256 KiB. The caller frees *ret. */
KT_MUST_USE enum kt_status kt_regex_new(struct kt_str pattern, unsigned flags,
                                        struct kt_regex **ret, struct kt_error *err);
/* Does it match anywhere in text? */
bool kt_regex_find(const struct kt_regex *re, struct kt_str text);
void kt_regex_free(struct kt_regex *re);

#ifdef __cplusplus
}
#endif
