/*
 * auditd_serials: are there numbers that never came? The kernel numbers its events; one that is
 * missing was lost between it and the log.
 *
 * Owns:  nothing; what was seen is remembered by the engine.
 * Calls: core/base.
 * Holds: events overtake each other, so a number is missing only when it has left a window of
 *        WINDOW. A host that boots begins again. A log in which hosts take turns without saying
 *        which is not judged.
 */
#include <stdio.h>

#include "agents/sources/auditd.h"

#define WINDOW      1024u
#define CONFIRMED   64u   /* events in a row behind a jump: it was no stray one */
#define MISSING_MAX 1000u /* DETECTION §4.12 */

struct serials {
    uint64_t newest, missing;
    kt_time_ns at;              /* of newest */
    uint64_t jump_from, jumped; /* numbers that a jump left out, until it is confirmed */
    uint32_t jump_left;
    bool mixed;
    uint64_t seen[WINDOW / 64]; /* bit n % WINDOW: number n came */
};

static bool take_bit(struct serials *s, uint64_t n, bool value)
{
    uint64_t *word = &s->seen[n % WINDOW / 64], bit = UINT64_C(1) << n % 64;
    bool was = (*word & bit) != 0;
    *word = value ? *word | bit : *word & ~bit;
    return was;
}

static void begin(struct serials *s, uint64_t n, kt_time_ns at)
{
    s->newest = n;
    s->at = at;
    memset(s->seen, 0xff, sizeof s->seen); /* what came before is not ours to judge */
}

static void advance(struct serials *s, uint64_t n, kt_time_ns at)
{
    while (s->newest < n) {
        s->newest++;
        s->missing += !take_bit(s, s->newest, false); /* what leaves the window */
    }
    (void)take_bit(s, n, true);
    s->at = at > s->at ? at : s->at;
    if (s->jump_left > 0 && --s->jump_left == 0)
        s->missing += s->jumped;
}

static bool is_near(uint64_t a, uint64_t b)
{
    return a < b ? b - a < WINDOW : a - b < WINDOW;
}

static void look(struct serials *s, uint64_t n, kt_time_ns at)
{
    if (is_near(n, s->newest)) {
        if (n > s->newest)
            advance(s, n, at);
        else
            (void)take_bit(s, n, true);
        return;
    }
    if (n < s->newest && at <= s->at)
        return; /* overtaken by very many */
    if (s->jump_left > 0 && is_near(n, s->jump_from)) {
        s->mixed = true;
        return;
    }
    s->jump_from = s->newest;
    s->jumped = n > s->newest ? n - s->newest - 1 : 0;
    s->jump_left = CONFIRMED;
    begin(s, n, at);
}

void kt_auditd_look_at_serial(const struct auditd_event *x, struct kt_emit *to)
{
    struct serials s = { .mixed = false };
    struct kt_str id = kt_json_str_at(x->in->root, "id");
    struct kt_str key = kt_arena_fmt(x->in->arena, "serials %.*s %.*s", KT_STR_ARG(x->in->instance),
                                     KT_STR_ARG(x->host));
    struct kt_str was = kt_source_recall(x->in->memory, key);
    ptrdiff_t colon = kt_str_rfind_byte(id, ':');
    uint64_t n = 0;
    kt_time_ns at = 0;
    if (kt_str_starts(x->type, KT_STR("DAEMON_"))) /* the daemon counts its own by itself */
        return;
    if (colon < 0 || !kt_str_u64(kt_str_from_index(id, (size_t)colon + 1), &n) ||
        kt_time_parse(kt_json_str_at(x->in->root, "when"), &at, NULL) != KT_OK)
        return;
    if (was.len == sizeof s)
        memcpy(&s, was.at, sizeof s);
    else
        begin(&s, n, at);
    if (s.mixed)
        return;
    look(&s, n, at);
    if (s.missing > MISSING_MAX) {
        char sentence[200];
        (void)snprintf(sentence, sizeof sentence,
                       "%llu audit events never came into this log: accesses may be missing; see "
                       "auditctl -s, raise the backlog (auditctl -b) or make the rules narrower",
                       (unsigned long long)s.missing);
        to->finding(to, "auditd.gap", sentence);
        s.missing = 0;
    }
    kt_source_remember(x->in->memory, key, kt_str_from(&s, sizeof s));
}
