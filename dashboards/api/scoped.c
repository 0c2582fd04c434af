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

static struct kt_str bytes_of(const struct kt_within *w)
{
    return kt_str_from((const char *)w->at, w->n * sizeof *w->at);
}

static void read_bytes(struct kt_str bytes, struct kt_within *ret)
{
    ret->n = (uint32_t)(bytes.len / sizeof *ret->at);
    ret->at = kt_alloc_array(ret->n + 1, sizeof *ret->at);
    memcpy(ret->at, bytes.at, ret->n * sizeof *ret->at);
}

/* What was proven is kept, and what is told is looked up anew each time: alerts grow. */
enum kt_status kt_api_within(struct kt_api *a, struct kt_within *own, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 }, kept = { 0 };
    KT_CLEANUP(kt_within_done) struct kt_within before = { 0 };
    struct kt_ask beside = *a->ask;
    *own = (struct kt_within){ 0 };
    if (!kt_api_scoped(a))
        return KT_OK;
    kt_api_key(a, "alerts", &key);
    if (a->ask->ids != NULL) /* whose records they are */
        kt_buf_add(&key, kt_str_from((const char *)kt_identities_digest(a->ask->ids), 32));
    bool had = kt_api_kept_get(a->kept, kt_buf_str(&key), a->now, KT_WITHIN_FOR, beside.give_up,
                               beside.give_up_self, &kept);
    if (had)
        read_bytes(kt_buf_str(&kept), &before);
    enum kt_status status = kt_within_load(&beside, &before, own, err);
    own->of = a->ask;
    a->ask->told = own;
    if (!had || own->proven > 0) /* of a failure too: whoever asks next goes on there */
        kt_api_kept_put(a->kept, kt_buf_str(&key), a->now, bytes_of(own));
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

bool kt_api_may_be_canary(const struct kt_alert *alert)
{
    bool may = false;
    for (unsigned i = 0; i < alert->n_parts; i++)
        may = may || strcmp(alert->parts[i].detector, KT_CANARIES_BY) == 0;
    return may;
}

bool kt_api_is_narrow(const struct kt_alert *alert)
{
    return alert->score == KT_API_NO_SCORE;
}

struct kt_str kt_api_person(struct kt_str by)
{
    return kt_str_starts(by, KT_STR(KT_API_LINK_OF)) ? KT_STR("a link in a message") : by;
}

/* Names of secrets and records would mark an alert about a canary as much as its sentences do. */
static void hide(struct kt_alert *alert)
{
    alert->n_secrets = alert->n_events = 0;
    alert->secrets_count = 0;
    alert->secret = KT_STR_NONE;
}

void kt_api_narrow(const struct kt_api *a, struct kt_alert *alert)
{
    bool hidden =
        kt_api_may_be_canary(alert) && (kt_api_scoped(a) || !kt_role_knows_canaries(a->role));
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
    is.life.acknowledged_by = kt_api_person(is.life.acknowledged_by);
    is.life.closed_by = kt_api_person(is.life.closed_by);
    memcpy(is.id, alert->id, sizeof is.id);
    memcpy(is.events, alert->events, sizeof is.events);
    memcpy(is.secrets, alert->secrets, sizeof is.secrets);
    is.secret = is.n_secrets > 0 ? is.secrets[0] : KT_STR_NONE;
    for (unsigned i = 0; i < is.n_parts; i++)
        is.parts[i].detector = alert->parts[i].detector;
    if (hidden)
        hide(&is);
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
