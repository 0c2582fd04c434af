/*
 * detect: the detection engine. Feeds records in log order to the detectors, learns 24 h later,
 * makes ticks where the log has none.
 *
 * Owns:  every state table, the options of the detectors, the position in the log.
 * Calls: detectors, detect_who, detect_actor, detect_incident, core. No clock, no I/O.
 * Holds: state after a record is a function of the state before and the record (DETECTION §6).
 */
#include "collector/detect_state.h"

#include <assert.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"

#define TICK_NS      (5 * KT_NS_MIN)
#define DAY_MIN      1440u
#define TICKS_MOST   (400 * KT_NS_DAY) /* at one record */
#define LEARNING_MIN (14u * DAY_MIN)
#define LATE_MIN     (25u * 60u)

static const struct kt_table_decl engine_tables[] = {
    { "actors", KT_KEY_ACTOR, sizeof(struct kt_actor), 6, KT_ACTORS_MAX, KT_EVICT_LRU,
      kt_sound_actor },
    { "places", KT_KEY_ACTOR, sizeof(struct kt_places), 2, KT_ACTORS_MAX, KT_EVICT_LRU,
      kt_sound_places },
    { "facts", KT_KEY_ADDRESS, sizeof(struct fact), 3, KT_FACTS_MAX, KT_EVICT_LRU, kt_sound_fact },
    { "incidents", KT_KEY_INSTANCE, sizeof(struct incident), 9, 1000, KT_EVICT_LRU,
      kt_sound_incident },
    { "index", KT_KEY_INSTANCE, sizeof(uint64_t), 1, 20000, KT_EVICT_LRU, NULL },
    { "strangers", KT_KEY_ADDRESS, sizeof(struct fact), 3, KT_STRANGERS_MAX, KT_EVICT_LRU,
      kt_sound_fact },
    { "values", KT_KEY_NETWORK, sizeof(struct kt_value), 3, 20000, KT_EVICT_LRU, kt_sound_value },
    { "mass", KT_KEY_KIND, sizeof(struct mass), 1, KT_ACTOR_COUNT *KT_FAMILY_COUNT, KT_EVICT_REFUSE,
      kt_sound_mass },
    { "expected", KT_KEY_INSTANCE, sizeof(struct kt_decision), 1, KT_EXPECT_OPEN_MAX,
      KT_EVICT_REFUSE, kt_sound_expected },
    { "signs", KT_KEY_PAIR, sizeof(uint32_t), 1, 20000, KT_EVICT_LRU, NULL },
    { "withheld", KT_KEY_PAIR, sizeof(struct withheld), 3, 2000, KT_EVICT_LRU, kt_sound_withheld },
    { "aside", KT_KEY_PAIR, sizeof(struct aside), 1, KT_ASIDE_BLOCKS_MAX, KT_EVICT_REFUSE,
      kt_sound_aside },
};

#define ENGINE_TABLES KT_ARRAY_LEN(engine_tables)
#define DETECTOR_IDS  16u /* the first number of a detector's table */

static struct kt_table **engine_table(struct kt_detect *d, unsigned i)
{
    struct kt_table **const all[] = { &d->actors,   &d->places,    &d->facts,         &d->incidents,
                                      &d->index,    &d->strangers, &d->shared.values, &d->mass,
                                      &d->expected, &d->signs,     &d->withheld,      &d->aside };
    _Static_assert(KT_ARRAY_LEN(all) <= DETECTOR_IDS &&
                       DETECTOR_IDS + KT_DETECTORS_MAX * TABLES_MAX <= UINT8_MAX + 1,
                   "numbers of their own, in a byte");
    _Static_assert(KT_ARRAY_LEN(all) == KT_ARRAY_LEN(engine_tables), "one place for each");
    return all[i];
}

/* ---- life ---- */
static void make_tables(struct kt_detect *d)
{
    for (unsigned i = 0; i < ENGINE_TABLES; i++)
        *engine_table(d, i) = kt_table_new(&engine_tables[i], KT_NAME_SEED + i);
    for (unsigned i = 0; i < d->n_detectors; i++) {
        assert(kt_detectors[i]->n_tables <= TABLES_MAX);
        for (unsigned k = 0; k < kt_detectors[i]->n_tables; k++)
            d->detector[i].table[k] = kt_table_new(&kt_detectors[i]->tables[k], KT_NAME_SEED ^ k);
    }
    struct kt_table *t;
    for (unsigned i = 0, id; (t = kt_detect_table(d, i, &id)) != NULL; i++)
        kt_table_back(t, id, d->o.backing);
    memset(&d->recall.kept, 0, sizeof d->recall.kept);
    kt_aside_index_empty(d->aside_index);
    d->core = (struct core){ .position = 0 };
    d->incidents_changed = true;
}

