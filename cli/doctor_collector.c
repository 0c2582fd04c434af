/*
 * doctor_collector: what the running collector says of itself: version, detection, checkpoints,
 * targets, retention.
 *
 * Owns:  nothing.
 * Calls: core/event/json over the answer to {"do":"status"} (docs/control.md).
 */
#include <stdio.h>

#include "cli/doctor.h"

#define CHECKPOINT_OLD_S 900 /* agents alarm by themselves then (T4) */
#define BEHIND_MAX       100000

static int64_t number(struct kt_jval v, const char *path)
{
    int64_t n = 0;
    (void)kt_json_i64(kt_json_at(v, path), &n);
    return n;
}

static void version(struct kt_doctor *d)
{
    struct kt_str v = kt_json_str_at(d->live, "version");
    char up[KT_TIME_TEXT_MAX];
    (void)kt_duration_format(number(d->live, "uptime_s") * KT_NS_S, up);
    if (!kt_str_is(v, KT_VERSION))
        kt_doctor_say(d, KT_DOCTOR_WARN, "collector", "systemctl restart keytrail-collector",
                      "runs version " KT_STR_FMT ", this program is " KT_VERSION, KT_STR_ARG(v));
    else
        kt_doctor_say(d, KT_DOCTOR_OK, "collector", NULL,
                      "answers, up for %s, listens at " KT_STR_FMT, up,
                      KT_STR_ARG(kt_json_str_at(d->live, "endpoint")));
}

static void detection(struct kt_doctor *d)
{
    int64_t behind = number(d->live, "detection.behind");
    if (behind > BEHIND_MAX)
        kt_doctor_say(d, KT_DOCTOR_WARN, "detection", "keytrail status -c FILE, again in a minute",
                      "%lld records are not judged yet", (long long)behind);
}

static void checkpoint(struct kt_doctor *d)
{
    struct kt_jval c = kt_json_at(d->live, "checkpoint");
    struct kt_str why = kt_json_str_at(c, "why");
    int64_t age = number(c, "age_s");
    char text[KT_TIME_TEXT_MAX];
    unsigned cosigners = 0;
    struct kt_jval item;
    struct kt_str name;
    for (struct kt_json_iter it = kt_json_iter(kt_json_at(c, "cosigners"));
         kt_json_next(&it, &name, &item);)
        cosigners++;
    if (why.len > 0)
        kt_doctor_say(d, KT_DOCTOR_BAD, "checkpoints", "docs/proof.md; keytrail verify",
                      "not signed: " KT_STR_FMT, KT_STR_ARG(why));
    else if (number(c, "size") == 0)
        kt_doctor_say(d, KT_DOCTOR_WARN, "checkpoints", "keytrail collector keygen -c FILE",
                      "none yet: whoever owns this host can rewrite the log unseen");
    else if (age > CHECKPOINT_OLD_S)
        kt_doctor_say(d, KT_DOCTOR_BAD, "checkpoints", "journalctl -u keytrail-collector",
                      "the newest is %s old", kt_duration_format(age * KT_NS_S, text));
    else if (cosigners == 0)
        kt_doctor_say(d, KT_DOCTOR_WARN, "checkpoints",
                      "let an agent run, or name a witness under checkpoints:",
                      "signed, and cosigned by nobody");
    else
        kt_doctor_say(d, KT_DOCTOR_OK, "checkpoints", NULL, "signed %s ago, cosigned by %u",
                      kt_duration_format(age * KT_NS_S, text), cosigners);
}

static void target(struct kt_doctor *d, struct kt_str name, struct kt_jval t)
{
    struct kt_str circuit = kt_json_str_at(t, "circuit"), word = kt_json_str_at(t, "last_error");
    int64_t success = number(t, "last_success"), failures = number(t, "failures"),
            dead = number(t, "dead");
    char check[80], ago[KT_TIME_TEXT_MAX] = "never";
    (void)snprintf(check, sizeof check, "target %.*s", (int)(name.len < 60 ? name.len : 60),
                   name.at);
    if (success > 0)
        (void)kt_duration_format(d->now > success ? d->now - success : 0, ago);
    if (kt_str_is(circuit, "disabled") || kt_str_is(circuit, "open") || failures > 0)
        kt_doctor_say(d, KT_DOCTOR_BAD, check, "keytrail notify test NAME; keytrail notify queue",
                      "fails: " KT_STR_FMT "; last sent %s%s", KT_STR_ARG(word), ago,
                      success > 0 ? " ago" : "");
    else if (dead > 0)
        kt_doctor_say(d, KT_DOCTOR_WARN, check, "keytrail notify dead; keytrail notify retry",
                      "%lld messages were given up", (long long)dead);
    else if (success == 0)
        kt_doctor_say(d, KT_DOCTOR_WARN, check, "keytrail notify test NAME",
                      "nothing was sent to it since the collector began");
    else
        kt_doctor_say(d, KT_DOCTOR_OK, check, NULL, "last sent %s ago", ago);
}

static void targets(struct kt_doctor *d)
{
    struct kt_jval t;
    struct kt_str name;
    for (struct kt_json_iter it = kt_json_iter(kt_json_at(d->live, "targets"));
         kt_json_next(&it, &name, &t);)
        target(d, name, t);
}

static void retention(struct kt_doctor *d)
{
    struct kt_jval r = kt_json_at(d->live, "retention");
    if (kt_json_bool(kt_json_at(r, "stopped"), false))
        kt_doctor_say(d, KT_DOCTOR_WARN, "retention", "keytrail store trust-clock, if it is right",
                      "removes nothing: " KT_STR_FMT, KT_STR_ARG(kt_json_str_at(r, "why")));
}

void kt_doctor_collector(struct kt_doctor *d)
{
    if (kt_json_str_at(d->live, "version").len == 0)
        return;
    version(d);
    detection(d);
    checkpoint(d);
    targets(d);
    retention(d);
}
