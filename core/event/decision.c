/*
 * decision: reading, checking and writing what people decide about detection.
 *
 * Owns:  the names of the members, and what each decision must and may have.
 * Calls: core/base, core/event (json, line). No clock, no I/O.
 * Holds: what kt_decision_read takes, kt_decision_write writes to the same members again.
 */
#include "core/event/decision.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/event/line.h"

static const char *const operations[KT_DECIDE_COUNT] = { [KT_DECIDE_EXPECT] = "expect",
                                                         [KT_DECIDE_BREAK_GLASS] = "break-glass",
                                                         [KT_DECIDE_EXPECT_RM] = "expect.rm",
                                                         [KT_DECIDE_VERDICT] = "verdict" };
static const char *const verdicts[KT_FOUND_COUNT] = {
    [KT_FOUND_TRUE] = "true", [KT_FOUND_FALSE] = "false", [KT_FOUND_EXPECTED] = "expected"
};

const char *kt_decision_word(enum kt_decision_what what)
{
    return operations[what];
}

const char *kt_finding_verdict_word(enum kt_finding_verdict v)
{
    return verdicts[v];
}

static int index_of(const char *const *words, int n, struct kt_str word)
{
    for (int i = 0; i < n; i++) {
        if (kt_str_is(word, words[i]))
            return i;
    }
    return -1;
}

int kt_decision_of(struct kt_str operation)
{
    return index_of(operations, KT_DECIDE_COUNT, operation);
}

int kt_finding_verdict_of(struct kt_str word)
{
    return index_of(verdicts, KT_FOUND_COUNT, word);
}

/* ---- members that are texts ---- */
#define IN(what) (1u << KT_DECIDE_##what)
#define TEXT(field, may, must)                                                                     \
    {                                                                                              \
#field, offsetof(struct kt_decision, field), sizeof(((struct kt_decision *)0)->field),     \
            (may) | (must), must                                                                   \
    }
static const struct text {
    const char *name;
    size_t offset, size;
    unsigned may, must; /* decisions that may have it; that must */
} texts[] = {
    TEXT(id, IN(EXPECT) | IN(BREAK_GLASS), IN(EXPECT_RM) | IN(VERDICT)),
    TEXT(reason, IN(BREAK_GLASS) | IN(EXPECT_RM) | IN(VERDICT), IN(EXPECT)),
    TEXT(by, 0, IN(EXPECT) | IN(BREAK_GLASS) | IN(EXPECT_RM) | IN(VERDICT)),
    TEXT(ticket, IN(EXPECT), IN(BREAK_GLASS)),
    TEXT(actor, IN(EXPECT), IN(BREAK_GLASS)),
    TEXT(secret, IN(EXPECT), 0),
    TEXT(source, IN(EXPECT), 0),
    TEXT(address, IN(EXPECT), 0),
    TEXT(signature, IN(EXPECT), 0),
};

static char *text_of(struct kt_decision *d, const struct text *t)
{
    return (char *)d + t->offset;
}

static enum kt_status read_texts(unsigned bit, struct kt_jval root, struct kt_decision *d,
                                 struct kt_error *err)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++) {
        const struct text *t = &texts[i];
        struct kt_str s = kt_str_trim(kt_json_str_at(root, t->name));
        if (s.len > 0 && (t->may & bit) == 0)
            return kt_fail(err, KT_E_INPUT, "'%s' has no meaning here", t->name);
        if (s.len == 0 && (t->must & bit) != 0)
            return kt_fail(err, KT_E_INPUT, "'%s' is missing", t->name);
        if (s.len >= t->size)
            return kt_fail(err, KT_E_INPUT, "'%s' has %zu bytes; at most %zu are kept", t->name,
                           s.len, t->size - 1);
        if (kt_str_find_byte(s, '\0', 0) >= 0)
            return kt_fail(err, KT_E_INPUT, "'%s' holds a NUL", t->name);
        kt_str_copyz(text_of(d, t), t->size, s);
    }
    return KT_OK;
}

/* ---- what may be expected ---- */
static bool anything(const char *glob)
{
    return glob[0] == '\0' || strspn(glob, "*/") == strlen(glob);
}

static enum kt_status check_address(const struct kt_decision *d, struct kt_error *err)
{
    struct kt_cidr net;
    if (d->address[0] == '\0')
        return KT_OK;
    if (kt_cidr_parse(kt_str_of(d->address), &net, err) != KT_OK)
        return kt_wrap(err, "'address'");
    if (net.bits < (kt_ip_is_v4(net.ip) ? 96u + 8 : 16u))
        return kt_fail(err, KT_E_INPUT,
                       "'address' %s is too wide: name the networks that the work comes from",
                       d->address);
    return KT_OK;
}

static enum kt_status check_selection(const struct kt_decision *d, struct kt_error *err)
{
    if (d->what == KT_DECIDE_BREAK_GLASS && anything(d->actor))
        return kt_fail(err, KT_E_INPUT, "break-glass is of somebody: name the actor");
    if (d->what != KT_DECIDE_EXPECT)
        return KT_OK;
    if (anything(d->actor) && anything(d->secret) && anything(d->source))
        return kt_fail(err, KT_E_INPUT,
                       "an expectation of everything would keep everything quiet: name an actor, "
                       "a secret or a source");
    if (d->signature[0] != '\0' && anything(d->actor))
        return kt_fail(err, KT_E_INPUT, "who is expected to do what raises '%s'? Name the actor",
                       d->signature);
    if (d->deploy && (d->signature[0] != '\0' || d->address[0] != '\0'))
        return kt_fail(err, KT_E_INPUT,
                       "a window of deploys has an actor, a secret or a source, and no more");
    return check_address(d, err);
}

