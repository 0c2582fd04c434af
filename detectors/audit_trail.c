/*
 * audit_trail: what is done to the trail itself: auditing stopped or narrowed, values written in
 * the clear (DETECTION §4.9).
 *
 * Owns:  the table of what stops or narrows which trail.
 * Calls: detector.h and core only. No clock, no I/O.
 * Holds: nothing is learned: the first time counts as the hundredth.
 */
#include "detectors/detector.h"

#include <string.h>

#include "core/base/hash.h"

#define INSTANCE_SEED UINT64_C(0x6175646974747261)

struct options {
    uint64_t stopped, clear;
};
static const struct kt_option options[] = {
    { "stopped", KT_OPT_UINT, "900", offsetof(struct options, stopped),
      "Points (hundredths) of a trail that is stopped or narrowed.", .reloadable = true },
    { "clear", KT_OPT_UINT, "700", offsetof(struct options, clear),
      "Points of a trail that holds tokens and values in the clear.", .reloadable = true },
    KT_OPTIONS_END,
};

/* Globs over the operation, letters of any case, and over what it was done to. */
static const struct {
    const char *source, *operation, *native, *what;
} stops[] = {
    { "vault", "delete", "sys/audit/*", "disabled an audit device" },
    { "cloudtrail", "*StopLogging", "**", "stopped a trail" },
    { "cloudtrail", "*DeleteTrail", "**", "deleted a trail" },
    { "cloudtrail", "*UpdateTrail", "**", "changed a trail" },
    { "cloudtrail", "*PutEventSelectors", "**", "changed what a trail records" },
    { "cloudtrail", "*DeleteFlowLogs", "**", "deleted flow logs" },
    { "gcp", "*.DeleteSink", "**", "deleted a log sink" },
    { "gcp", "*.CreateExclusion", "**", "excluded records from the log" },
    { "azure", "*diagnosticsettings/delete", "**", "deleted diagnostic settings" },
    { "github", "audit_log_streaming.destroy", "**", "stopped the stream of the audit log" },
    { "auditd", "CONFIG_CHANGE remove_rule", "**", "removed an audit rule" },
    { "auditd", "CONFIG_CHANGE audit_enabled=0", "**", "switched auditing off" },
    { "auditd", "DAEMON_ABORT", "**", "aborted the audit daemon" },
};

/* In lower case, and without slashes, which a `*` does not pass. */
static void comparable(char *dst, size_t n, struct kt_str s)
{
    kt_str_copyz(dst, n, s);
    for (char *c = dst; *c != '\0'; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + ('a' - 'A')) : *c == '/' ? '.' : *c;
}

static const char *what_stopped(const struct kt_event *ev)
{
    char operation[160], want[64];
    if (ev->action != KT_ACT_CONFIG ||
        (ev->outcome != KT_OUT_SUCCESS && ev->outcome != KT_OUT_UNKNOWN))
        return NULL;
    comparable(operation, sizeof operation, ev->operation);
    for (size_t i = 0; i < KT_ARRAY_LEN(stops); i++) {
        if (!kt_str_is(ev->source, stops[i].source))
            continue;
        comparable(want, sizeof want, kt_str_of(stops[i].operation));
        if (kt_str_glob(kt_str_of(want), kt_str_of(operation)) &&
            kt_str_glob(kt_str_of(stops[i].native), ev->secret_native))
            return stops[i].what;
    }
    return NULL;
}

/* ---- words ---- */

static void words_of_stop(const struct kt_scene *s, struct kt_finding *f)
{
    const char *what = what_stopped(s->ev);
    char who[160], where[160], native[160];
    kt_say_name(s->ev->actor, 80, who);
    kt_say_name(s->ev->instance, 60, where);
    kt_say_name(s->ev->secret_native, 80, native);
    KT_SAY(f->title, "%s %s: %s%s%s.", who, what != NULL ? what : "stopped auditing", where,
           native[0] != '\0' ? ", " : "", native);
    KT_SAY(f->normal,
           "Auditing is not stopped or narrowed in daily work; what follows may not be seen here.");
    KT_SAY(f->part, "%s %s", who, what != NULL ? what : "stopped auditing");
    KT_SAY(f->quiet, "A silence for this actor while the work is done (keytrail silence add).");
}

static void words_of_clear(const struct kt_scene *s, struct kt_finding *f)
{
    char where[160];
    kt_say_name(s->ev->instance, 60, where);
    KT_SAY(f->title, "%s writes tokens and secret values in the clear (log_raw).", where);
    KT_SAY(
        f->normal,
        "None of them is kept here, but they are in the audit file and its copies: whoever reads "
        "that file has them. Enable the device again without log_raw, delete the file, and "
        "rotate what was read.");
    KT_SAY(f->part, "%s writes values in the clear", where);
    KT_SAY(f->quiet, "A device without log_raw.");
}

/* ---- the event ---- */

static struct kt_key instance_key(const struct kt_event *ev)
{
    return (struct kt_key){ kt_hash64(ev->instance, INSTANCE_SEED) | 1,
                            kt_hash64(ev->source, INSTANCE_SEED) };
}

/* The source's, not an actor's: an alert for each of them would say the same. */
static void key_by_instance(const struct kt_scene *s, struct kt_finding *f)
{
    f->key_kind = KT_KEY_INSTANCE;
    f->key = instance_key(s->ev);
}

static void on_event(struct kt_scene *s, const void *opt)
{
    const struct options *o = opt;
    if ((s->ev->flags & KT_FLAG(RAW_DEVICE)) != 0) {
        struct kt_finding *f =
            kt_find(s, KT_FAMILY_SIGNATURE, (int)(o->clear < 10000 ? o->clear : 10000),
                    KT_FIND_LEARNING, words_of_clear);
        if (f != NULL)
            key_by_instance(s, f);
    }
    if (what_stopped(s->ev) == NULL)
        return;
    struct kt_finding *f =
        kt_find(s, KT_FAMILY_SIGNATURE, (int)(o->stopped < 10000 ? o->stopped : 10000),
                KT_FIND_LEARNING, words_of_stop);
    if (f != NULL && s->who.a == 0)
        key_by_instance(s, f);
}

static void considered(const struct kt_scene *s, const void *opt, struct kt_buf *out)
{
    (void)opt;
    (void)s;
    kt_buf_addz(out, "the audit trail itself (nothing was done to it)");
}

const struct kt_detector kt_detector_audit_trail = {
    .name = "audit_trail",
    .summary = "Auditing stopped or narrowed, values in the clear",
    .options = options,
    .options_size = sizeof(struct options),
    .on_event = on_event,
    .considered = considered,
};
