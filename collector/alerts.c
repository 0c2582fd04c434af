/*
 * alerts: what was found -> a row people can list, and rows of the outbox before any request.
 *
 * Owns:  nothing.
 * Calls: triage (lives, silences, who was told), pager (who is to be told), core/store/write,
 *        exporters/alerts/alert. No clock, no sending.
 */
#include "collector/alerts_state.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include <string.h>

#define AT_ONCE 64u /* alerts looked at in a turn, after a silence */

struct kt_alerts *kt_alerts_new(struct kt_store *store, const struct kt_conf *conf,
                                struct kt_triage *triage, struct kt_pager *pager)
{
    struct kt_alerts *a = kt_alloc(sizeof *a);
    *a = (struct kt_alerts){ .store = store, .conf = conf, .triage = triage, .pager = pager };
    return a;
}

void kt_alerts_free(struct kt_alerts *a)
{
    kt_free(a);
}

enum kt_status kt_alerts_put(struct kt_alerts *a, const struct kt_alert *alert, kt_time_ns now,
                             struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    kt_alert_write(alert, &json);
    if (kt_store_alert_put(a->store, alert->id, alert->raised, now, (int)alert->severity,
                           kt_buf_str(&json), err) != KT_OK)
        return kt_wrap(err, "alert %s", alert->id);
    return KT_OK;
}

/* A version of an alert that nothing keeps quiet: first those that know of it, then those that
 * routes add. ended: no more evidence of it comes. */
static enum kt_status tell(struct kt_alerts *a, const struct kt_alert *alert, bool reopened,
                           kt_time_ns now, struct kt_error *err)
{
    const struct kt_life *life = kt_triage_life(a->triage, alert->id);
    enum kt_status st = KT_OK;
    bool ended = kt_str_is(kt_str_of(alert->state), "closed");
    if (reopened) {
        st = kt_triage_tell(a->triage, alert, KT_SEND_TRIGGER, now, err);
    } else if (life != NULL && life->status != KT_LIFE_OPEN) {
        return KT_OK;    /* somebody has it, or has dealt with it */
    } else if (!ended) { /* a person has to have looked at it nevertheless (decision 0036) */
        st = kt_triage_tell(a->triage, alert, KT_SEND_UPDATE, now, err);
    }
    return st == KT_OK ? kt_pager_raised(a->pager, alert->id, now, err) : st;
}

enum kt_status kt_alerts_raise(struct kt_alerts *a, const struct kt_alert *alert, bool historic,
                               kt_time_ns now, struct kt_error *err)
{
    bool reopened = false;
    enum kt_status st = kt_alerts_put(a, alert, now, err);
    if (st != KT_OK || historic)
        return st;
    if (alert->merged_into.len > 0) {
        kt_pager_answered(a->pager, alert->id);
        return kt_triage_tell(a->triage, alert, KT_SEND_RESOLVE, now, err);
    }
    st = kt_triage_graver(a->triage, alert, now, &reopened, err);
    if (st != KT_OK)
        return st;
    if (kt_triage_silence_of(a->triage, alert, now) != NULL)
        return kt_triage_hold(a->triage, alert->id, err);
    return tell(a, alert, reopened, now, err);
}

/* ---- after a silence ---- */

bool kt_alerts_due(const struct kt_alerts *a, kt_time_ns now)
{
    return kt_triage_releases(a->triage, now);
}

/* An alert that a silence kept quiet, and does no more: is it still to be told? */
static enum kt_status release(struct kt_alerts *a, const char *id, kt_time_ns now, bool *ret_any,
                              struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    const struct kt_life *life = kt_triage_life(a->triage, id);
    struct kt_triage_told told;
    struct kt_alert alert;
    struct kt_alert_found found;
    enum kt_status st = kt_store_alert_find(a->store, kt_str_of(id), &json, &found, err);
    if (st == KT_OK)
        st = kt_alert_read(kt_buf_str(&json), &arena, &alert, err);
    if (st == KT_OK)
        st = kt_triage_told(a->triage, id, &told, err);
    if (st != KT_OK)
        return st == KT_E_INPUT ? KT_OK : st; /* its row is lost: verify says so */
    bool over = kt_alert_is_over(&alert) || (life != NULL && life->status != KT_LIFE_OPEN) ||
                (told.targets > 0 && told.newest >= found.updated);
    if (over)
        return KT_OK;
    if (kt_triage_silence_of(a->triage, &alert, now) != NULL)
        return kt_triage_hold(a->triage, id, err);
    *ret_any = true;
    bool reopened = life != NULL && life->reopened.at > told.called; /* it got worse meanwhile */
    enum kt_send send = reopened ? KT_SEND_TRIGGER : KT_SEND_UPDATE;
    st = kt_triage_tell(a->triage, &alert, send, now, err);
    return st == KT_OK ? kt_pager_raised(a->pager, id, now, err) : st;
}

enum kt_status kt_alerts_turn(struct kt_alerts *a, kt_time_ns now, bool *ret_any,
                              struct kt_error *err)
{
    char ids[AT_ONCE][KT_ID_TEXT];
    unsigned n = 0;
    *ret_any = false;
    enum kt_status st = kt_triage_release(a->triage, now, ids, AT_ONCE, &n, err);
    for (unsigned i = 0; st == KT_OK && i < n; i++)
        st = release(a, ids[i], now, ret_any, err);
    return st;
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
