/*
 * ack: links and values of buttons that acknowledge an alert.
 *
 * Owns:  their forms.
 * Calls: core/base (hash: Ed25519; enc). No clock, no I/O.
 * Holds: a link says what its reader saw: alert, severity, and how often it had been opened again.
 */
#include "exporters/alerts/ack.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/base/aws.h"
#include "core/base/enc.h"
#include "core/base/hash.h"

#define PURPOSE "keytrail ack 2\n" /* no signature for something else is one for this */

/* ---- what was seen ---- */

void kt_ack_seen_write(const struct kt_alert *a, char ret[KT_ACK_SEEN_TEXT])
{
    (void)snprintf(ret, KT_ACK_SEEN_TEXT, "%s.%s.%" PRId64, a->id,
                   kt_severity_words[a->severity].word, a->life.reopened);
}

static bool read_severity(struct kt_str word, enum kt_severity *ret)
{
    for (int i = 0; i < KT_SEV_COUNT; i++)
        if (kt_str_is(word, kt_severity_words[i].word)) {
            *ret = (enum kt_severity)i;
            return true;
        }
    return false;
}

bool kt_ack_seen_read(struct kt_str s, struct kt_ack_seen *ret)
{
    struct kt_ack_seen seen = { .severity = KT_SEV_INFO };
    struct kt_str id, word;
    uint8_t raw[16];
    if (s.len >= KT_ACK_SEEN_TEXT || !kt_str_split(&s, '.', &id) || !kt_id_parse(id, raw) ||
        !kt_str_split(&s, '.', &word) || !read_severity(word, &seen.severity) ||
        !kt_str_u64(s, &seen.reopened) || seen.reopened > INT64_MAX)
        return false;
    (void)kt_id_format(raw, seen.alert);
    *ret = seen;
    return true;
}

/* ---- which messages ---- */

static const bool asks[KT_SEND_COUNT] = {
    [KT_SEND_TRIGGER] = true,  [KT_SEND_UPDATE] = true, [KT_SEND_REPEAT] = true,
    [KT_SEND_ESCALATE] = true, [KT_SEND_RESEND] = true,
};

bool kt_ack_asks(const struct kt_alert *a, enum kt_send send)
{
    bool open = a->life.status.len == 0 || kt_str_is(a->life.status, kt_life_word(KT_LIFE_OPEN));
    return asks[send] && open && !a->test && !a->group && a->merged_into.len == 0;
}

/* ---- the link ---- */

void kt_ack_link_signed(struct kt_str seen, struct kt_str until, struct kt_str to,
                        struct kt_buf *out)
{
    kt_buf_addf(out, PURPOSE KT_STR_FMT "\n" KT_STR_FMT "\n", KT_STR_ARG(seen), KT_STR_ARG(until));
    kt_buf_add(out, to);
}

void kt_ack_link_write(const char *base, const uint8_t seed[32], const struct kt_alert *a,
                       const char *to, kt_time_ns now, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_str at = kt_str_of(base);
    char seen[KT_ACK_SEEN_TEXT], until[24];
    uint8_t sig[64];
    kt_ack_seen_write(a, seen);
    (void)snprintf(until, sizeof until, "%" PRId64, (now + KT_ACK_LINK_LIFE) / KT_NS_S);
    kt_ack_link_signed(kt_str_of(seen), kt_str_of(until), kt_str_of(to), &text);
    kt_sign(seed, kt_buf_str(&text), sig);
    while (kt_str_ends(at, KT_STR("/")))
        at.len--;
    kt_buf_addf(out, KT_STR_FMT KT_ACK_PATH "?seen=%s&to=", KT_STR_ARG(at), seen);
    kt_aws_encode(kt_str_of(to), false, out);
    kt_buf_addf(out, "&until=%s&sig=", until);
    kt_base64url_add(out, kt_str_from(sig, sizeof sig));
}
