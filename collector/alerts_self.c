/*
 * alerts_self: alerts about keytrail itself. What comes again and again is one alert, which pages
 * once and counts (docs/alerts.md, "Again and again").
 *
 * Owns:  the blobs "self/<code>/<subject>": the alert that is open about it.
 * Calls: alerts (rows, updates), triage, pager, core/store/write. No clock, no sending.
 */
#include "collector/alerts_state.h"
#include "collector/self_codes.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/event/json.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BLOBS      "self/"
#define WINDOW     (10 * KT_NS_MIN)
#define FLAP       KT_NS_HOUR       /* what ends and begins again within it did not end */
#define FORGET     (2 * KT_NS_HOUR) /* of what nobody sees the end of */
#define BLOBS_MAX  64u              /* looked at in a turn */
#define NAME_BYTES 200u

struct state { /* of one code and subject */
    char id[KT_ID_TEXT];
    kt_time_ns last, told, over; /* over 0: it goes on, or nobody sees its end */
    int64_t times, ends;
};
static const struct {
    const char *name;
    size_t offset;
} numbers[] = {
    { "last", offsetof(struct state, last) }, { "told", offsetof(struct state, told) },
    { "over", offsetof(struct state, over) }, { "times", offsetof(struct state, times) },
    { "ends", offsetof(struct state, ends) },
};

static const char *name_of(const char *code, struct kt_str about, char ret[NAME_BYTES])
{
    (void)snprintf(ret, NAME_BYTES, BLOBS "%s/" KT_STR_FMT, code, KT_STR_ARG(about));
    return ret;
}

static bool parse(struct kt_str text, struct state *ret)
{
    struct kt_json *json = kt_json_new(KT_JSON_JANSSON);
    struct state s = { 0 };
    struct kt_jval root;
    unsigned repaired;
    bool ok = kt_json_parse(json, text, &root, &repaired, NULL) == KT_OK;
    for (size_t i = 0; ok && i < KT_ARRAY_LEN(numbers); i++) {
        int64_t n = 0;
        ok = kt_json_i64(kt_json_path(root, numbers[i].name), &n);
        memcpy((char *)&s + numbers[i].offset, &n, sizeof n);
    }
    if (ok)
        kt_str_copyz(s.id, sizeof s.id, kt_json_str_at(root, "id"));
    kt_json_free(json);
    if (ok)
        *ret = s;
    return ok;
}

/* false: none is open about it. One that cannot be read is none. */
static bool load(const struct kt_alerts *a, const char *name, struct state *ret)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf value = { 0 };
    return kt_store_get(a->store, name, &value, NULL) == KT_OK && parse(kt_buf_str(&value), ret);
}

static enum kt_status save(struct kt_alerts *a, const char *name, const struct state *s,
                           struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf value = { 0 };
    kt_buf_addf(&value, "{\"id\":\"%s\"", s->id);
    for (size_t i = 0; i < KT_ARRAY_LEN(numbers); i++) {
        int64_t n;
        memcpy(&n, (const char *)s + numbers[i].offset, sizeof n);
        kt_buf_addf(&value, ",\"%s\":%" PRId64, numbers[i].name, n);
    }
    kt_buf_byte(&value, '}');
    return kt_store_put(a->store, name, kt_buf_str(&value), err);
}

/* ---- a new one ---- */

/* before: the alert about the same that a person has closed, or empty. */
static enum kt_status open_one(struct kt_alerts *a, const struct kt_alerts_self *s,
                               const char *before, const char *name, kt_time_ns now,
                               struct kt_error *err)
{
    int64_t window = now / WINDOW;
    const struct kt_str key[] = { KT_STR("self"),
                                  kt_str_of(s->code->code),
                                  KT_STR("/"),
                                  s->about,
                                  kt_str_from(&window, sizeof window),
                                  kt_str_of(before) };
    uint8_t id[16];
    KT_CLEANUP(kt_buf_done) struct kt_buf title = { 0 };
    kt_blake2b(key, KT_ARRAY_LEN(key), id, sizeof id);
    kt_buf_addf(&title, KT_STR_FMT " %s", KT_STR_ARG(s->about), s->sentence);
    struct kt_alert alert = { .severity = s->code->severity,
                              .detector = "self",
                              .state = "open",
                              .time = now,
                              .first = now,
                              .last = now,
                              .raised = now,
                              .title = kt_buf_str(&title),
                              .actor = s->about,
                              .source = KT_STR("keytrail"),
                              .instance = kt_str_of(s->except), /* the pager spares it */
                              .why = kt_str_of(s->code->why),
                              .command = kt_str_of(s->code->look),
                              .n_parts = 1 };
    struct state fresh = { .last = now, .told = now, .times = 1, .ends = s->code->over };
    alert.parts[0] = (struct kt_alert_part){ .detector = "self", .text = kt_str_of(s->code->code) };
    (void)kt_id_format(id, alert.id);
    memcpy(fresh.id, alert.id, sizeof fresh.id);
    if (kt_alerts_put(a, &alert, now, err) != KT_OK || save(a, name, &fresh, err) != KT_OK)
        return err->code;
    a->self_opened++;
    if (kt_triage_silence_of(a->triage, &alert, now) != NULL)
        return kt_triage_hold(a->triage, alert.id, err);
    return kt_pager_raised(a->pager, alert.id, now, err);
}

