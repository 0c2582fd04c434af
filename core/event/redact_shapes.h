/* redact_shapes: what a secret value looks like in text. Private to core/event. */
#pragma once
#include "core/event/redact_heads.h"
#include "core/event/scan.h"

struct kt_redact_match {
    size_t at, len;
    const char *shape; /* static; NULL from kt_redact_placeholder, which fills `word` */
    struct kt_str word;
};
/* The first token shape at or after `from`. key_ids: AWS access key ids count too. */
bool kt_redact_find(struct kt_str s, size_t from, bool key_ids, struct kt_redact_match *ret);
/* The first place at or after `at` where kt_redact_find would look closer, s.len when there is
 * none. No shape is found in a part of s that holds no such place behind its first byte. */
size_t kt_redact_stop(struct kt_str s, size_t at);
/* May a string of this part of a JSON text, in which nothing is escaped, hold what must go? A quick
 * look: false is sure, true is not. key_ids: access key ids go too, unless a member is one by its
 * name; members: so does what a member's name calls secret. */
bool kt_redact_may(struct kt_str json, bool key_ids, bool members);
/* The length of [redacted:shape:len] at the start of s, 0 when there is none; *ret: what it says.
 */
size_t kt_redact_placeholder(struct kt_str s, struct kt_redact_match *ret);
/* The shape of what a JSON member of this name holds ("password", …); NULL when it is no secret. */
const char *kt_redact_member(struct kt_str name);
/* Values that stay whatever their name: empty, hashed at the source, masked, or [redacted:…]. */
bool kt_redact_keeps(struct kt_str value);
/* Does a part of s look random: 32 or more characters of mixed kind, spread like base64? */
bool kt_redact_random(struct kt_str s);
/* Does s begin as an access key id does? False is sure. */
static inline bool kt_redact_begins_key_id(struct kt_str s)
{
    return s.len >= 4 && s.at[0] == 'A' && s.at[2] == 'I' && s.at[3] == 'A';
}
/* Of a string in which no shape was seen: is it an access key id, which stays in some places only,
 * or does a part of it look random? False is sure. */
static inline bool kt_redact_is_odd(struct kt_str s)
{
    return kt_redact_begins_key_id(s) ||
           (s.len >= KT_REDACT_RUN && kt_scan_has_capital(s.at, s.len) && kt_redact_random(s));
}
