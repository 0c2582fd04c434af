/*
 * alerts: what was found -> a row people can list, and one outbox row a target before any request.
 *
 * Owns:  the list of targets.
 * Calls: core/store/write, exporters/alerts/alert. No clock, no sending.
 */
#include "collector/alerts.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SELF_WINDOW (10 * KT_NS_MIN)

struct kt_alerts {
    struct kt_store *store;
    const struct kt_conf *conf;
};

struct kt_alerts *kt_alerts_new(struct kt_store *store, const struct kt_conf *conf)
{
    struct kt_alerts *a = kt_alloc(sizeof *a);
    *a = (struct kt_alerts){ store, conf };
    return a;
}

void kt_alerts_free(struct kt_alerts *a)
{
    kt_free(a);
}

static enum kt_status notify(struct kt_alerts *a, const struct kt_alert *alert, const char *action,
                             const char *except, struct kt_str json, kt_time_ns now,
                             struct kt_error *err)
{
    for (unsigned i = 0; i < a->conf->n_targets; i++) {
        struct kt_str target = kt_str_of(a->conf->targets[i].name);
        if (except != NULL && kt_str_is(target, except))
            continue;
        struct kt_outbox_row row = { .created = now, .next_try = now };
        kt_str_copyz(row.alert, sizeof row.alert, kt_str_of(alert->id));
        kt_str_copyz(row.target, sizeof row.target, target);
        kt_str_copyz(row.action, sizeof row.action, kt_str_of(action));
        kt_str_copyz(row.state, sizeof row.state, KT_STR("wait"));
        if (kt_store_outbox_add(a->store, &row, json, err) != KT_OK)
            return kt_wrap(err, "outbox row for '%s'", row.target);
    }
    return KT_OK;
}

static enum kt_status raise(struct kt_alerts *a, const struct kt_alert *alert, const char *action,
                            const char *except, kt_time_ns now, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    kt_alert_write(alert, &json);
    if (kt_store_alert_put(a->store, alert->id, alert->raised, now, (int)alert->severity,
                           kt_buf_str(&json), err) != KT_OK)
        return kt_wrap(err, "alert %s", alert->id);
    if (action == NULL)
        return KT_OK;
    return notify(a, alert, action, except, kt_buf_str(&json), now, err);
}

enum kt_status kt_alerts_raise(struct kt_alerts *a, const struct kt_alert *alert, bool is_new,
                               bool historic, kt_time_ns now, struct kt_error *err)
{
    const char *action = is_new                                         ? "trigger"
                         : kt_str_is(kt_str_of(alert->state), "closed") ? "resolve"
                                                                        : "update";
    /* Each update is a row of its own: one that is on its way may not swallow the next. */
    char update[24];
    if (kt_str_is(kt_str_of(action), "update")) {
        (void)snprintf(update, sizeof update, "update:%" PRId64, alert->last / KT_NS_MS);
        action = update;
    }
    if (historic || alert->severity < KT_SEV_MEDIUM)
        action = NULL;
    return raise(a, alert, action, NULL, now, err);
}

enum kt_status kt_alerts_self(struct kt_alerts *a, const struct kt_alerts_self *s, kt_time_ns now,
                              struct kt_error *err)
{
    int64_t window = now / SELF_WINDOW;
    const struct kt_str key[] = { KT_STR("self"), kt_str_of(s->code), KT_STR("/"), s->about,
                                  kt_str_from(&window, sizeof window) };
    uint8_t id[16];
    KT_CLEANUP(kt_buf_done) struct kt_buf title = { 0 };
    kt_blake2b(key, KT_ARRAY_LEN(key), id, sizeof id);
    kt_buf_addf(&title, KT_STR_FMT " %s", KT_STR_ARG(s->about), s->sentence);
    struct kt_alert alert = { .severity = s->severity,
                              .detector = "self",
                              .state = "open",
                              .time = now,
                              .first = now,
                              .last = now,
                              .raised = now,
                              .title = kt_buf_str(&title),
                              .actor = s->about,
                              .source = KT_STR("keytrail"),
                              .command = KT_STR("keytrail search 'kind:audit' --since 24h"),
                              .n_parts = 1 };
    alert.parts[0] = (struct kt_alert_part){ .detector = "self", .text = kt_str_of(s->code) };
    (void)kt_id_format(id, alert.id);
    return raise(a, &alert, s->severity < KT_SEV_MEDIUM ? NULL : "trigger", s->except, now, err);
}

enum kt_status kt_alerts_change(struct kt_alerts *a, const char *code, struct kt_str about,
                                const char *sentence, kt_time_ns now, struct kt_error *err)
{
    const struct kt_str key[] = { KT_STR("change"), kt_str_of(code), KT_STR("/"), about,
                                  kt_str_from(&now, sizeof now) };
    uint8_t id[16];
    KT_CLEANUP(kt_buf_done) struct kt_buf title = { 0 }, json = { 0 };
    kt_blake2b(key, KT_ARRAY_LEN(key), id, sizeof id);
    kt_buf_addf(&title, KT_STR_FMT " %s", KT_STR_ARG(about), sentence);
    struct kt_alert change = { .severity = KT_SEV_INFO,
                               .detector = "change",
                               .state = "open",
                               .time = now,
                               .first = now,
                               .last = now,
                               .raised = now,
                               .title = kt_buf_str(&title),
                               .source = KT_STR("keytrail"),
                               .command = KT_STR("keytrail search 'kind:audit' --since 24h") };
    (void)kt_id_format(id, change.id);
    kt_alert_write(&change, &json);
    for (unsigned i = 0; i < a->conf->n_targets; i++) {
        struct kt_outbox_row row = { .created = now, .next_try = now };
        if (!a->conf->targets[i].changes)
            continue;
        kt_str_copyz(row.alert, sizeof row.alert, kt_str_of(change.id));
        kt_str_copyz(row.target, sizeof row.target, kt_str_of(a->conf->targets[i].name));
        kt_str_copyz(row.action, sizeof row.action, KT_STR("change"));
        kt_str_copyz(row.state, sizeof row.state, KT_STR("wait"));
        if (kt_store_outbox_add(a->store, &row, kt_buf_str(&json), err) != KT_OK)
            return kt_wrap(err, "outbox row for '%s'", row.target);
    }
    return KT_OK;
}