struct kt_table *kt_detect_table(const struct kt_detect *d, unsigned i, unsigned *ret_id)
{
    *ret_id = i;
    if (i < ENGINE_TABLES)
        return *engine_table((struct kt_detect *)(uintptr_t)d, i);
    i -= (unsigned)ENGINE_TABLES;
    for (unsigned k = 0; k < d->n_detectors; i -= kt_detectors[k++]->n_tables) {
        *ret_id = DETECTOR_IDS + k * TABLES_MAX + i;
        if (i < kt_detectors[k]->n_tables)
            return d->detector[k].table[i];
    }
    return NULL;
}

static void drop_tables(struct kt_detect *d)
{
    for (unsigned i = 0; i < ENGINE_TABLES; i++)
        kt_table_free(*engine_table(d, i));
    for (unsigned i = 0; i < d->n_detectors; i++) {
        for (unsigned k = 0; k < TABLES_MAX; k++) {
            kt_table_free(d->detector[i].table[k]);
            d->detector[i].table[k] = NULL;
        }
    }
}

void kt_detect_empty(struct kt_detect *d)
{
    drop_tables(d);
    make_tables(d);
    kt_detect_refresh(d);
}

enum kt_status kt_detect_new(const struct kt_detect_options *o, struct kt_detect **ret,
                             struct kt_error *err)
{
    struct kt_detect *d = kt_alloc(sizeof *d);
    d->o = *o;
    d->n_detectors = kt_detectors_count();
    assert(d->n_detectors <= KT_DETECTORS_MAX);
    d->json = kt_json_new(KT_JSON_SIMDJSON);
    d->scene.recall = &d->recall;
    d->aside_index = kt_aside_index_new();
    make_tables(d);
    enum kt_status st = kt_detect_config_new(d, err);
    if (st != KT_OK)
        kt_detect_free(d);
    else
        *ret = d;
    return st;
}

void kt_detect_free(struct kt_detect *d)
{
    if (d == NULL)
        return;
    drop_tables(d);
    kt_aside_index_free(d->aside_index);
    kt_detect_config_free(d);
    kt_json_free(d->json);
    kt_buf_done(&d->text);
    kt_free(d->named);
    kt_free(d);
}

uint64_t kt_detect_position(const struct kt_detect *d)
{
    return d->core.position;
}

/* ---- ticks ---- */
static void count_actors(struct kt_detect *d, uint32_t hour)
{
    const struct seen *seen = &d->core.seen;
    kt_detect_count_until(d, hour);
    for (unsigned kind = 0; kind < KT_ACTOR_COUNT; kind++) {
        d->core.others[kind] = d->core.active[kind] = 0;
        for (unsigned i = 0; i < SEEN_DAYS; i++)
            d->core.others[kind] += seen->by_day[kind][i];
        for (unsigned i = 0; i < SEEN_HOURS; i++)
            d->core.active[kind] += seen->by_hour[kind][i];
    }
}

/* What each access may change. */
static void refresh_span(struct kt_detect *d)
{
    d->shared.first_min = d->core.first_min;
    d->shared.newest_min = d->core.newest_min;
    d->shared.learning = d->core.newest_min < d->core.first_min + LEARNING_MIN;
}

void kt_detect_refresh(struct kt_detect *d)
{
    memcpy(d->shared.active, d->core.active, sizeof d->shared.active);
    for (unsigned k = 0; k < KT_ACTOR_COUNT; k++)
        d->shared.others[k] = d->core.others[k] > 0 ? d->core.others[k] - 1 : 0;
    refresh_span(d);
}

static void tick(struct kt_detect *d, kt_time_ns now)
{
    d->core.last_tick = now;
    kt_detect_close_old(d, now);
    uint32_t hour = (uint32_t)(now / KT_NS_HOUR);
    if (hour <= d->core.last_hour)
        return;
    d->core.last_hour = hour;
    kt_detect_forget(d, now);
    count_actors(d, hour);
    kt_detect_refresh(d);
    struct kt_scene *s = &d->scene;
    kt_detect_plain_scene(d, NULL, now);
    for (unsigned i = 0; i < d->n_detectors; i++) {
        s->detector = (uint8_t)i;
        s->tables = d->detector[i].table;
        if (kt_detectors[i]->on_hour != NULL)
            kt_detectors[i]->on_hour(s, d->tuning.options[i]);
    }
}

