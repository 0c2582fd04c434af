/*
 * triage_silence: which alerts raise no message for a while, and what happens when that ends.
 *
 * Owns:  the silences and their queries; the ids of alerts that they keep quiet, which the blobs
 *        "held/<alert>" keep over a restart.
 * Calls: core/query/silences, exporters/alerts/match, core/store.
 * Holds: an alert that was kept quiet is looked at after the end of a silence, also when the
 *        collector was away then: only after that the end is in the log.
 */
#include "collector/triage_state.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/event/line.h"

#define HELD_BLOBS "held/"

void kt_triage_free_silences(struct kt_triage *t)
{
    for (unsigned i = 0; i < t->silences.n && t->covers != NULL; i++)
        kt_query_free(t->covers[i].query);
    kt_free(t->covers);
    kt_silences_done(&t->silences);
    kt_map_free(t->held);
    kt_map_free(t->kept);
    t->held = t->kept = NULL;
    t->covers = NULL;
}

static bool covers(const struct kt_triage *t, unsigned i, const struct kt_alert *a)
{
    const struct kt_query *q = t->covers[i].query;
    return q != NULL && kt_alert_covered(q, a);
}

const struct kt_silence *kt_triage_silence_of(const struct kt_triage *t, const struct kt_alert *a,
                                              kt_time_ns now)
{
    for (unsigned i = 0; i < t->silences.n; i++)
        if (kt_silence_open(&t->silences.at[i], now) && covers(t, i, a))
            return &t->silences.at[i];
    return NULL;
}

/* ---- what is kept quiet ---- */

static const char *held_name(const char *alert, char ret[64])
{
    (void)snprintf(ret, 64, HELD_BLOBS "%s", alert);
    return ret;
}

enum kt_status kt_triage_hold(struct kt_triage *t, const char *alert, struct kt_error *err)
{
    char name[64];
    bool is_new;
    (void)kt_map_put(t->held, kt_str_of(alert), &is_new);
    return is_new ? kt_store_put(t->o.store, held_name(alert, name), KT_STR("1"), err) : KT_OK;
}

static enum kt_status see_held(void *self, const char *alert, struct kt_error *err)
{
    struct kt_triage *t = self;
    (void)err;
    (void)kt_map_put(t->held, kt_str_of(alert), NULL);
    return KT_OK;
}

enum kt_status kt_triage_load_silences(struct kt_triage *t, struct kt_reader *r,
                                       struct kt_error *err)
{
    if (kt_silences_load(r, &t->silences, err) != KT_OK)
        return err->code;
    t->covers = kt_alloc_array(t->silences.n + 1, sizeof *t->covers);
    for (unsigned i = 0; i < t->silences.n; i++) {
        const struct kt_silence *s = &t->silences.at[i];
        if (!s->over &&
            kt_alert_query_parse(kt_str_of(s->match), &t->covers[i].query, NULL) != KT_OK)
            t->covers[i].query = NULL; /* what is no query covers nothing */
    }
    return kt_store_alert_blobs(t->o.store, HELD_BLOBS, UINT_MAX, see_held, t, err);
}

/* ---- new ones ---- */

/* A record, and the same in memory. */
static enum kt_status decide(struct kt_triage *t, const char *operation, struct kt_str sentence,
                             struct kt_str raw, kt_time_ns now, struct kt_error *err)
{
    struct kt_jval root;
    unsigned repaired;
    enum kt_status st = t->o.record(t->o.self, operation, sentence, raw, err);
    if (st != KT_OK)
        return kt_wrap(err, "silence");
    struct kt_json *json = kt_json_new(KT_JSON_JANSSON);
    st = kt_json_parse(json, raw, &root, &repaired, err);
    if (st == KT_OK)
        kt_silences_take(&t->silences, kt_str_of(operation), root, now);
    kt_json_free(json);
    return st;
}

static enum kt_status name_it(const struct kt_triage *t, struct kt_silence *s, kt_time_ns now,
                              struct kt_error *err)
{
    unsigned open = 0, n = t->silences.n;
    if (t->silences.damage.places > 0) /* its name may be one of theirs */
        return kt_fail(err, KT_E_INPUT,
                       "silences may be among %u damaged places of the log: restore a backup first "
                       "(keytrail verify)",
                       t->silences.damage.places);
    for (unsigned i = 0; i < t->silences.n; i++) {
        const struct kt_silence *other = &t->silences.at[i];
        open += other->removed == 0 && now < other->until;
    }
    if (open >= KT_SILENCE_OPEN_MAX)
        return kt_fail(err, KT_E_LIMIT,
                       "%u silences are open; remove one (keytrail alerts silence "
                       "list)",
                       open);
    do
        (void)snprintf(s->id, sizeof s->id, "silence-%u", ++n);
    while (kt_silences_named(&t->silences, kt_str_of(s->id)) != NULL);
    return KT_OK;
}

