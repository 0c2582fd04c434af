/*
 * detect_incident: evidence to incidents to alerts (DETECTION §5).
 *
 * Owns:  the tables of incidents and of the keys that lead to them; shared causes; mass events.
 * Calls: detect_actor (hold, taint), detect_decide (what is expected), detect_reads, detect_total,
 *        detect_together, detect_change, detect_text (emit), shared structs.
 * Holds: an incident opens and closes by event time, never by a timer; its id is a function of its
 *        key and of the event that opened it.
 */
#include <assert.h>
#include <string.h>

#include "collector/detect_state.h"
#include "core/base/enc.h"
#include "core/base/hash.h"

#define TICKET_MAX   24u
#define JOIN_NS      (6 * KT_NS_HOUR)
#define SPAN_NS      (3 * KT_NS_DAY)
#define LATE_NS      (20 * KT_NS_MIN)
#define GROWTH       300
#define DAY_MIN      1440u
#define SHARED_AGAIN (14u * DAY_MIN)
#define RUN_APART_NS (8 * KT_NS_DAY)
#define RUN_SHIFT_NS (90 * KT_NS_MIN)
#define RUNS_TOLD    3u /* of a machine with a record; without one a single run */

/* ---- keys ---- */
static struct kt_key index_key(enum kt_key_kind kind, struct kt_key key)
{
    return (struct kt_key){ key.a + ((uint64_t)kind + 1) * UINT64_C(0x9e3779b97f4a7c15), key.b };
}

static bool joins(const struct incident *in, kt_time_ns t)
{
    kt_time_ns first = t < in->first ? t : in->first, last = t > in->last ? t : in->last;
    return t >= in->first - JOIN_NS && t <= in->last + JOIN_NS && last - first <= SPAN_NS;
}

static struct incident *newest(struct kt_detect *d, enum kt_key_kind kind, struct kt_key key)
{
    const uint64_t *serial = kt_table_peek(d->index, index_key(kind, key));
    return serial == NULL ? NULL : kt_table_get(d->incidents, (struct kt_key){ *serial, 0 });
}

struct incident *kt_detect_incident(struct kt_detect *d, enum kt_key_kind kind, struct kt_key key,
                                    kt_time_ns t)
{
    if (kt_table_count(d->incidents) == 0)
        return NULL;
    struct incident *in = newest(d, kind, key);
    return in != NULL && joins(in, t) ? in : NULL;
}

bool kt_detect_is_newest(const struct kt_detect *d, const struct incident *in)
{
    const uint64_t *serial = kt_table_peek(d->index, index_key(in->key_kind, in->key));
    return serial != NULL && *serial == in->serial;
}

static void point_at(struct kt_detect *d, enum kt_key_kind kind, struct kt_key key, uint64_t serial)
{
    *(uint64_t *)kt_table_put(d->index, index_key(kind, key), NULL) = serial;
}

static void make_id(const struct kt_detect *d, const struct incident *in, uint8_t ret[16])
{
    uint8_t event[16], kind = in->key_kind;
    kt_event_id(d->scene.ev, event);
    const struct kt_str parts[] = { kt_str_from(&kind, 1), kt_str_from(&in->key, sizeof in->key),
                                    kt_str_from(event, sizeof event) };
    kt_blake2b(parts, KT_ARRAY_LEN(parts), ret, 16);
}

/* A job that comes by the clock (docs/decisions/0008): counts its runs, whether told or not. */
static uint32_t runs_before(const struct kt_scene *s, const struct incident *before)
{
    if (before == NULL || before->key_kind != KT_KEY_ACTOR || s->actor == NULL ||
        kt_kind_is_person(s->actor->kind))
        return 0;
    kt_time_ns apart = s->t - before->first;
    kt_time_ns shift = (apart + KT_NS_DAY / 2) % KT_NS_DAY - KT_NS_DAY / 2;
    if (apart <= 0 || apart > RUN_APART_NS || shift > RUN_SHIFT_NS || shift < -RUN_SHIFT_NS)
        return 0;
    return before->severity >= KT_SEV_MEDIUM || before->runs > 0 ? before->runs + 1 : 0;
}