/* Where the log has no tick within 5 minutes, one at each 5-minute boundary before the record. */
static void missing_ticks(struct kt_detect *d, kt_time_ns now)
{
    if (d->core.last_tick == 0)
        d->core.last_tick = now / TICK_NS * TICK_NS;
    if (now - d->core.last_tick > TICKS_MOST) /* one wrong time is no work for hours */
        d->core.last_tick = (now - TICKS_MOST) / TICK_NS * TICK_NS;
    while (d->core.last_tick + TICK_NS < now)
        tick(d, (d->core.last_tick / TICK_NS + 1) * TICK_NS);
}

/* ---- facts ---- */
static void take_place(struct fact *f, struct kt_jval root)
{
    int64_t lat, lon, radius = 0;
    if (!kt_json_i64(kt_json_at(root, "lat_e2"), &lat) || lat < -9000 || lat > 9000 ||
        !kt_json_i64(kt_json_at(root, "lon_e2"), &lon) || lon < -18000 || lon > 18000)
        return;
    (void)kt_json_i64(kt_json_at(root, "radius_km"), &radius);
    f->placed = 1;
    f->lat_e2 = (int16_t)lat;
    f->lon_e2 = (int16_t)lon;
    f->radius_km = radius > 0 && radius <= UINT16_MAX ? (uint16_t)radius : 0;
}

static void take_fact(struct kt_detect *d, const struct kt_event *ev)
{
    struct kt_jval root;
    unsigned repaired;
    struct kt_ip ip;
    int64_t asn = 0, build = 0;
    if (kt_json_parse(d->json, ev->raw, &root, &repaired, NULL) != KT_OK ||
        !kt_ip_parse(kt_json_str_at(root, "ip"), &ip))
        return;
    (void)kt_json_i64(kt_json_at(root, "asn"), &asn);
    (void)kt_json_i64(kt_json_at(root, "build"), &build);
    struct kt_key key;
    memcpy(&key, ip.at, sizeof key);
    struct fact *f = kt_table_get(d->facts, key);
    if (f == NULL)
        f = kt_table_put(d->strangers, key, NULL);
    *f = (struct fact){ .build = build > 0 && build < INT64_MAX / 2 / KT_NS_S ? (uint64_t)build : 0,
                        .asn = asn > 0 && asn <= UINT32_MAX ? (uint32_t)asn : 0,
                        .hosting = kt_json_bool(kt_json_at(root, "hosting"), false) };
    take_place(f, root);
    struct kt_str cc = kt_json_str_at(root, "country");
    if (cc.len == 2)
        f->country = (uint16_t)((unsigned char)cc.at[0] << 8 | (unsigned char)cc.at[1]);
    kt_str_copyz(f->org, sizeof f->org,
                 kt_utf8_cut(kt_json_str_at(root, "org"), sizeof f->org - 1));
}

/* ---- events ---- */
static void set_time(struct kt_detect *d, struct kt_scene *s)
{
    bool access =
        s->ev->kind == KT_KIND_ACCESS; /* a commit is as old as it says; it is no history */
    s->t = s->ev->time;
    if (s->t <= 0 || s->t > d->arrival + 5 * KT_NS_MIN) {
        d->core.clamped += access;
        s->t = d->arrival;
    }
    s->minute = (uint32_t)(s->t / KT_NS_MIN);
    bool behind = d->arrival - s->t > (kt_time_ns)LATE_MIN * KT_NS_MIN;
    bool in_order = s->minute + LATE_MIN >= d->core.newest_min;
    s->late = behind && !(d->record->origin == KT_ORIGIN_IMPORT && in_order);
    if (!access)
        return;
    if (d->core.first_min == 0 || s->minute < d->core.first_min)
        d->core.first_min = s->minute;
    if (s->minute > d->core.newest_min)
        d->core.newest_min = s->minute;
}

static void set_client(struct kt_scene *s)
{
    uint64_t agent = kt_recall_hash(s->recall, s->ev->user_agent, KT_NAME_SEED);
    if (s->places != NULL && s->places->agent == agent) {
        s->client = s->places->agent_client;
        return;
    }
    s->client = kt_detect_client(s->ev->user_agent);
    if (s->places == NULL)
        return;
    s->places->agent = agent;
    s->places->agent_client = s->client;
}

/* Doppler records a call as one event for each secret that it gave. Those of one config are one
 * thing that was asked for; a call may name secrets of many configs. Two configs with one bit count
 * as one. */