/* ---- the same again ---- */

/* The stored alert; its strings live in arena. */
static enum kt_status read_alert(struct kt_alerts *a, const char *id, struct kt_arena *arena,
                                 struct kt_alert *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_alert_found found;
    if (kt_store_alert_find(a->store, kt_str_of(id), &json, &found, err) != KT_OK)
        return err->code;
    return kt_alert_read(kt_buf_str(&json), arena, ret, err);
}

static enum kt_status count_one(struct kt_alerts *a, const struct kt_alerts_self *s,
                                struct state *st, const char *name, kt_time_ns now,
                                struct kt_error *err)
{
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    KT_CLEANUP(kt_buf_done) struct kt_buf title = { 0 };
    const struct kt_life *life = kt_triage_life(a->triage, st->id);
    struct kt_alert alert;
    char since[KT_TIME_TEXT_MAX];
    enum kt_status read = read_alert(a, st->id, &arena, &alert, err);
    if (read == KT_E_INPUT) /* its row is lost: verify says so */
        return open_one(a, s, st->id, name, now, err);
    if (read != KT_OK)
        return read;
    st->times++;
    st->last = now;
    st->over = 0;
    kt_buf_addf(&title, KT_STR_FMT " %s (%" PRId64 " times since %.16s UTC)", KT_STR_ARG(s->about),
                s->sentence, st->times, kt_time_format_short(alert.first, since));
    alert.title = kt_buf_str(&title);
    alert.state = "updated";
    alert.last = now;
    alert.events_count = (uint64_t)st->times;
    bool silenced = kt_triage_silence_of(a->triage, &alert, now) != NULL;
    bool tell =
        !silenced && now - st->told >= FLAP && (life == NULL || life->status == KT_LIFE_OPEN);
    st->told = tell ? now : st->told;
    if (silenced && kt_triage_hold(a->triage, alert.id, err) != KT_OK)
        return err->code;
    if (kt_alerts_put(a, &alert, now, err) != KT_OK || save(a, name, st, err) != KT_OK)
        return err->code;
    return tell ? kt_triage_tell(a->triage, &alert, KT_SEND_UPDATE, now, err) : KT_OK;
}

enum kt_status kt_alerts_self(struct kt_alerts *a, const struct kt_alerts_self *s, kt_time_ns now,
                              struct kt_error *err)
{
    char name[NAME_BYTES];
    struct state st = { 0 };
    bool there = load(a, name_of(s->code->code, s->about, name), &st);
    const struct kt_life *life = there ? kt_triage_life(a->triage, st.id) : NULL;
    if (life != NULL && life->status == KT_LIFE_CLOSED)
        return open_one(a, s, st.id, name, now, err); /* a person was done with that one */
    if (there && (st.ends != 0 || now - st.last < FLAP))
        return count_one(a, s, &st, name, now, err);
    return open_one(a, s, "", name, now, err);
}

uint64_t kt_alerts_self_opened(const struct kt_alerts *a)
{
    return a->self_opened;
}

/* ---- the end ---- */

bool kt_alerts_self_open(const struct kt_alerts *a, const char *code, struct kt_str about)
{
    char name[NAME_BYTES];
    struct state st;
    return load(a, name_of(code, about, name), &st) && st.ends != 0 && st.over == 0;
}

enum kt_status kt_alerts_self_over(struct kt_alerts *a, const char *code, struct kt_str about,
                                   kt_time_ns now, struct kt_error *err)
{
    char name[NAME_BYTES];
    struct state st;
    if (!load(a, name_of(code, about, name), &st) || st.over != 0)
        return KT_OK;
    st.over = now;
    return save(a, name, &st, err);
}