static struct incident *open_incident(struct kt_detect *d, struct kt_scene *s,
                                      enum kt_key_kind kind, struct kt_key key)
{
    const struct incident *before = newest(d, kind, key);
    uint8_t refers[16] = { 0 };
    uint32_t runs = runs_before(s, before);
    uint64_t told_before = kt_detect_told_before(before);
    int told = 0;
    if (before != NULL) {
        memcpy(refers, before->id, sizeof refers);
        told = before->notified > before->runs_told ? before->notified : before->runs_told;
    }
    uint64_t serial = ++d->core.incident_serial;
    struct incident *in = kt_table_put(d->incidents, (struct kt_key){ serial, 0 }, NULL);
    in->serial = serial;
    in->key_kind = (uint8_t)kind;
    in->key = key;
    in->first = in->last = in->since = s->t;
    in->severity = -1;
    in->runs = runs;
    in->runs_told = runs > 0 ? told : 0;
    in->told_before = told_before;
    memcpy(in->before, refers, sizeof refers);
    make_id(d, in, in->id);
    point_at(d, kind, key, serial);
    return in;
}

/* ---- what an incident collects ---- */
/* Each once: a record of many secrets (a config of Doppler) is many events of one id. */
static void note_native(struct incident *in, struct kt_str native)
{
    size_t width = sizeof in->event[0];
    struct kt_str id = kt_utf8_cut(native, width - 1);
    for (unsigned i = 0; i < INCIDENT_EVENTS && in->event[i][0] != '\0'; i++) {
        if (kt_str_is(id, in->event[i]))
            return;
    }
    kt_str_copyz(kt_detect_row(in->event[0], width, INCIDENT_EVENTS), width, id);
}

/* The names under which the log has this actor. */
static void note_written(const struct kt_scene *s, struct incident *in)
{
    struct kt_str name = kt_utf8_cut(s->written, sizeof in->written[0] - 1);
    if (name.len == 0 || in->key_kind != KT_KEY_ACTOR)
        return;
    for (unsigned i = 0; i < INCIDENT_NAMES; i++) {
        if (kt_str_is(name, in->written[i]))
            return;
        if (in->written[i][0] == '\0') {
            kt_str_copyz(in->written[i], sizeof in->written[i], name);
            return;
        }
    }
}

/* Letters, perhaps a dash, digits ("CHG-4711", "INC0012345"). Vault has it from a header that
 * whoever asks may choose: a sentence would stand in the alert, and an id of a request says
 * nothing. */
static bool is_ticket(struct kt_str s)
{
    char text[TICKET_MAX];
    if (s.len >= sizeof text)
        return false;
    kt_str_copyz(text, sizeof text, s);
    size_t letters = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    size_t from = letters + (text[letters] == '-'), digits = strspn(text + from, "0123456789");
    return letters > 0 && digits > 0 && from + digits == s.len;
}

void kt_detect_note_event(const struct kt_scene *s, struct incident *in)
{
    const struct kt_event *ev = s->ev;
    if (ev->kind == KT_KIND_TICK)
        return; /* nothing happened: that is the evidence */
    in->events_n++;
    note_native(in, ev->native_id);
    if (in->ticket[0] == '\0' && is_ticket(ev->ticket))
        kt_str_copyz(in->ticket, sizeof in->ticket, ev->ticket);
    if (s->read)
        kt_detect_read(s, in);
    note_written(s, in);
    kt_detect_note_client(s, in);
    /* who merely failed, at an address or with others, is a victim, no member */
    bool victims = in->key_kind == KT_KEY_NETWORK || in->key_kind == KT_KEY_IDENTITY;
    if (s->actor != NULL && (s->taught || !victims))
        kt_detect_member(in, s->who, s->actor->number);
}

/* Who and where: the first event says it, or the actor that got in. */
static void note_scene(struct kt_scene *s, struct incident *in, unsigned flags)
{
    const struct kt_event *ev = s->ev;
    bool got_in = flags & KT_FIND_SUCCESS;
    if (in->source[0] != '\0' && !got_in)
        return;
    if (in->key_kind == KT_KEY_ACTOR || got_in) { /* a sprayed address has no actor of its own */
        kt_str_copyz(in->actor, sizeof in->actor, kt_utf8_cut(ev->actor, sizeof in->actor - 1));
        in->actor_kind = s->actor != NULL ? s->actor->kind : (uint8_t)KT_ACTOR_ANONYMOUS;
    }
    kt_str_copyz(in->instance, sizeof in->instance, ev->instance);
    kt_str_copyz(in->source, sizeof in->source, ev->source);
    kt_str_copyz(in->user_agent, sizeof in->user_agent,
                 kt_utf8_cut(ev->user_agent, sizeof in->user_agent - 1));
    if (!s->where.usable ||
        in->key_kind == KT_KEY_IDENTITY) /* names from everywhere have no place */
        return;
    kt_ip_format(ev->ip, in->ip);
    in->build = s->where.build;
    in->country[0] = (char)(s->where.country >> 8);
    in->country[1] = (char)(s->where.country & 0xff);
    in->country[2] = '\0';
    if (!s->where.inside)
        kt_say_network(&s->where, in->network_text, sizeof in->network_text);
}