static bool came_along(struct kt_scene *s)
{
    const struct kt_event *ev = s->ev;
    struct kt_actor *a = s->actor;
    if (a == NULL || ev->action != KT_ACT_READ || !kt_str_is(ev->source, "doppler"))
        return false;
    size_t end = ev->secret.len;
    while (end > 0 && ev->secret.at[end - 1] != '/')
        end--;
    uint64_t call = kt_hash64(ev->native_id, KT_NAME_SEED),
             set = UINT64_C(1) << (kt_hash64(kt_str_sub(ev->secret, 0, end), KT_NAME_SEED) & 63);
    if (a->call != call) {
        a->call = call;
        a->call_sets = 0;
    }
    bool along = ev->part > 0 && (a->call_sets & set) != 0;
    a->call_sets |= set;
    return along;
}

/* The exit of a VPN that is listed at somebody who rents out servers is the firm's; his servers in
 * other countries are anybody's. People who come out there know that operator in that country,
 * where the next exit will stand, and not the operator. */
static void set_exit(struct kt_scene *s)
{
    struct kt_where *w = &s->where;
    if (!w->hosting || w->asn == 0 || s->actor == NULL || !kt_kind_is_person(s->actor->kind))
        return;
    uint64_t there = KT_NETWORK_EXIT | (uint64_t)w->country << 32 | w->asn;
    if (kt_network_expected(s) || kt_place_of(s->places, there) != NULL)
        w->network = there;
}

static void set_scene(struct kt_detect *d, const struct kt_event *ev)
{
    struct kt_scene *s = &d->scene;
    s->ev = ev;
    s->agent = d->record->agent;
    s->arrival = d->arrival;
    s->report = NULL;
    s->actor = NULL;
    s->places = NULL;
    s->identity = NULL;
    s->written = s->team = KT_STR_NONE;
    s->n_found = s->n_put_aside = 0;
    s->young = false;
    s->novelty = (struct kt_novelty){ 0 };
    s->shared = &d->shared;
    s->json = d->json;
    set_time(d, s);
    refresh_span(d);
    s->taught = ev->outcome == KT_OUT_SUCCESS;
    bool left = ev->outcome == KT_OUT_SUCCESS || ev->outcome == KT_OUT_UNKNOWN;
    s->read = left && kt_event_is_read(ev);
    s->secret = kt_recall_name(s->recall, ev->secret);
    kt_detect_where(d, s);
    kt_detect_who(d, s);
    set_exit(s);
    set_client(s);
    kt_detect_context(d, s);
    s->along = came_along(s);
}

/* A look at the clock costs as much as a simple detector: a share of the records is enough. */
static void run_metered(struct kt_detect *d, unsigned i, struct kt_detect_meter *m, bool timed)
{
    kt_time_ns began = timed ? m->clock.mono(m->clock.self) : 0;
    kt_detectors[i]->on_event(&d->scene, d->tuning.options[i]);
    m->at[i].runs++;
    if (timed)
        kt_histogram_add(&m->at[i].took, &kt_buckets_detector,
                         m->clock.mono(m->clock.self) - began);
}

static void run_detectors(struct kt_detect *d)
{
    struct kt_scene *s = &d->scene;
    struct kt_detect_meter *m = d->o.meter;
    bool timed = m != NULL && m->records++ % KT_DETECT_METER_EVERY == 0;
    _Static_assert(KT_DETECTORS_MAX <= KT_DETECT_METERS, "one for each");
    for (unsigned i = 0; i < d->n_detectors; i++) {
        s->detector = (uint8_t)i;
        s->tables = d->detector[i].table;
        if (s->ev->kind != KT_KIND_ACCESS && !kt_detectors[i]->exposures)
            continue;
        if (m != NULL)
            run_metered(d, i, m, timed);
        else
            kt_detectors[i]->on_event(s, d->tuning.options[i]);
    }
    /* history that comes in whole teaches; it does not page anybody */
    bool historic = d->record->origin == KT_ORIGIN_IMPORT && !d->o.replay &&
                    d->arrival - s->t > (kt_time_ns)LATE_MIN * KT_NS_MIN;
    if (historic)
        s->n_found = 0;
}

static void access_record(struct kt_detect *d, const struct kt_record *r)
{
    struct kt_scene *s = &d->scene;
    set_scene(d, &r->ev);
    if (s->actor != NULL)
        kt_detect_apply(d, s);
    kt_detect_clear(d, s);
    run_detectors(d);
    kt_detect_fuse(d, s);
    if (s->actor != NULL)
        kt_detect_seen(d, s);
}

