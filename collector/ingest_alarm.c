/*
 * ingest_alarm: see the header.
 *
 * Owns:  the words of alarms.
 * Calls: intake, core/event/json.
 */
#include "collector/ingest_alarm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/event/json.h"

#define WINDOW (10 * KT_NS_MIN)

static const char *const alarm_words[KT_ALARM_COUNT] = {
    [KT_ALARM_IDENTITY] = "identity.violation",
    [KT_ALARM_FORK] = "batch.forked",
    [KT_ALARM_SIGNATURE] = "batch.signature",
    [KT_ALARM_LINE] = "batch.invalid",
    [KT_ALARM_SECRET] = "secret.in_line",
    [KT_ALARM_QUOTA] = "quota.exceeded",
    [KT_ALARM_REVOKED] = "agent.revoked",
    [KT_ALARM_TWICE] = "agent.twice",
    [KT_ALARM_WIRE] = "wire.broken",
    [KT_ALARM_RESTORED] = "store.restored",
    [KT_ALARM_TRAIL_SIGNATURE] = "trail.signature",
    [KT_ALARM_TRAIL_CHAIN] = "trail.chain",
    [KT_ALARM_TRAIL_CHANGED] = "trail.changed",
    [KT_ALARM_TRAIL_MISSING] = "trail.missing",
    [KT_ALARM_TRAIL_UNREAD] = "trail.unread",
    [KT_ALARM_CONTRADICTION] = "integrity.contradiction",
    [KT_ALARM_STALE] = "log.stale",
    [KT_ALARM_ACCEPTED] = "log.accepted",
};

void kt_ingest_alarm(struct kt_ingest_alarms *al, struct kt_ingest_quiet *q, struct kt_str name,
                     enum kt_alarm_code code, const char *sentence)
{
    kt_time_ns mono = al->o->clock.mono(al->o->clock.self);
    if (al->o->alarm == NULL || mono < q->until[code])
        return;
    q->until[code] = mono + WINDOW;
    al->o->alarm(al->o->self, alarm_words[code], name, sentence);
}

/* D6: an agent has an ack of more than this store holds. The first one is enough to know. */
static void notice_restored(struct kt_ingest_alarms *al, struct kt_ingest_quiet *q,
                            const struct kt_intake *in, struct kt_str name)
{
    const struct kt_event *ev = kt_intake_find(in, KT_KIND_REPORT, "store.restored");
    if (ev == NULL || al->restored)
        return;
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root;
    unsigned repaired;
    int64_t had = 0, has = 0;
    char text[240];
    if (kt_json_parse(json, ev->raw, &root, &repaired, NULL) == KT_OK &&
        kt_json_i64(kt_json_at(root, "acknowledged"), &had) &&
        kt_json_i64(kt_json_at(root, "has"), &has)) {
        (void)snprintf(text, sizeof text,
                       "has the collector's word for batch %" PRId64 ", the store had only %" PRId64
                       ": it was restored from an older copy, and agents send the rest again",
                       had, has);
        al->restored = true;
        kt_ingest_alarm(al, q, name, KT_ALARM_RESTORED, text);
    }
    kt_json_free(json);
}

/* An input found that the evidence it reads was changed: report lines of these operations say so,
 * and their message is the sentence. */
static void notice_evidence(struct kt_ingest_alarms *al, struct kt_ingest_quiet *q,
                            const struct kt_intake *in)
{
    for (enum kt_alarm_code code = KT_ALARM_TRAIL_SIGNATURE; code <= KT_ALARM_TRAIL_UNREAD;
         code++) {
        const struct kt_event *ev = kt_intake_find(in, KT_KIND_REPORT, alarm_words[code]);
        if (ev == NULL)
            continue;
        char text[240];
        struct kt_str what = kt_utf8_cut(ev->message, sizeof text - sizeof "reports: ");
        (void)snprintf(text, sizeof text, "reports: " KT_STR_FMT, KT_STR_ARG(what));
        kt_ingest_alarm(al, q, ev->instance, code, text);
    }
}

/* What agents say of this log, of which each says the same: one alert about it is enough, and the
 * first that says so is named. */
static void notice_log(struct kt_ingest_alarms *al, struct kt_ingest_quiet *q,
                       const struct kt_intake *in, struct kt_str name)
{
    static const struct {
        const char *operation;
        enum kt_alarm_code code;
        const char *what;
    } says[] = { { "log.contradiction", KT_ALARM_CONTRADICTION,
                   "contradicts what was kept of it by" },
                 { "log.stale", KT_ALARM_STALE, "is not proven any more to" },
                 { "log.accepted", KT_ALARM_ACCEPTED, "is accepted as it is now for" } };
    for (size_t i = 0; i < KT_ARRAY_LEN(says); i++) {
        const struct kt_event *ev = kt_intake_find(in, KT_KIND_REPORT, says[i].operation);
        if (ev == NULL)
            continue;
        char text[240];
        (void)snprintf(text, sizeof text, "%s agent " KT_STR_FMT ": ", says[i].what,
                       KT_STR_ARG(name));
        size_t n = strlen(text);
        struct kt_str what = kt_utf8_cut(ev->message, sizeof text - 1 - n);
        (void)snprintf(text + n, sizeof text - n, KT_STR_FMT, KT_STR_ARG(what));
        kt_ingest_alarm(al, q, KT_STR("log"), says[i].code, text);
    }
}

void kt_ingest_notice(struct kt_ingest_alarms *al, struct kt_ingest_quiet *q,
                      const struct kt_intake *in, struct kt_str name)
{
    notice_restored(al, q, in, name);
    notice_evidence(al, q, in);
    notice_log(al, q, in, name);
}