static void note_time(struct incident *in, kt_time_ns t)
{
    in->first = t < in->first ? t : in->first;
    in->since = t < in->since ? t : in->since;
    in->last = t > in->last ? t : in->last;
}

/* The texts of a finding, while its scene stands. */
static void speak(struct kt_detect *d, struct kt_scene *s, struct kt_finding *f)
{
    if (f->words == NULL)
        return;
    s->detector = f->detector;
    s->tables = d->detector[f->detector].table;
    f->words(s, f);
    f->words = NULL;
}

/* Also of what is too weak to be kept: it is another story than what is. */
static void note_cause(struct incident *in, uint64_t cause)
{
    cause = cause != 0 ? cause : CAUSES_MIXED;
    in->cause = in->cause == 0 || in->cause == cause ? cause : CAUSES_MIXED;
}

static void note_part(struct kt_detect *d, struct kt_scene *s, struct incident *in,
                      struct kt_finding *f)
{
    note_cause(in, f->cause);
    struct part *slot = kt_detect_slot(in, f, d->shared.learning);
    if (slot == NULL)
        return; /* at the same height the newer words count */
    speak(d, s, f);
    *slot = (struct part){ .points = f->points > slot->points ? f->points : slot->points,
                           .flags = f->flags | slot->flags,
                           .set = 1,
                           .family = (uint8_t)f->family,
                           .detector = f->detector };
    /* Not whole arrays: what stands behind the end of a text is no state. */
    kt_str_copyz(slot->title, sizeof slot->title, kt_str_of(f->title));
    kt_str_copyz(slot->normal, sizeof slot->normal, kt_str_of(f->normal));
    kt_str_copyz(slot->quiet, sizeof slot->quiet, kt_str_of(f->quiet));
    kt_str_copyz(slot->text, sizeof slot->text, kt_str_of(f->part));
}

/* ---- is it an alert? ---- */
int kt_detect_severity(int weighted, bool critical)
{
    if (critical || weighted >= 900)
        return KT_SEV_CRITICAL;
    if (weighted >= 650)
        return KT_SEV_HIGH;
    return weighted >= KT_ALERT_RAISE ? KT_SEV_MEDIUM : KT_SEV_INFO;
}

static bool is_quiet(const struct incident *in)
{
    return in->suppressed_by[0] != '\0';
}

/* Announced work teaches nothing either: neither rates, nor a place to trust. */
static void hold_members(struct kt_detect *d, const struct incident *in)
{
    uint32_t from = (uint32_t)(in->first / KT_NS_MIN), until = (uint32_t)(in->last / KT_NS_MIN);
    for (unsigned i = 0; i < in->members_n && i < INCIDENT_MEMBERS; i++) {
        struct kt_actor *a = kt_table_get(d->actors, in->member_key[i]);
        if (a == NULL || a->number != in->members[i])
            continue;
        const struct withheld *w = kt_detect_withhold(d, in, i);
        kt_detect_hold_by(a, w);
        if (in->network != 0 && !kt_detect_dismissed(w))
            kt_detect_taint(d, in->member_key[i], from, until);
    }
}

/* The next run of a job that somebody was told of: as large as before, and volume, of what is new
 * to it as well, is all there is. */
static bool told_by_earlier_runs(const struct incident *in, int total)
{
    bool learning = true, volume = false;
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        bool size =
            in->part[i].family == KT_FAMILY_VOLUME || in->part[i].family == KT_FAMILY_NEW_SECRETS;
        if (in->part[i].set && !size)
            return false;
        if (in->part[i].family != KT_FAMILY_VOLUME) /* or there is none */
            continue;
        volume = true;
        learning = learning && in->part[i].flags & KT_FIND_LEARNING;
    }
    learning = learning && volume;
    return in->runs >= (learning ? 1 : RUNS_TOLD) && total < in->runs_told + GROWTH;
}

/* Does the event bring the incident a signature that is an alert by itself? One that is expected
 * went to another. */