struct open_ones {
    unsigned n;
    char name[BLOBS_MAX][NAME_BYTES];
};

static enum kt_status take_open(void *self, const char *name, struct kt_str value,
                                struct kt_error *err)
{
    struct open_ones *o = self;
    struct state st;
    (void)err;
    if (o->n < BLOBS_MAX && strlen(name) < NAME_BYTES && parse(value, &st) && st.ends != 0 &&
        st.over == 0)
        kt_str_copyz(o->name[o->n++], NAME_BYTES, kt_str_of(name));
    return KT_OK;
}

/* The blobs of a code whose cause is not known to be over; up to BLOBS_MAX at a time. */
static enum kt_status open_of(const struct kt_alerts *a, const char *code, struct open_ones *ret,
                              struct kt_error *err)
{
    char prefix[NAME_BYTES];
    ret->n = 0;
    return kt_store_each(a->store, name_of(code, KT_STR(""), prefix), take_open, ret, err);
}

bool kt_alerts_self_any(const struct kt_alerts *a, const char *code)
{
    struct open_ones *o = kt_alloc(sizeof *o);
    bool any = open_of(a, code, o, NULL) == KT_OK && o->n > 0;
    kt_free(o);
    return any;
}

enum kt_status kt_alerts_self_over_all(struct kt_alerts *a, const char *code, kt_time_ns now,
                                       struct kt_error *err)
{
    struct open_ones *o = kt_alloc(sizeof *o);
    struct state st;
    enum kt_status status = open_of(a, code, o, err);
    for (unsigned i = 0; status == KT_OK && i < o->n; i++) {
        if (!load(a, o->name[i], &st))
            continue;
        st.over = now;
        status = save(a, o->name[i], &st, err);
    }
    kt_free(o);
    return status;
}

static enum kt_status resolve(struct kt_alerts *a, const struct state *st, kt_time_ns now,
                              struct kt_error *err)
{
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    const struct kt_life *life = kt_triage_life(a->triage, st->id);
    struct kt_alert alert;
    enum kt_status read = read_alert(a, st->id, &arena, &alert, err);
    if (read != KT_OK)
        return read == KT_E_INPUT ? KT_OK : read; /* its row is lost: verify says so */
    alert.state = "closed";
    alert.last = st->over;
    if (kt_alerts_put(a, &alert, now, err) != KT_OK)
        return err->code;
    kt_pager_answered(a->pager, alert.id);
    if (life != NULL && life->status == KT_LIFE_CLOSED)
        return KT_OK; /* a person was faster, and those who were told know */
    return kt_triage_tell(a->triage, &alert, KT_SEND_RESOLVE, now, err);
}

struct walk { /* blobs whose time has come */
    kt_time_ns now;
    unsigned n;
    char name[BLOBS_MAX][NAME_BYTES];
    struct state state[BLOBS_MAX];
};

static bool is_due(const struct state *st, kt_time_ns now)
{
    return st->over != 0 ? now - st->over >= FLAP : st->ends == 0 && now - st->last >= FORGET;
}

static enum kt_status look(void *self, const char *name, struct kt_str value, struct kt_error *err)
{
    struct walk *w = self;
    (void)err;
    if (w->n == BLOBS_MAX || strlen(name) >= NAME_BYTES || !parse(value, &w->state[w->n]) ||
        !is_due(&w->state[w->n], w->now))
        return KT_OK;
    kt_str_copyz(w->name[w->n++], NAME_BYTES, kt_str_of(name));
    return KT_OK;
}

bool kt_alerts_self_due(const struct kt_alerts *a, kt_time_ns now)
{
    struct walk *w = kt_alloc(sizeof *w);
    w->now = now;
    bool due = kt_store_each(a->store, BLOBS, look, w, NULL) == KT_OK && w->n > 0;
    kt_free(w);
    return due;
}

enum kt_status kt_alerts_self_turn(struct kt_alerts *a, kt_time_ns now, struct kt_error *err)
{
    struct walk *w = kt_alloc(sizeof *w);
    w->now = now;
    enum kt_status st = kt_store_each(a->store, BLOBS, look, w, err);
    for (unsigned i = 0; st == KT_OK && i < w->n; i++) {
        if (w->state[i].over != 0)
            st = resolve(a, &w->state[i], now, err);
        if (st == KT_OK)
            st = kt_store_put(a->store, w->name[i], KT_STR_NONE, err);
    }
    kt_free(w);
    return st;
}
