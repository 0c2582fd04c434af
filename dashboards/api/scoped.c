/*
 * scoped: see the header.
 *
 * Owns:  nothing.
 * Calls: core/answer/within, dashboards/api/kept, detectors (their summaries).
 */
#include "dashboards/api/scoped.h"

#include <string.h>

#include "core/base/alloc.h"
#include "dashboards/api/kept.h"
#include "detectors/detector.h"

#define HOLDS_FOR (10 * KT_NS_S)

bool kt_api_scoped(const struct kt_api *a)
{
    return a->ask->scope.len > 0;
}

void kt_api_key(const struct kt_api *a, const char *what, struct kt_buf *key)
{
    kt_buf_addf(key, "%s %d ", what, kt_role_knows_canaries(a->role));
    kt_buf_str32(key, a->ask->scope);
}

/* ---- which ---- */

#define ID 26u /* of an alert, in a kept list: one behind the other */

static void read_list(struct kt_str ids, struct kt_within *ret)
{
    ret->n = (uint32_t)(ids.len / ID);
    ret->id = kt_alloc_array(ret->n + 1, sizeof *ret->id);
    for (uint32_t i = 0; i < ret->n; i++)
        kt_str_copyz(ret->id[i], sizeof *ret->id, kt_str_sub(ids, i * ID, ID));
}

enum kt_status kt_api_within(struct kt_api *a, struct kt_within *own, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 }, ids = { 0 };
    struct kt_ask beside = *a->ask;
    *own = (struct kt_within){ 0 };
    if (!kt_api_scoped(a))
        return KT_OK;
    a->ask->told = own;
    kt_api_key(a, "alerts", &key);
    if (kt_api_kept_get(a->kept, kt_buf_str(&key), a->now, HOLDS_FOR, beside.give_up,
                        beside.give_up_self, &ids)) {
        read_list(kt_buf_str(&ids), own);
        return KT_OK;
    }
    enum kt_status status = kt_within_load(&beside, own, err);
    for (uint32_t i = 0; status == KT_OK && i < own->n; i++)
        kt_buf_addz(&ids, own->id[i]);
    if (status == KT_OK)
        kt_api_kept_put(a->kept, kt_buf_str(&key), a->now, kt_buf_str(&ids));
    else
        kt_api_kept_drop(a->kept, kt_buf_str(&key));
    return status;
}

/* ---- what of it ---- */

static struct kt_str summary_of(const char *detector)
{
    for (unsigned i = 0; kt_detectors[i] != NULL; i++)
        if (strcmp(kt_detectors[i]->name, detector) == 0)
            return kt_str_of(kt_detectors[i]->summary);
    return kt_str_of(detector);
}

bool kt_api_has_canary(const struct kt_alert *alert)
{
    bool has = false;
    for (unsigned i = 0; i < alert->n_parts; i++)
        has = has || kt_str_starts(alert->parts[i].text, KT_STR(KT_CANARY_PART));
    return has;
}

bool kt_api_is_narrow(const struct kt_alert *alert)
{
    return alert->score == KT_API_NO_SCORE;
}

void kt_api_narrow(const struct kt_api *a, struct kt_alert *alert)
{
    bool hidden = !kt_role_knows_canaries(a->role) && kt_api_has_canary(alert);
    if (!kt_api_scoped(a) && !hidden)
        return;
    struct kt_alert is = { .severity = alert->severity,
                           .score = KT_API_NO_SCORE,
                           .detector = alert->detector,
                           .state = alert->state,
                           .time = alert->time,
                           .first = alert->first,
                           .last = alert->last,
                           .raised = alert->raised,
                           .title = summary_of(alert->detector),
                           .actor = alert->actor,
                           .ip = alert->ip,
                           .country = alert->ip.len > 0 ? alert->country : KT_STR_NONE,
                           .instance = alert->instance,
                           .source = alert->instance.len > 0 ? alert->source : KT_STR_NONE,
                           .n_parts = alert->n_parts,
                           .n_events = alert->n_events,
                           .events_count = alert->events_count,
                           .n_secrets = alert->n_secrets,
                           .secrets_count = alert->secrets_count,
                           .life = alert->life };
    is.life.acknowledged_where = is.life.closed_where = is.life.reopened_for = KT_STR_NONE;
    is.life.note = is.life.note_by = KT_STR_NONE;
    memcpy(is.id, alert->id, sizeof is.id);
    memcpy(is.events, alert->events, sizeof is.events);
    memcpy(is.secrets, alert->secrets, sizeof is.secrets);
    is.secret = is.n_secrets > 0 ? is.secrets[0] : KT_STR_NONE;
    for (unsigned i = 0; i < is.n_parts; i++)
        is.parts[i].detector = alert->parts[i].detector;
    *alert = is;
}

void kt_api_untold(struct kt_buf *o)
{
    kt_api_open(o, "integrity", '{');
    kt_api_text(o, "state", KT_STR("unknown"));
    kt_api_raw(o, "size", KT_STR_NONE);
    kt_api_time(o, "at", 0);
    kt_api_raw(o, "cosigners", KT_STR_NONE);
    kt_api_text(o, "text", KT_STR("how the log stands is told to users without a scope"));
    kt_api_close(o, '}');
    kt_api_text(o, "learning", KT_STR_NONE);
}