static bool signs(struct kt_detect *d, const struct kt_scene *s, const struct incident *in)
{
    for (unsigned i = 0; i < s->n_found; i++) {
        const struct kt_finding *f = &s->found[i];
        if (f->family == KT_FAMILY_SIGNATURE && f->points >= KT_ALERT_RAISE &&
            !(f->flags & KT_FIND_BESIDE) && kt_detect_incident(d, f->key_kind, f->key, s->t) == in)
            return true;
    }
    return false;
}

/* Is it an alert now, or more of one than it was? */
static void weigh(struct kt_detect *d, struct kt_scene *s, struct incident *in)
{
    if (in->environment)
        return;
    bool success = false;
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        if (!in->part[i].set)
            continue;
        success = success || in->part[i].flags & KT_FIND_SUCCESS;
        in->critical |= (in->part[i].flags & KT_FIND_CRITICAL) != 0;
    }
    int weighted, total = kt_detect_total(in, d->shared.learning, &weighted);
    int severity = kt_detect_severity(total >= KT_ALERT_RAISE ? weighted : 0, in->critical);
    const struct part *main = kt_detect_main_part(in, d->shared.learning);
    bool is_new = in->severity < 0, louder = !is_quiet(in) && severity > in->severity;
    if (!is_new && in->told_by == 0) /* a build of before did not note what it told */
        kt_detect_told(in, main, s->minute);
    bool more = total >= in->notified + GROWTH || louder || (success && !in->success_told) ||
                (!is_quiet(in) && kt_detect_wider(in, main, signs(d, s, in), s->minute));
    if ((is_new && severity < KT_SEV_MEDIUM) || (!is_new && !more))
        return;
    in->quiet_run = is_new && told_by_earlier_runs(in, total);
    if (in->quiet_run || (is_new && kt_detect_again(d, s, in)))
        return;
    if (is_new) {
        in->raised = d->arrival;
        d->core.alerts += !is_quiet(in);
        d->core.suppressed += is_quiet(in);
        if (!is_quiet(in))
            kt_detect_daily_opened(d, s, main->detector);
    }
    severity = is_quiet(in) ? KT_SEV_INFO : severity;
    in->severity = severity > in->severity ? severity : in->severity;
    in->notified = total;
    in->told_n = in->events_n;
    kt_detect_told(in, main, s->minute);
    in->success_told = success;
    in->closed = 0;
    kt_detect_considered(d, s, in);
    kt_detect_emit(d, in, is_new ? "open" : "updated", is_new, NULL);
}

/* ---- shared cause: the same new network for three actors within a day ---- */
static unsigned newcomers(const struct kt_scene *s, const struct kt_value *v, unsigned *ret_people,
                          unsigned *ret_services)
{
    unsigned n = 1;
    *ret_people = kt_kind_is_person(s->actor->kind);
    *ret_services = s->actor->kind == KT_ACTOR_SERVICE;
    for (unsigned i = 0; v != NULL && i < v->n; i++) {
        if (v->user[i].actor == s->actor->number || v->user[i].country != s->where.country ||
            v->user[i].first_min + DAY_MIN < s->minute)
            continue;
        n++;
        *ret_people += kt_kind_is_person(v->user[i].kind);
        *ret_services += v->user[i].kind == KT_ACTOR_SERVICE;
    }
    return n;
}

/* A machine in a network that people took up is not explained by them: unless the crowd is told
 * with it, or three machines came, what is odd about it stays its own. */
static bool stands_alone(const struct kt_scene *s, const struct kt_value *v, unsigned machines,
                         bool loud)
{
    bool told = v->shared_last != 0 && s->minute < v->shared_last + SHARED_AGAIN;
    return !kt_kind_is_person(s->actor->kind) && machines < 3 && (!loud || told);
}

