/*
 * alerts_act: what people do about alerts: acknowledge, assign, note, close, silence. All
 * of it goes to the collector, the one writer, and becomes a record of the log.
 *
 * Owns:  the requests, which the commands write by it too.
 * Calls: the collector, exporters/alerts/match.
 */
#include "core/event/json.h"
#include "core/query/silences.h"
#include "dashboards/api/alerts.h"
#include "dashboards/api/calls.h"
#include "exporters/alerts/match.h"

#define WHERE "page"

/* ---- requests ---- */

static void add(struct kt_buf *out, const char *key, struct kt_str value)
{
    if (value.len > 0)
        kt_api_text(out, key, value);
}

void kt_alert_act_write(const struct kt_alert_act *act, struct kt_buf *out)
{
    kt_api_open(out, NULL, '{');
    kt_api_text(out, "do", act->verb);
    kt_api_open(out, "ids", '[');
    for (unsigned i = 0; i < act->n_ids; i++)
        kt_api_text(out, NULL, act->id[i]);
    kt_api_close(out, ']');
    add(out, "by", act->by);
    add(out, "where", act->where);
    add(out, "to", act->to);
    add(out, "verdict", act->verdict);
    add(out, "reason", act->reason);
    kt_api_close(out, '}');
}

enum kt_status kt_silence_add_write(const struct kt_silence_ask *s, struct kt_buf *out,
                                    struct kt_error *err)
{
    struct kt_query *q = NULL;
    if (kt_str_trim(s->match).len == 0)
        return kt_fail(err, KT_E_INPUT,
                       "which alerts? one query: 'detector:volume_spike actor:backup-*'");
    if (kt_str_trim(s->reason).len == 0)
        return kt_fail(err, KT_E_INPUT, "a reason is missing: why are they silenced?");
    if (kt_alert_query_parse(s->match, &q, err) != KT_OK)
        return KT_E_INPUT;
    kt_query_free(q);
    kt_api_open(out, NULL, '{');
    kt_api_text(out, "do", KT_STR("silence.add"));
    kt_api_text(out, "match", s->match);
    kt_api_text(out, "reason", s->reason);
    kt_api_text(out, "by", s->by);
    kt_api_time(out, "from", s->from);
    kt_api_time(out, "until", s->until);
    kt_api_close(out, '}');
    return KT_OK;
}

void kt_silence_rm_write(struct kt_str id, struct kt_str reason, struct kt_str by,
                         struct kt_buf *out)
{
    kt_api_open(out, NULL, '{');
    kt_api_text(out, "do", KT_STR("silence.rm"));
    kt_api_text(out, "id", id);
    kt_api_text(out, "reason", reason);
    kt_api_text(out, "by", by);
    kt_api_close(out, '}');
}

/* ---- the calls ---- */

/* One line of JSON an alert, and an empty one, as a list. */
static enum kt_status add_results(struct kt_buf *o, struct kt_str answer, struct kt_error *err)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_str line;
    enum kt_status status = KT_OK;
    kt_api_open(o, NULL, '{');
    kt_api_open(o, "results", '[');
    while (status == KT_OK && answer.len > 0 && kt_str_split(&answer, '\n', &line)) {
        struct kt_jval root;
        unsigned repaired;
        if (line.len == 0)
            continue;
        status = kt_json_parse(json, line, &root, &repaired, err);
        kt_api_raw(o, NULL, line);
    }
    kt_api_close(o, ']');
    kt_api_close(o, '}');
    kt_json_free(json);
    return status == KT_OK ? KT_OK : kt_fail(err, KT_E_IO, "the collector's answer is no JSON");
}

static unsigned take_ids(const struct kt_api *a, struct kt_str ret[KT_ALERT_ACT_IDS_MAX + 1])
{
    unsigned n = 0;
    for (unsigned i = 0; i < a->n_params && n <= KT_ALERT_ACT_IDS_MAX; i++)
        if (kt_str_is(a->param[i].name, "ids"))
            ret[n++] = a->param[i].value;
    return n;
}

/* What else a step needs the collector says, which asks every caller the same. */
static enum kt_status check(const struct kt_alert_act *act, struct kt_error *err)
{
    static const char *const verbs[] = { "ack", "assign", "note", "close" };
    size_t i = 0;
    while (i < KT_ARRAY_LEN(verbs) && !kt_str_is(act->verb, verbs[i]))
        i++;
    if (i == KT_ARRAY_LEN(verbs))
        return kt_fail(
            err, KT_E_INPUT,
            "do is ack, assign, note or close; keytrail alerts reopen is not on the web");
    if (act->n_ids == 0 || act->n_ids > KT_ALERT_ACT_IDS_MAX)
        return kt_fail(err, KT_E_INPUT, "ids are 1 to %u alerts", KT_ALERT_ACT_IDS_MAX);
    return KT_OK;
}

enum kt_status kt_api_alerts_act(struct kt_api *a, struct kt_error *err)
{
    struct kt_str ids[KT_ALERT_ACT_IDS_MAX + 1];
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 }, answer = { 0 };
    const struct kt_alert_act act = { .verb = kt_api_get(a, "do"),
                                      .id = ids,
                                      .n_ids = take_ids(a, ids),
                                      .by = kt_str_of(a->user),
                                      .where = KT_STR(WHERE),
                                      .to = kt_api_get(a, "to"),
                                      .verdict = kt_api_get(a, "verdict"),
                                      .reason = kt_api_get(a, "reason") };
    if (check(&act, err) != KT_OK)
        return KT_E_INPUT;
    kt_alert_act_write(&act, &request);
    if (kt_api_collector(a, kt_buf_str(&request), KT_API_ACT_S, &answer, err) != KT_OK)
        return err->code;
    return add_results(&a->out, kt_buf_str(&answer), err);
}

/* {"id":"silence-1"}: the collector's one line is the answer. */
static enum kt_status order(struct kt_api *a, const struct kt_buf *request, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    if (kt_api_collector(a, kt_buf_str(request), KT_API_ACT_S, &answer, err) != KT_OK)
        return err->code;
    kt_buf_add(&a->out, kt_str_trim(kt_buf_str(&answer)));
    return KT_OK;
}

enum kt_status kt_api_silence_add(struct kt_api *a, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 };
    kt_time_ns lasts = 0;
    if (kt_duration_parse(kt_api_get(a, "for"), &lasts, err) != KT_OK)
        return kt_wrap(err, "for");
    if (lasts <= 0 || lasts > KT_SILENCE_LAST_MAX)
        return kt_fail(err, KT_E_INPUT, "for is how long: at most 30 days, as in 4h");
    const struct kt_silence_ask s = { .match = kt_api_get(a, "match"),
                                      .reason = kt_api_get(a, "reason"),
                                      .by = kt_str_of(a->user),
                                      .from = a->now,
                                      .until = a->now + lasts };
    if (kt_silence_add_write(&s, &request, err) != KT_OK)
        return KT_E_INPUT;
    return order(a, &request, err);
}

enum kt_status kt_api_silence_end(struct kt_api *a, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 };
    struct kt_str id = kt_api_get(a, "id"), reason = kt_str_trim(kt_api_get(a, "reason"));
    if (id.len == 0 || reason.len == 0)
        return kt_fail(err, KT_E_INPUT, "which silence, and why? id and reason are needed");
    kt_silence_rm_write(id, reason, kt_str_of(a->user), &request);
    return order(a, &request, err);
}