enum kt_status kt_triage_silence(struct kt_triage *t, struct kt_silence *s, kt_time_ns now,
                                 struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 }, sentence = { 0 };
    char until[KT_TIME_TEXT_MAX];
    struct kt_query *q = NULL;
    if (s->until <= now)
        return kt_fail(err, KT_E_INPUT, "'until' lies in the past");
    if (s->from < now)
        s->from = now;
    if (kt_alert_query_parse(kt_str_of(s->match), &q, err) != KT_OK)
        return kt_wrap(err, "'match'");
    enum kt_status st = name_it(t, s, now, err);
    kt_silence_write(s, &raw);
    kt_buf_addf(&sentence, "%s until %.16s UTC: %s", s->match,
                kt_time_format_short(s->until, until), s->reason);
    if (st == KT_OK)
        st = decide(t, KT_SILENCE_OP, kt_buf_str(&sentence), kt_buf_str(&raw), now, err);
    if (st != KT_OK) {
        kt_query_free(q);
        return st;
    }
    t->covers = kt_realloc_array(t->covers, t->silences.n + 1, sizeof *t->covers);
    t->covers[t->silences.n - 1] = (struct kt_covers){ .query = q };
    return KT_OK;
}

enum kt_status kt_triage_unsilence(struct kt_triage *t, struct kt_str id, struct kt_str reason,
                                   struct kt_str by, kt_time_ns now, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    const struct kt_silence *s = kt_silences_named(&t->silences, id);
    if (reason.len == 0 || by.len == 0)
        return kt_fail(err, KT_E_INPUT, "'%s' is missing", reason.len == 0 ? "reason" : "by");
    if (reason.len >= sizeof s->reason || by.len >= sizeof s->by)
        return kt_fail(err, KT_E_INPUT, "'%s' is too long",
                       by.len >= sizeof s->by ? "by" : "reason");
    if (s == NULL || s->removed != 0 || s->until <= now)
        return kt_fail(err, KT_E_INPUT,
                       "no silence '" KT_STR_FMT "' is open: keytrail alerts silence list names "
                       "those that are",
                       KT_STR_ARG(id));
    kt_buf_addz(&raw, "{\"id\":");
    kt_json_quote(&raw, id);
    kt_buf_addz(&raw, ",\"reason\":");
    kt_json_quote(&raw, reason);
    kt_buf_addz(&raw, ",\"by\":");
    kt_json_quote(&raw, by);
    kt_buf_byte(&raw, '}');
    return decide(t, KT_SILENCE_RM_OP, KT_STR("what it kept quiet is told now"), kt_buf_str(&raw),
                  now, err);
}

/* ---- the end ---- */

static bool has_ended(const struct kt_silence *s, kt_time_ns now)
{
    return !s->over && (s->removed != 0 || s->until <= now);
}

bool kt_triage_releases(const struct kt_triage *t, kt_time_ns now)
{
    for (unsigned i = 0; i < t->silences.n; i++)
        if (has_ended(&t->silences.at[i], now))
            return true;
    return false;
}

/* Of those alone whose alerts have been looked at. */
static enum kt_status record_ends(struct kt_triage *t, kt_time_ns now, struct kt_error *err)
{
    for (unsigned i = 0; i < t->silences.n; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
        if (!t->covers[i].ending)
            continue;
        kt_buf_addf(&raw, "{\"id\":\"%s\",\"by\":\"keytrail\"}", t->silences.at[i].id);
        if (decide(t, KT_SILENCE_OVER_OP, KT_STR("it ended: what it kept quiet has been told"),
                   kt_buf_str(&raw), now, err) != KT_OK)
            return err->code;
        kt_query_free(t->covers[i].query);
        t->covers[i] = (struct kt_covers){ 0 };
    }
    return KT_OK;
}

/* What ends while these are looked at has its own turn: they may have been held again for it. */
static void begin_release(struct kt_triage *t, kt_time_ns now)
{
    for (unsigned i = 0; i < t->silences.n; i++)
        t->covers[i].ending = has_ended(&t->silences.at[i], now);
    t->kept = t->held;
    t->held = kt_map_new(0);
    t->released = 0;
}

enum kt_status kt_triage_release(struct kt_triage *t, kt_time_ns now, char (*ret_ids)[KT_ID_TEXT],
                                 unsigned max, unsigned *ret_n, struct kt_error *err)
{
    *ret_n = 0;
    if (!kt_triage_releases(t, now))
        return KT_OK;
    if (t->kept == NULL)
        begin_release(t, now);
    while (*ret_n < max && t->released < kt_map_count(t->kept)) {
        char name[64], *id = ret_ids[*ret_n];
        kt_str_copyz(id, KT_ID_TEXT, kt_map_key(t->kept, t->released));
        if (kt_store_put(t->o.store, held_name(id, name), KT_STR_NONE, err) != KT_OK)
            return kt_wrap(err, "alerts that a silence kept quiet");
        t->released++;
        ++*ret_n;
    }
    if (*ret_n > 0)
        return KT_OK;
    kt_map_free(t->kept);
    t->kept = NULL;
    return record_ends(t, now, err);
}