/* Rewrites the finding into one of the network; false: it is told already and adds nothing. */
static bool share(struct kt_detect *d, struct kt_scene *s, struct kt_finding *f)
{
    struct kt_value *v =
        kt_table_get(d->shared.values, (struct kt_key){ KT_DIM_NETWORK, f->network });
    unsigned people, services, n = newcomers(s, v, &people, &services);
    if (v == NULL || n < 3)
        return true;
    unsigned capped = n < 9 ? n : 9;
    bool loud = services >= 3 || s->where.hosting || (people < n && n >= 4);
    if (stands_alone(s, v, n - people, loud))
        return true;
    if (v->shared_min == 0 || v->shared_min + 2 * DAY_MIN < s->minute) /* it excuses nobody now */
        v->shared_min = s->minute;
    f->points = loud ? 320 + 50 * (int)capped : 30 * (int)capped;
    f->key_kind = KT_KEY_NETWORK;
    f->key = (struct kt_key){ KT_DIM_NETWORK, f->network ^ (uint64_t)f->country << 40 };
    bool told = v->shared_last != 0 && s->minute < v->shared_last + SHARED_AGAIN &&
                kt_detect_incident(d, f->key_kind, f->key, s->t) == NULL;
    if (loud && !told)
        v->shared_last = s->minute;
    char where[120];
    speak(d, s, f); /* what would have kept it quiet stays */
    kt_say_network(&s->where, where, sizeof where);
    KT_SAY(f->title, "%u actors used %s for the first time within 24 hours.", n, where);
    KT_SAY(f->normal, "None of them had used it before; %u are services, %u are people.", services,
           people);
    KT_SAY(f->part, "%u newcomers on %s within 24 hours", n, where);
    return !told && f->points >= 100;
}

/* The crowd of a network that somebody was told of, and whose incident is over: in the same day, or
 * of one hosting operator within 14, to be told again it has to be as much more as an update is. */
static bool crowd_told(struct kt_detect *d, const struct kt_scene *s, const struct kt_finding *f)
{
    if (f->key_kind != KT_KEY_NETWORK || f->family != KT_FAMILY_NETWORK ||
        kt_detect_incident(d, f->key_kind, f->key, s->t) != NULL)
        return false;
    const struct incident *before = newest(d, f->key_kind, f->key);
    bool exit = f->key.a == KT_DIM_NETWORK && s->where.hosting;
    kt_time_ns again = exit ? SHARED_AGAIN * KT_NS_MIN : KT_NS_DAY;
    return before != NULL && before->severity >= KT_SEV_MEDIUM && s->t > before->last &&
           s->t < before->last + again && f->points < before->notified + GROWTH;
}

/* ---- mass event: a third of the actors of a kind do the same within an hour ---- */
static unsigned mass_note(struct mass *m, uint32_t actor, uint32_t minute, uint64_t network)
{
    unsigned live = 0, own = MASS_MAX;
    for (unsigned i = 0; i < m->n; i++) {
        if (m->actor[i] == actor)
            own = live;
        else if (m->minute[i] + 60 < minute)
            continue;
        if (live != i) {
            m->actor[live] = m->actor[i];
            m->minute[live] = m->minute[i];
            m->network[live] = m->network[i];
        }
        live++;
    }
    if (own == MASS_MAX && live < MASS_MAX)
        own = live++;
    m->n = live;
    if (own < MASS_MAX) {
        m->actor[own] = actor;
        m->minute[own] = minute;
        m->network[own] = network;
    }
    return live;
}

/* In words of the newest actor that joined it. */
static void describe_mass(struct kt_detect *d, struct kt_scene *s, struct incident *in,
                          const struct kt_finding *f, const struct mass *m)
{
    unsigned same = 0;
    for (unsigned i = 0; i < m->n; i++)
        same += m->network[i] != 0 && m->network[i] == s->where.network;
    struct kt_finding g = { .family = f->family, .detector = f->detector, .points = f->points };
    const char *kinds = kt_kind_noun(s->actor->kind, true);
    KT_SAY(g.title, "Environment change: %u %s show unusual %s within 1 hour.", m->n, kinds,
           kt_family_words[f->family]);
    char where[120];
    kt_say_network(&s->where, where, sizeof where);
    KT_SAY(g.normal, "%u %s were active in 3 days. Common to %u of them: %s.",
           d->shared.active[s->actor->kind], kinds, same, same > 0 ? where : "no network");
    KT_SAY(g.part, "%u %s at once", m->n, kinds);
    KT_SAY(g.quiet, "The new network in networks: (keytrail.yaml) before the change.");
    g.points = in->part[0].points > g.points ? in->part[0].points : g.points;
    memset(&in->part[0], 0, sizeof in->part[0]); /* the newest count is the one to tell */
    note_part(d, s, in, &g);
    in->mass_n = m->n;
}

