/*
 * life: the life of an alert as an object, and in words.
 *
 * Owns:  the names and order of its keys.
 * Calls: core/base, core/event (json, decision: words of verdicts), core/query/lives' structs.
 * Holds: what is written can be read back and written again to the same bytes.
 */
#include "exporters/alerts/life.h"

#include <inttypes.h>
#include <string.h>

#include "core/event/decision.h"
#include "core/event/line.h"

static const struct {
    const char *name;
    size_t offset;
    bool number;
} members[] = {
#define STR(n)                                                                                     \
    {                                                                                              \
#n, offsetof(struct kt_alert_life, n), false                                               \
    }
#define NUM(n)                                                                                     \
    {                                                                                              \
#n, offsetof(struct kt_alert_life, n), true                                                \
    }
    STR(status),
    STR(acknowledged_by),
    STR(acknowledged_where),
    NUM(acknowledged_at),
    STR(assignee),
    STR(closed_by),
    STR(closed_where),
    NUM(closed_at),
    STR(verdict),
    STR(reopened_by),
    STR(reopened_for),
    NUM(reopened_at),
    NUM(reopened),
    STR(note),
    STR(note_by),
    NUM(note_at),
#undef STR
#undef NUM
};

static struct kt_str text_of(const char *s)
{
    return s == NULL ? KT_STR_NONE : kt_str_of(s);
}

void kt_alert_life_of(const struct kt_life *l, struct kt_alert_life *ret)
{
    *ret = (struct kt_alert_life){ 0 };
    if (l == NULL)
        return;
    *ret = (struct kt_alert_life){
        .status = kt_str_of(kt_life_word(l->status)),
        .acknowledged_by = text_of(l->acked.by),
        .acknowledged_where = text_of(l->acked.where),
        .acknowledged_at = l->acked.at,
        .assignee = text_of(l->assigned.text),
        .closed_by = text_of(l->closed.by),
        .closed_where = text_of(l->closed.where),
        .closed_at = l->closed.at,
        .verdict =
            l->closed.at == 0
                ? KT_STR_NONE
                : kt_str_of(kt_finding_verdict_word((enum kt_finding_verdict)l->closed.verdict)),
        .reopened_by = text_of(l->reopened.by),
        .reopened_for = text_of(l->reopened.text),
        .reopened_at = l->reopened.at,
        .reopened = l->reopens,
        .note = text_of(l->said.text),
        .note_by = text_of(l->said.by),
        .note_at = l->said.at,
    };
}

void kt_alert_life_write(const struct kt_alert_life *l, struct kt_buf *out)
{
    const char *between = "{";
    if (l->status.len == 0)
        return;
    for (size_t i = 0; i < KT_ARRAY_LEN(members); i++) {
        const char *at = (const char *)l + members[i].offset;
        struct kt_str s = KT_STR_NONE;
        kt_time_ns n = 0;
        if (members[i].number)
            memcpy(&n, at, sizeof n);
        else
            memcpy(&s, at, sizeof s);
        if (n == 0 && s.len == 0)
            continue;
        kt_buf_addf(out, "%s\"%s\":", between, members[i].name);
        if (members[i].number)
            kt_buf_i64_dec(out, n);
        else
            kt_json_quote(out, s);
        between = ",";
    }
    kt_buf_byte(out, '}');
}

void kt_alert_life_read(struct kt_jval object, struct kt_arena *arena, struct kt_alert_life *ret)
{
    *ret = (struct kt_alert_life){ 0 };
    if (kt_life_of_word(kt_json_str_at(object, "status")) < 0)
        return;
    for (size_t i = 0; i < KT_ARRAY_LEN(members); i++) {
        char *at = (char *)ret + members[i].offset;
        struct kt_jval v = kt_json_path(object, members[i].name);
        int64_t n = 0;
        struct kt_str s = kt_arena_str(arena, kt_json_str(v));
        if (members[i].number && kt_json_i64(v, &n))
            memcpy(at, &n, sizeof n);
        else if (!members[i].number)
            memcpy(at, &s, sizeof s);
    }
}

/* ---- words ---- */

static void by_whom(struct kt_buf *out, struct kt_str by, struct kt_str where, kt_time_ns at)
{
    char when[KT_TIME_TEXT_MAX];
    kt_buf_addf(out, " by " KT_STR_FMT, KT_STR_ARG(by));
    if (where.len > 0)
        kt_buf_addf(out, " (" KT_STR_FMT ")", KT_STR_ARG(where));
    kt_buf_addf(out, " %.16s UTC", kt_time_format_short(at, when));
}

struct kt_str kt_alert_life_say(const struct kt_alert_life *l, struct kt_arena *arena)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    if (l->status.len == 0)
        return KT_STR_NONE;
    if (l->closed_at != 0) {
        kt_buf_addf(&out, "closed as " KT_STR_FMT, KT_STR_ARG(l->verdict));
        by_whom(&out, l->closed_by, l->closed_where, l->closed_at);
    } else if (l->acknowledged_at != 0) {
        kt_buf_addz(&out, "acknowledged");
        by_whom(&out, l->acknowledged_by, l->acknowledged_where, l->acknowledged_at);
    } else if (l->reopened_at != 0) {
        kt_buf_addz(&out, "reopened");
        by_whom(&out, l->reopened_by, KT_STR_NONE, l->reopened_at);
    } else {
        kt_buf_addz(&out, "open");
    }
    if (l->assignee.len > 0)
        kt_buf_addf(&out, "; assigned to " KT_STR_FMT, KT_STR_ARG(l->assignee));
    if (l->note.len > 0)
        kt_buf_addf(&out, "; " KT_STR_FMT ": " KT_STR_FMT, KT_STR_ARG(l->note_by),
                    KT_STR_ARG(l->note));
    return kt_arena_str(arena, kt_buf_str(&out));
}
