/*
 * step: reading, checking, writing and saying what people do about an alert.
 *
 * Owns:  the names of the members, and what each step must and may have.
 * Calls: core/base, core/event (decision: words of verdicts; json). No clock, no I/O.
 * Holds: what kt_step_read takes, kt_step_write writes to the same members again.
 */
#include "core/event/step.h"

#include <string.h>

#include "core/event/decision.h"
#include "core/event/line.h"

static const char *const operations[KT_STEP_COUNT] = { [KT_STEP_ACK] = "ack",
                                                       [KT_STEP_ASSIGN] = "assign",
                                                       [KT_STEP_CLOSE] = "verdict",
                                                       [KT_STEP_REOPEN] = "reopen",
                                                       [KT_STEP_NOTE] = "note" };

const char *kt_step_word(enum kt_step_what what)
{
    return operations[what];
}

int kt_step_of(struct kt_str operation)
{
    for (int i = 0; i < KT_STEP_COUNT; i++)
        if (kt_str_is(operation, operations[i]))
            return i;
    return -1;
}

#define IN(what) (1u << KT_STEP_##what)
#define ALL      ((1u << KT_STEP_COUNT) - 1)
#define TEXT(name, field, may, must)                                                               \
    {                                                                                              \
        name, offsetof(struct kt_step, field), sizeof(((struct kt_step *)0)->field),               \
            (may) | (must), must                                                                   \
    }
static const struct text {
    const char *name;
    size_t offset, size;
    unsigned may, must; /* bits of enum kt_step_what */
} texts[] = {
    TEXT("id", alert, ALL, 0),
    TEXT("to", to, 0, IN(ASSIGN)),
    TEXT("reason", reason, IN(ACK) | IN(CLOSE), IN(REOPEN) | IN(NOTE)),
    TEXT("by", by, 0, ALL),
    TEXT("where", where, ALL, 0),
    TEXT("severity", severity, IN(ACK) | IN(CLOSE), 0),
};

static char *text_of(struct kt_step *s, const struct text *t)
{
    return (char *)s + t->offset;
}

static enum kt_status read_text(const struct text *t, unsigned bit, struct kt_str s,
                                struct kt_step *ret, struct kt_error *err)
{
    /* The detectors read a verdict's reason into what they keep: it is shorter. */
    size_t size = bit == IN(CLOSE) && t->offset == offsetof(struct kt_step, reason)
                      ? sizeof(((struct kt_decision *)0)->reason)
                      : t->size;
    if (s.len > 0 && (t->may & bit) == 0)
        return kt_fail(err, KT_E_INPUT, "'%s' has no meaning here", t->name);
    if (s.len == 0 && (t->must & bit) != 0)
        return kt_fail(err, KT_E_INPUT, "'%s' is missing", t->name);
    if (s.len >= size)
        return kt_fail(err, KT_E_INPUT, "'%s' has %zu bytes; at most %zu are kept", t->name, s.len,
                       size - 1);
    if (kt_str_find_byte(s, '\0', 0) >= 0)
        return kt_fail(err, KT_E_INPUT, "'%s' holds a NUL", t->name);
    kt_str_copyz(text_of(ret, t), t->size, s);
    return KT_OK;
}

enum kt_status kt_step_read(enum kt_step_what what, struct kt_jval root, struct kt_step *ret,
                            struct kt_error *err)
{
    struct kt_step s = { .what = what };
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++) {
        struct kt_str text = kt_str_trim(kt_json_str_at(root, texts[i].name));
        if (read_text(&texts[i], 1u << what, text, &s, err) != KT_OK)
            return KT_E_INPUT;
    }
    if (what == KT_STEP_CLOSE) {
        s.verdict = kt_finding_verdict_of(kt_json_str_at(root, "verdict"));
        if (s.verdict < 0)
            return kt_fail(err, KT_E_INPUT, "a verdict is true, false or expected");
    }
    *ret = s;
    return KT_OK;
}

void kt_step_write(const struct kt_step *s, struct kt_buf *out)
{
    struct kt_step view = *s;
    const char *between = "";
    kt_buf_byte(out, '{');
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++) {
        const char *text = text_of(&view, &texts[i]);
        if (text[0] == '\0')
            continue;
        kt_buf_addf(out, "%s\"%s\":", between, texts[i].name);
        kt_json_quote(out, kt_str_of(text));
        between = ",";
    }
    if (s->what == KT_STEP_CLOSE)
        kt_buf_addf(out, "%s\"verdict\":\"%s\"", between,
                    kt_finding_verdict_word((enum kt_finding_verdict)s->verdict));
    kt_buf_byte(out, '}');
}

void kt_step_say(const struct kt_step *s, struct kt_buf *out)
{
    static const char *const did[KT_STEP_COUNT] = { [KT_STEP_ACK] = "acknowledged",
                                                    [KT_STEP_ASSIGN] = "assigned to ",
                                                    [KT_STEP_CLOSE] = "closed as ",
                                                    [KT_STEP_REOPEN] = "reopened",
                                                    [KT_STEP_NOTE] = "note" };
    kt_buf_addz(out, did[s->what]);
    if (s->what == KT_STEP_ASSIGN)
        kt_buf_addz(out, s->to);
    if (s->what == KT_STEP_CLOSE)
        kt_buf_addz(out, kt_finding_verdict_word((enum kt_finding_verdict)s->verdict));
    kt_buf_addf(out, " by %s", s->by);
    if (s->where[0] != '\0')
        kt_buf_addf(out, " (%s)", s->where);
    if (s->reason[0] != '\0')
        kt_buf_addf(out, ": %s", s->reason);
}