static void environment(struct kt_detect *d, struct kt_scene *s, const struct kt_finding *f,
                        const struct mass *m)
{
    struct kt_key key = { (uint64_t)s->actor->kind << 8 | f->family, 0 };
    struct incident *in = kt_detect_incident(d, KT_KEY_KIND, key, s->t);
    bool fresh = in == NULL;
    if (fresh)
        in = open_incident(d, s, KT_KEY_KIND, key);
    in->environment = 1;
    if (fresh || in->mass_n != m->n)
        describe_mass(d, s, in, f, m);
    note_time(in, s->t);
    note_scene(s, in, 0);
    kt_detect_note_event(s, in);
    if (fresh) {
        in->raised = d->arrival;
        in->severity = KT_SEV_LOW;
        in->notified = in->part[0].points;
        in->told_n = in->events_n;
        kt_detect_emit(d, in, "open", true, NULL);
    }
}

/* true: the finding belongs to a change of the environment and was told there. */
static bool mass_event(struct kt_detect *d, struct kt_scene *s, const struct kt_finding *f)
{
    if (s->actor == NULL || f->key_kind != KT_KEY_ACTOR || f->family == KT_FAMILY_SIGNATURE ||
        f->flags & (KT_FIND_CRITICAL | KT_FIND_ADDS | KT_FIND_BESIDE))
        return false;
    struct mass *m =
        kt_table_put(d->mass, (struct kt_key){ s->actor->kind, (uint64_t)f->family }, NULL);
    assert(m != NULL); /* there is room for each */
    uint64_t network = s->where.usable && !s->where.inside ? s->where.network : 0;
    unsigned n = mass_note(m, s->actor->number, s->minute, network);
    unsigned active = d->shared.active[s->actor->kind], least = (active * 3 + 9) / 10;
    least = least > 3 ? least : 3;
    bool on = n >= least;
    if (on)
        m->raised_min = s->minute;
    if (!on && (m->raised_min == 0 || s->minute > m->raised_min + 60))
        return false;
    environment(d, s, f, m);
    return true;
}

/* ---- merging ---- */
void kt_detect_take_parts(struct kt_detect *d, struct kt_scene *s, struct incident *to,
                          const struct incident *from)
{
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        if (!from->part[i].set)
            continue;
        const struct part *p = &from->part[i];
        struct kt_finding f = { .family = p->family,
                                .detector = p->detector,
                                .points = p->points,
                                .flags = p->flags,
                                .cause = from->cause };
        kt_str_copyz(f.title, sizeof f.title, kt_str_of(p->title));
        kt_str_copyz(f.normal, sizeof f.normal, kt_str_of(p->normal));
        kt_str_copyz(f.quiet, sizeof f.quiet, kt_str_of(p->quiet));
        kt_str_copyz(f.part, sizeof f.part, kt_str_of(p->text));
        note_part(d, s, to, &f);
    }
}

void kt_detect_merge(struct kt_detect *d, struct kt_scene *s, struct incident *old,
                     struct incident *young)
{
    kt_detect_take_parts(d, s, old, young);
    note_time(old, young->first);
    note_time(old, young->last);
    old->since = young->since < old->since ? young->since : old->since;
    for (unsigned i = 0; i < young->members_n && i < INCIDENT_MEMBERS; i++)
        kt_detect_member(old, young->member_key[i], young->members[i]);
    if (young->members_n > INCIDENT_MEMBERS) /* then the list is full */
        old->members_n = INCIDENT_MORE;
    old->events_n += young->events_n;
    kt_detect_reads_merge(old, young);
    for (unsigned i = 0; i < INCIDENT_EVENTS && young->event[i][0] != '\0'; i++)
        note_native(old, kt_str_of(young->event[i]));
    for (unsigned i = 0; i < INCIDENT_SECRETS && young->secret[i][0] != '\0'; i++) {
        char *row = kt_detect_row(old->secret[0], sizeof old->secret[0], INCIDENT_SECRETS);
        if (row[0] == '\0')
            memcpy(row, young->secret[i], sizeof young->secret[i]);
    }
    if (old->production[0] == '\0')
        memcpy(old->production, young->production, sizeof old->production);
    if (old->ticket[0] == '\0')
        memcpy(old->ticket, young->ticket, sizeof old->ticket);
    if (old->network == 0) {
        old->network = young->network;
        old->rented = young->rented;
    }
    if (young->key_kind == KT_KEY_ACTOR && old->key_kind != KT_KEY_ACTOR) {
        memcpy(old->actor, young->actor, sizeof old->actor);
        old->actor_kind = young->actor_kind;
    }
    point_at(d, young->key_kind, young->key, old->serial);
    kt_detect_withheld_merge(d, old, young);
    char id[KT_ID_TEXT];
    kt_id_format(old->id, id);
    if (young->severity >= 0)
        kt_detect_emit(d, young, "closed", false, id);
    kt_table_remove(d->incidents, (struct kt_key){ young->serial, 0 });
}