static void take_record(struct kt_detect *d, const struct kt_record *r)
{
    d->core.position = r->seq > d->core.position ? r->seq : d->core.position;
    d->record = r;
    bool event = r->ev.kind == KT_KIND_ACCESS || r->ev.kind == KT_KIND_EXPOSURE;
    d->arrival = r->arrival;
    missing_ticks(d, d->arrival);
    if (r->ev.kind == KT_KIND_TICK && d->arrival > d->core.last_tick) {
        tick(d, d->arrival);
        kt_detect_tick(d, &r->ev);
    } else if (r->ev.kind == KT_KIND_FACT) {
        take_fact(d, &r->ev);
    } else if (r->ev.kind == KT_KIND_REPORT || r->ev.kind == KT_KIND_QUARANTINE) {
        kt_detect_report(d, &r->ev);
    } else if (r->ev.kind == KT_KIND_CONFIG) {
        kt_detect_config(d, &r->ev);
    } else if (r->ev.kind == KT_KIND_DECISION) {
        kt_detect_decision(d, r);
    } else if (event) {
        access_record(d, r);
    }
    d->record = NULL;
}

void kt_detect_foretold(struct kt_detect *d, const struct kt_foretold *f)
{
    d->recall.foretold = f;
}

void kt_detect_record(struct kt_detect *d, const struct kt_record *r)
{
    bool known = r->seq <= d->core.position && !d->o.replay;
    if (!known)
        take_record(d, r);
    d->recall.foretold = NULL;
}

/* ---- status ---- */
void kt_detect_status(const struct kt_detect *d, struct kt_buf *out)
{
    uint64_t evicted = 0, entries = 0, damaged = kt_detect_damaged(d);
    const struct kt_table *t;
    for (unsigned i = 0, id; (t = kt_detect_table(d, i, &id)) != NULL; i++) {
        evicted += kt_table_evicted(t);
        entries += kt_table_count(t);
    }
    uint32_t known = d->core.newest_min - d->core.first_min, days = known / DAY_MIN;
    char text[240], count[32];
    if (known >= LEARNING_MIN)
        KT_SAY(text, "%u days of history; all detectors active", days);
    else
        KT_SAY(text, "learning: addresses %u of 14 days; signatures active", days);
    size_t end = strlen(text);
    if (d->core.forgotten > 0)
        kt_say(text + end, sizeof text - end, "; %s actors are forgotten: there is room for %u",
               kt_say_count((double)d->core.forgotten, count), KT_ACTORS_MAX);
    end = strlen(text);
    if (damaged > 0)
        kt_say(text + end, sizeof text - end, "; %s damaged entries of the state are forgotten",
               kt_say_count((double)damaged, count));
    kt_buf_addz(out, "{\"attention\":[");
    for (unsigned i = 0; i < d->n_detectors; i++) {
        if (kt_detectors[i]->status != NULL)
            kt_detectors[i]->status(d->detector[i].table, out);
    }
    kt_buf_addz(out, "],\"silent\":[");
    for (unsigned i = 0; i < d->n_detectors; i++) {
        if (kt_detectors[i]->silent != NULL)
            kt_detectors[i]->silent(d->detector[i].table, out);
    }
    kt_buf_addz(out, "],");
    kt_detect_daily_status(d, out);
    kt_buf_addf(out, ",\"learning\":\"%s\",\"days\":%u,\"actors\":%u,\"incidents\":%u,", text, days,
                kt_table_count(d->actors), kt_table_count(d->incidents));
    kt_buf_addf(out, "\"alerts\":%llu,\"evidence\":%llu,\"position\":%llu,",
                (unsigned long long)d->core.alerts, (unsigned long long)d->core.evidence,
                (unsigned long long)d->core.position);
    kt_buf_addf(out,
                "\"suppressed\":%llu,\"expectations\":%u,\"verdicts\":%llu,"
                "\"verdicts_too_late\":%llu,",
                (unsigned long long)d->core.suppressed, kt_table_count(d->expected),
                (unsigned long long)d->core.verdicts, (unsigned long long)d->core.verdicts_late);
    kt_buf_addf(out,
                "\"memory_bytes\":%zu,\"entries\":%llu,\"evicted\":%llu,\"forgotten_actors\":%llu,"
                "\"damaged\":%llu,",
                kt_detect_bytes(d), (unsigned long long)entries, (unsigned long long)evicted,
                (unsigned long long)d->core.forgotten, (unsigned long long)damaged);
    kt_buf_addf(out, "\"not_learned\":%llu,\"clamped\":%llu,\"config_refused\":%llu}",
                (unsigned long long)d->core.put_aside_lost, (unsigned long long)d->core.clamped,
                (unsigned long long)d->core.config_refused);
}