static bool names(const char *glob)
{
    return kt_glob_names(kt_str_of(glob), 3);
}

enum kt_status kt_decision_check(const struct kt_decision *d, struct kt_error *err)
{
    struct kt_cidr net;
    bool one = d->actor[0] != '\0' && strchr(d->actor, '*') == NULL;
    if ((d->what == KT_DECIDE_BREAK_GLASS || d->signature[0] != '\0') && !one)
        return kt_fail(err, KT_E_INPUT, "it is of one actor: name it in whole, without '*'");
    if (d->what != KT_DECIDE_EXPECT)
        return KT_OK;
    if (!names(d->actor) && !names(d->secret) && !names(d->source))
        return kt_fail(
            err, KT_E_INPUT,
            "an expectation of nearly everything would keep it quiet: an actor, a secret "
            "or a source has to name something, by three letters at least beside '*'");
    if (d->address[0] == '\0' || kt_cidr_parse(kt_str_of(d->address), &net, NULL) != KT_OK)
        return KT_OK;
    if (net.bits < (kt_ip_is_v4(net.ip) ? 96u + 16 : 32u))
        return kt_fail(err, KT_E_INPUT,
                       "'address' %s is too wide: a network of work has /16 or more (IPv6: /32)",
                       d->address);
    return KT_OK;
}

static enum kt_status read_times(struct kt_jval root, struct kt_decision *d, struct kt_error *err)
{
    if (d->what != KT_DECIDE_EXPECT && d->what != KT_DECIDE_BREAK_GLASS)
        return KT_OK;
    kt_time_ns longest = d->deploy ? KT_DEPLOY_LAST_MAX : KT_EXPECT_LAST_MAX;
    if (!kt_json_i64(kt_json_at(root, "from"), &d->from) || d->from <= 0 ||
        !kt_json_i64(kt_json_at(root, "until"), &d->until) || d->until <= 0)
        return kt_fail(err, KT_E_INPUT, "'from' and 'until' are missing: times in ns since 1970");
    if (d->until <= d->from)
        return kt_fail(err, KT_E_INPUT, "'until' does not lie after 'from'");
    if (d->until - d->from > longest)
        return kt_fail(err, KT_E_INPUT,
                       "it may last %" PRId64 " days at most: what is expected for ever belongs "
                       "into the configuration",
                       longest / KT_NS_DAY);
    return KT_OK;
}

enum kt_status kt_decision_read(enum kt_decision_what what, struct kt_jval root,
                                struct kt_decision *ret, struct kt_error *err)
{
    struct kt_decision d;
    memset(&d, 0, sizeof d); /* to its last byte: it is compared and saved as bytes */
    d.what = what;
    if (read_texts(1u << what, root, &d, err) != KT_OK)
        return KT_E_INPUT;
    d.deploy = what == KT_DECIDE_EXPECT && kt_json_bool(kt_json_at(root, "deploy"), false);
    if (what == KT_DECIDE_VERDICT) {
        int v = kt_finding_verdict_of(kt_json_str_at(root, "verdict"));
        if (v < 0)
            return kt_fail(err, KT_E_INPUT, "a verdict is true, false or expected");
        d.verdict = (uint32_t)v;
    }
    if (check_selection(&d, err) != KT_OK || read_times(root, &d, err) != KT_OK)
        return KT_E_INPUT;
    memcpy(ret, &d, sizeof d);
    return KT_OK;
}

/* ---- out ---- */
void kt_decision_write(const struct kt_decision *d, struct kt_buf *out)
{
    struct kt_decision view = *d;
    const char *between = "";
    kt_buf_byte(out, '{');
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++) {
        const char *s = text_of(&view, &texts[i]);
        if (s[0] == '\0')
            continue;
        kt_buf_addf(out, "%s\"%s\":", between, texts[i].name);
        kt_json_quote(out, kt_str_of(s));
        between = ",";
    }
    if (d->what == KT_DECIDE_VERDICT)
        kt_buf_addf(out, "%s\"verdict\":\"%s\"", between, verdicts[d->verdict]);
    if (d->deploy)
        kt_buf_addf(out, "%s\"deploy\":true", between);
    if (d->until != 0)
        kt_buf_addf(out, "%s\"from\":%" PRId64 ",\"until\":%" PRId64, between, d->from, d->until);
    kt_buf_byte(out, '}');
}

void kt_decision_say(const struct kt_decision *d, struct kt_buf *out)
{
    char until[KT_TIME_TEXT_MAX];
    const char *head = d->what == KT_DECIDE_BREAK_GLASS ? "break-glass" : "expected";
    kt_buf_addf(out, "%s: %s", head, d->what == KT_DECIDE_BREAK_GLASS ? d->ticket : d->reason);
    if (d->what == KT_DECIDE_EXPECT && d->ticket[0] != '\0')
        kt_buf_addf(out, " (%s)", d->ticket);
    kt_buf_addf(out, ", by %s, until %.16s UTC", d->by, kt_time_format_short(d->until, until));
}