/* Told of as it is, or as what somebody was told of before. */
static bool is_known(const struct incident *in)
{
    return in->severity >= KT_SEV_MEDIUM || in->quiet_run || in->again;
}

/* Was the account told of as being in other hands: at this network, or on a rented server? Who was
 * told of for his own new line takes no office along. */
static bool in_other_hands(const struct incident *own, const struct kt_scene *s)
{
    return own != NULL && is_known(own) && (own->rented || own->network == s->where.network);
}

/* Was somebody told of the network, as of names that were tried there, or is the account in other
 * hands? Newcomers alone, who are no alert, moved house: what one of them does is his own, and an
 * alert that it becomes names what he did. */
static bool is_attacked(const struct incident *there, const struct incident *own,
                        const struct kt_scene *s)
{
    return is_known(there) || in_other_hands(own, s);
}

/* An actor that got in from a network under attack belongs to the incident of that network. */
static void join_address(struct kt_detect *d, struct kt_scene *s)
{
    if (s->actor == NULL || !s->taught || !s->where.usable || s->where.inside)
        return;
    struct kt_key net = { KT_DIM_NET, s->where.net };
    struct incident *there = kt_detect_incident(d, KT_KEY_NETWORK, net, s->t);
    if (there == NULL || (kt_net_known(s->places, s->where.net) && s->n_found == 0))
        return;
    struct incident *own = kt_detect_incident(d, KT_KEY_ACTOR, s->who, s->t);
    if (!is_attacked(there, own, s))
        return;
    kt_detect_member(there, s->who, s->actor->number);
    if (own == NULL) {
        point_at(d, KT_KEY_ACTOR, s->who, there->serial);
        return;
    }
    if (own->serial == there->serial)
        return;
    d->incidents_changed = true;
    /* What somebody was told about stays, else the older: one incident, one alert. */
    bool told_own = own->severity >= 0, told_there = there->severity >= 0;
    if (told_own != told_there ? told_own : own->serial < there->serial)
        kt_detect_merge(d, s, own, there);
    else
        kt_detect_merge(d, s, there, own);
}

/* ---- the event ---- */
/* The expectation that keeps it quiet, or NULL; then its incident is another. */
static const struct kt_decision *expect(struct kt_detect *d, struct kt_scene *s,
                                        struct kt_finding *f)
{
    const struct kt_decision *expected = kt_detect_expected(d, s, f);
    if (expected != NULL) {
        speak(d, s, f); /* in terms of the key that it has */
        f->key = kt_detect_quiet_key(f->key, expected);
    }
    return expected;
}

/* Was it told already, or with others? */
static bool is_told(struct kt_detect *d, struct kt_scene *s, struct kt_finding *f)
{
    if (f->network != 0 && s->actor != NULL && f->family == KT_FAMILY_NETWORK &&
        !(f->flags & KT_FIND_BESIDE))
        return mass_event(d, s, f) || !share(d, s, f);
    return crowd_told(d, s, f) || mass_event(d, s, f);
}

/* The incident that takes the finding. What is odd about one of several in another way is a story
 * of its own. */
static struct incident *incident_of(struct kt_detect *d, struct kt_scene *s,
                                    const struct kt_finding *f)
{
    struct incident *in = kt_detect_incident(d, f->key_kind, f->key, s->t);
    bool own = s->actor != NULL && f->key_kind == KT_KEY_ACTOR && kt_key_eq(f->key, s->who);
    enum together as = in == NULL ? KT_ALONE : own ? kt_detect_part_of(in, s) : KT_TOGETHER;
    if (as == KT_TOGETHER)
        return in;
    in = open_incident(d, s, f->key_kind, f->key);
    in->together = (uint8_t)as;
    return in;
}

static void take(struct kt_detect *d, struct kt_scene *s, struct kt_finding *f,
                 const struct kt_decision *expected)
{
    d->core.evidence++;
    struct incident *in = incident_of(d, s, f);
    if (expected != NULL)
        kt_detect_quiet(d, in, expected);
    note_part(d, s, in, f);
    note_time(in, s->t);
    kt_time_ns since = (kt_time_ns)f->since_min * KT_NS_MIN;
    in->since = since > 0 && since < in->since ? since : in->since;
    if (f->network != 0) {
        in->network = f->network;
        in->rented = s->where.hosting;
    }
    note_scene(s, in, f->flags);
    if (f->instance.len > 0) {
        kt_str_copyz(in->instance, sizeof in->instance, f->instance);
        kt_str_copyz(in->source, sizeof in->source, f->source);
    }
}

/* Does the event belong to the incident? On the new network, always; without one, any read. */
static bool belongs(struct kt_detect *d, const struct kt_scene *s, const struct incident *in,
                    bool *ret_evidence)
{
    *ret_evidence = false;
    for (unsigned i = 0; i < s->n_found; i++)
        *ret_evidence = *ret_evidence ||
                        kt_detect_incident(d, s->found[i].key_kind, s->found[i].key, s->t) == in;
    if (*ret_evidence)
        return true;
    if (in->network != 0) {
        *ret_evidence = s->where.usable && s->where.network == in->network;
        return *ret_evidence;
    }
    return s->read && s->t <= in->last + KT_NS_HOUR;
}

/* Returns the serial of the incident, or of the one that it became part of; 0: there is none. */
static uint64_t attach(struct kt_detect *d, struct kt_scene *s, struct incident *in)
{
    bool evidence;
    if (in == NULL || !belongs(d, s, in, &evidence))
        return in == NULL ? 0 : in->serial;
    d->incidents_changed = true;
    if (evidence)
        note_time(in, s->t);
    kt_detect_note_event(s, in);
    in = kt_detect_change(d, s, kt_detect_together(d, s, in));
    kt_detect_note_news(d, s, in);
    weigh(d, s, in);
    if (is_known(in) || (is_quiet(in) && in->severity >= 0))
        hold_members(d, in);
    return in->serial;
}

void kt_detect_fuse(struct kt_detect *d, struct kt_scene *s)
{
    const struct kt_decision *expected[KT_FOUND_MAX];
    for (unsigned i = 0; i < s->n_found; i++) {
        kt_detect_daily_surprise(d, s, &s->found[i]);
        expected[i] = expect(d, s, &s->found[i]);
    }
    for (unsigned i = 0; i < s->n_found; i++) {
        d->incidents_changed = true;
        if (expected[i] != NULL || !is_told(d, s, &s->found[i]))
            take(d, s, &s->found[i], expected[i]);
        kt_detect_gather(d, s, &s->found[i]);
    }
    if (kt_table_count(d->incidents) == 0)
        return;
    join_address(d, s);
    uint64_t done = 0;
    if (s->actor != NULL)
        done = attach(d, s, kt_detect_incident(d, KT_KEY_ACTOR, s->who, s->t));
    struct incident *quiet =
        d->work == NULL || s->actor == NULL
            ? NULL
            : kt_detect_incident(d, KT_KEY_ACTOR, kt_detect_quiet_key(s->who, d->work), s->t);
    uint64_t told = attach(d, s, quiet);
    for (unsigned i = 0; i < s->n_found; i++) {
        struct incident *in = kt_detect_incident(d, s->found[i].key_kind, s->found[i].key, s->t);
        if (in == NULL || in->serial == done || in->serial == told || in->environment)
            continue;
        done = attach(d, s, in);
    }
}

/* What happens to an incident at a tick comes of evidence since the last one, or of time: then the
 * earliest of them is known. */
void kt_detect_close_old(struct kt_detect *d, kt_time_ns now)
{
    if (!d->incidents_changed && now <= d->next_close)
        return;
    d->incidents_changed = false;
    d->next_close = INT64_MAX;
    uint32_t at = 0;
    struct kt_key key;
    const struct incident *seen;
    while ((seen = kt_table_look(d->incidents, &at, &key)) != NULL) {
        if (seen->severity < 0 || seen->closed)
            continue;
        kt_time_ns end = seen->last + JOIN_NS + LATE_NS;
        bool closed = end < now;
        /* the numbers in the words are old */
        bool grown = seen->events_n > seen->told_n && seen->events_n >= 4 * seen->told_n;
        if (!closed && end < d->next_close)
            d->next_close = end;
        if (!closed && !grown)
            continue;
        struct incident *in = kt_table_edit(d->incidents, key);
        in->closed = closed;
        in->told_n = in->events_n;
        kt_detect_emit(d, in, in->closed ? "closed" : "updated", false, NULL);
    }
}
