/*
 * detect_decide: what people decide acts here: expectations keep evidence quiet, verdicts give back
 * or confirm what an incident holds back (DETECTION §5, docs/decisions/0018).
 *
 * Owns:  the tables of open expectations, of signatures that were told, and of what incidents hold
 *        back of each actor.
 * Calls: detect_actor (hold, taint, learn, pool), core/event/decision, detectors' shared structs.
 *        No clock, no I/O.
 * Holds: a decision acts from its place in the log on, is a record that the collector wrote, and
 *        nothing else; what it keeps quiet is still an incident of its own.
 */
#include <string.h>

#include "collector/detect_state.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/event/step.h"

#define DAY_MIN    1440u
#define AFTER_NS   (26 * KT_NS_HOUR) /* windows take events that come up to 25 h late */
#define KEPT_MIN   (90u * DAY_MIN)
#define KEPT_ITEMS 30000u /* of the pool, 1 MB */
#define TAINT_EVER (UINT32_MAX / 2)
#define TRUSTED    3u /* days: DETECTION §3.3 */
#define SIGN_SEED  UINT64_C(0x7369676e)
#define QUIET_SEED UINT64_C(0x71756965)
#define VERDICT(v) ((uint8_t)(KT_FOUND_##v + 1))

/* ---- expectations ---- */
static struct kt_key name_of(const struct kt_decision *e)
{
    return (struct kt_key){ kt_hash64(kt_str_of(e->id), QUIET_SEED), 0 };
}

static void fold(char *dst, size_t n, struct kt_str s)
{
    kt_str_copyz(dst, n, s);
    for (char *c = dst; *c != '\0'; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + ('a' - 'A')) : *c;
}

static bool fits(const char *glob, struct kt_str s)
{
    return glob == NULL || glob[0] == '\0' || kt_str_glob(kt_str_of(glob), s);
}

/* By its own name or as the log has it, in upper or lower case. */
static bool fits_actor(const char *glob, const struct kt_scene *s)
{
    struct kt_str name[2] = { s->ev->actor, s->written };
    char pattern[128], text[512];
    if (glob == NULL || glob[0] == '\0' || kt_actor_fits(s, kt_str_of(glob)))
        return true;
    fold(pattern, sizeof pattern, kt_str_of(glob));
    for (unsigned i = 0; i < 2 && strlen(glob) < sizeof pattern; i++) {
        fold(text, sizeof text, name[i]);
        if (name[i].len > 0 && name[i].len < sizeof text &&
            kt_str_glob(kt_str_of(pattern), kt_str_of(text)))
            return true;
    }
    return false;
}

static bool fits_secret(const char *glob, struct kt_str secret)
{
    return glob == NULL || glob[0] == '\0' || kt_secret_fits(kt_str_of(glob), secret);
}

static bool fits_source(const char *glob, struct kt_str instance, struct kt_str source)
{
    return fits(glob, instance) || fits(glob, source);
}

static bool fits_address(const struct kt_decision *e, const struct kt_scene *s)
{
    struct kt_cidr net;
    if (e->address[0] == '\0')
        return true;
    return s->where.usable && kt_cidr_parse(kt_str_of(e->address), &net, NULL) == KT_OK &&
           kt_cidr_has(net, s->ev->ip);
}

/* Is it from a network that is new to the actor, or came up in an incident? The first that an actor
 * ever used is none. */
static bool from_elsewhere(const struct kt_scene *s)
{
    if (s->actor == NULL || !s->where.usable || s->where.inside || kt_network_expected(s))
        return false;
    const struct kt_place *p = kt_place_of(s->places, s->where.network);
    if (p == NULL)
        return s->actor->first_min < s->minute;
    return kt_place_tainted(p, s->minute) || (p->days == 0 && p->first_min > s->actor->first_min);
}

/* Is the event part of the work? f: what was found in it may be about another source. What comes
 * from elsewhere is, when the work says where it comes from. */
static bool selects(const struct kt_decision *e, const struct kt_scene *s,
                    const struct kt_finding *f)
{
    bool own = f == NULL || f->instance.len == 0;
    return s->t >= e->from && s->t <= e->until && fits_actor(e->actor, s) &&
           fits_secret(e->secret, s->ev->secret) &&
           fits_source(e->source, own ? s->ev->instance : f->instance,
                       own ? s->ev->source : f->source) &&
           fits_address(e, s) &&
           (e->address[0] != '\0' || e->deploy || e->what == KT_DECIDE_BREAK_GLASS ||
            !from_elsewhere(s));
}

static bool deploys(const struct kt_conf_deploy *c, const struct kt_scene *s)
{
    return s->t >= c->from && s->t <= c->until && fits_actor(c->actor, s) &&
           fits_secret(c->secret, s->ev->secret) &&
           fits_source(c->source, s->ev->instance, s->ev->source);
}

void kt_detect_context(struct kt_detect *d, struct kt_scene *s)
{
    const struct kt_conf *conf = d->shared.conf;
    bool machine =
        s->actor != NULL && (s->actor->kind == KT_ACTOR_SERVICE || s->actor->kind == KT_ACTOR_CI);
    s->deploy = s->expected = false;
    s->ticket = KT_STR_NONE;
    d->work = NULL;
    for (unsigned i = 0; machine && i < conf->n_deploys; i++)
        s->deploy = s->deploy || deploys(&conf->deploys[i], s);
    if (kt_table_count(d->expected) == 0)
        return;
    uint32_t at = 0;
    const struct kt_decision *e;
    while ((e = kt_table_each(d->expected, &at, NULL)) != NULL) {
        if (!selects(e, s, NULL))
            continue;
        if (e->what == KT_DECIDE_BREAK_GLASS)
            s->ticket = kt_str_of(e->ticket);
        s->deploy = s->deploy || (machine && e->deploy);
        bool work = e->what == KT_DECIDE_EXPECT && !e->deploy && e->signature[0] == '\0';
        d->work = work && d->work == NULL ? e : d->work;
    }
    s->expected = d->work != NULL;
}

static const char *sign_of(const struct kt_finding *f)
{
    return f->sign != NULL ? f->sign : kt_detectors[f->detector]->name;
}

/* Has it fired for this actor before, and was it told? */
static struct kt_key sign_key(const struct kt_finding *f)
{
    return (struct kt_key){ f->key.a + f->key.b, kt_hash64(kt_str_of(sign_of(f)), SIGN_SEED) };
}

/* What must be named for evidence of a family to be part of the work: who says nothing of where
 * does not expect another network, and so on. */
static bool meant(const struct kt_decision *e, const struct kt_finding *f)
{
    static const enum {
        ANY,
        WHERE,
        WHO,
        SOURCE
    } named[KT_FAMILY_COUNT] = { [KT_FAMILY_NETWORK] = WHERE,
                                 [KT_FAMILY_TRAVEL] = WHERE,
                                 [KT_FAMILY_FAILURES] = WHO,
                                 [KT_FAMILY_DORMANT] = WHO,
                                 [KT_FAMILY_SILENCE] = SOURCE };
    switch (f->key_kind == KT_KEY_ADDRESS || f->key_kind == KT_KEY_NETWORK ? WHERE
                                                                           : named[f->family]) {
    case WHERE:
        return e->address[0] != '\0';
    case WHO:
        return e->actor[0] != '\0';
    case SOURCE:
        return f->flags & KT_FIND_OUTAGE && e->source[0] != '\0' && e->actor[0] == '\0' &&
               e->secret[0] == '\0';
    case ANY:
        break;
    }
    return true;
}

/* What nobody does by the way: it is expected by its name alone. */
static bool is_grave(const struct kt_finding *f)
{
    static const char *const grave[] = { "stopped", "canary", "unseal", "root", "opened" };
    for (unsigned i = 0; i < KT_ARRAY_LEN(grave); i++) {
        if (strcmp(sign_of(f), grave[i]) == 0)
            return true;
    }
    return false;
}

static bool was_told(struct kt_detect *d, const struct kt_scene *s, const struct kt_finding *f)
{
    const uint32_t *minute = kt_table_peek(d->signs, sign_key(f));
    return minute != NULL && s->minute < *minute + KEPT_MIN;
}

static bool expects(struct kt_detect *d, const struct kt_decision *e, const struct kt_scene *s,
                    const struct kt_finding *f)
{
    bool signature = f->family == KT_FAMILY_SIGNATURE;
    if (e->what == KT_DECIDE_BREAK_GLASS)
        return signature && strcmp(sign_of(f), KT_SIGN_BREAK_GLASS) == 0 && selects(e, s, f);
    if (e->deploy || f->flags & (KT_FIND_CRITICAL | KT_FIND_SUCCESS) || !selects(e, s, f))
        return false;
    if (signature != (e->signature[0] != '\0'))
        return signature && !is_grave(f) && meant(e, f) && was_told(d, s, f);
    return signature ? strcmp(sign_of(f), e->signature) == 0 : meant(e, f);
}

const struct kt_decision *kt_detect_expected(struct kt_detect *d, const struct kt_scene *s,
                                             const struct kt_finding *f)
{
    uint32_t at = 0;
    const struct kt_decision *e;
    while ((e = kt_table_each(d->expected, &at, NULL)) != NULL) {
        if (expects(d, e, s, f))
            return e;
    }
    if (f->family == KT_FAMILY_SIGNATURE)
        *(uint32_t *)kt_table_put(d->signs, sign_key(f), NULL) = s->minute;
    return NULL;
}

struct kt_key kt_detect_quiet_key(struct kt_key key, const struct kt_decision *e)
{
    return (struct kt_key){ key.a ^ name_of(e).a, ~key.b };
}

void kt_detect_quiet(struct kt_detect *d, struct incident *in, const struct kt_decision *e)
{
    if (in->suppressed_by[0] != '\0')
        return;
    d->text.len = 0;
    kt_decision_say(e, &d->text);
    kt_buf_addf(&d->text, " (%s)", e->id);
    kt_str_copyz(in->suppressed_by, sizeof in->suppressed_by,
                 kt_utf8_cut(kt_buf_str(&d->text), sizeof in->suppressed_by - 1));
}

/* ---- what an incident holds back of an actor ---- */
static struct kt_key withheld_key(const struct incident *in, struct kt_key who)
{
    uint64_t half;
    memcpy(&half, in->id, sizeof half);
    return (struct kt_key){ half ^ who.a, who.b };
}

static void give_back(struct kt_detect *d, struct kt_key key, struct withheld *w)
{
    d->core.kept -= w->n;
    kt_detect_aside_cut(d, key, &w->n, 0);
}

/* The same where it is only looked at: an entry changes only if it has something. */
static void let_go(struct kt_detect *d, struct kt_key key, const struct withheld *w)
{
    if (w->n > 0)
        give_back(d, key, kt_table_edit(d->withheld, key));
}

static void drop_oldest(struct kt_detect *d)
{
    struct kt_key key;
    if (!kt_table_full(d->withheld) || !kt_table_oldest(d->withheld, &key))
        return;
    const struct withheld *w = kt_table_peek(d->withheld, key);
    if (w != NULL)
        let_go(d, key, w);
    kt_table_remove(d->withheld, key);
}

static uint16_t families_of(const struct incident *in)
{
    _Static_assert(KT_FAMILY_COUNT <= 16, "a bit each");
    unsigned families = 0;
    for (unsigned i = 0; i < INCIDENT_PARTS; i++)
        families |= in->part[i].set ? 1u << in->part[i].family : 0;
    return (uint16_t)families;
}

struct withheld *kt_detect_withhold(struct kt_detect *d, const struct incident *in, unsigned member)
{
    struct kt_key who = in->member_key[member], key = withheld_key(in, who);
    bool fresh;
    if (kt_table_peek(d->withheld, key) == NULL)
        drop_oldest(d);
    struct withheld *w = kt_table_put(d->withheld, key, &fresh);
    const struct incident *told =
        in->again ? kt_table_peek(d->incidents, (struct kt_key){ in->told_before, 0 }) : NULL;
    memcpy(w->id, told != NULL ? told->id : in->id, sizeof w->id); /* of the alert to be judged */
    const struct withheld *judged = told != NULL ? kt_detect_judged(d, told, told->key) : NULL;
    if (fresh && judged != NULL)
        w->verdict = judged->verdict;
    w->who = who;
    w->number = in->members[member];
    w->network = in->network;
    w->from_min = (uint32_t)(in->first / KT_NS_MIN);
    w->until_min = (uint32_t)(in->last / KT_NS_MIN);
    w->since_min = (uint32_t)(in->since / KT_NS_MIN);
    w->silent = in->suppressed_by[0] != '\0';
    w->families = families_of(in);
    return w;
}

bool kt_detect_dismissed(const struct withheld *w)
{
    return w->verdict == VERDICT(FALSE) || w->verdict == VERDICT(EXPECTED);
}

const struct withheld *kt_detect_judged(const struct kt_detect *d, const struct incident *in,
                                        struct kt_key who)
{
    const struct withheld *w = kt_table_peek(d->withheld, withheld_key(in, who));
    return w != NULL && w->verdict != 0 ? w : NULL;
}

bool kt_detect_is_judged(const struct kt_detect *d, const struct incident *in)
{
    uint32_t at = 0;
    struct kt_key key;
    const struct withheld *w;
    while ((w = kt_table_look(d->withheld, &at, &key)) != NULL) {
        if (w->verdict != 0 && memcmp(w->id, in->id, sizeof w->id) == 0)
            return true;
    }
    return false;
}

/* Those who come first make room when too much waits for a verdict. */
static void make_room(struct kt_detect *d)
{
    uint32_t at = 0;
    struct kt_key key;
    const struct withheld *w;
    while (d->core.kept >= KEPT_ITEMS && (w = kt_table_each(d->withheld, &at, &key)) != NULL)
        let_go(d, key, w);
}

/* An incident of the actor that holds the number and was not dismissed: one that was judged true
 * before one that nobody judged. */
static const struct withheld *holder_of(struct kt_detect *d, struct kt_key who, uint32_t number,
                                        const struct kt_pending *p, struct kt_key *ret_key)
{
    uint32_t at = 0;
    struct kt_key key;
    const struct withheld *w, *open = NULL;
    while ((w = kt_table_each(d->withheld, &at, &key)) != NULL) {
        bool covers = kt_key_eq(w->who, who) && w->number == number && p->time_min > w->since_min &&
                      p->time_min - 60 <= w->until_min;
        if (!covers || kt_detect_dismissed(w))
            continue;
        if (w->verdict == VERDICT(TRUE))
            return w;
        if (open != NULL)
            continue;
        open = w;
        *ret_key = key;
    }
    return open;
}

/* What the younger one holds back waits for a verdict on the one that is left. */
void kt_detect_withheld_merge(struct kt_detect *d, const struct incident *old,
                              const struct incident *young)
{
    uint32_t at = 0;
    struct kt_key key;
    const struct withheld *w;
    while ((w = kt_table_each(d->withheld, &at, &key)) != NULL) {
        if (memcmp(w->id, young->id, sizeof w->id) == 0)
            memcpy(((struct withheld *)kt_table_edit(d->withheld, key))->id, old->id,
                   sizeof old->id);
    }
}

void kt_detect_put_by(struct kt_detect *d, const struct kt_actor *a, struct kt_key who,
                      const struct kt_pending *p)
{
    struct kt_key key;
    const struct withheld *holder = holder_of(d, who, a->number, p, &key);
    if (holder == NULL || holder->verdict == VERDICT(TRUE))
        return; /* judged true: never learned */
    make_room(d);
    struct withheld *w = kt_table_edit(d->withheld, key);
    d->core.kept += kt_detect_aside_add(d, key, &w->n, p);
}

/* ---- verdicts ---- */
void kt_detect_hold_by(struct kt_actor *a, const struct withheld *w)
{
    bool dismissed = kt_detect_dismissed(w);
    enum kt_held mark = dismissed                     ? KT_HELD_DISMISSED
                        : w->verdict == VERDICT(TRUE) ? KT_HELD_TRUE
                        : w->silent                   ? KT_HELD_EXPECTED
                                                      : KT_HELD_OPEN;
    if (!(dismissed && w->silent)) /* nobody was told of that */
        kt_detect_hold(a, w->since_min, w->until_min, mark, w->families);
}

/* The windows of an actor's incidents. Those that were dismissed come first, to make room for those
 * that count. */
static void hold_again(struct kt_detect *d, const struct withheld *judged)
{
    struct kt_actor *a = kt_table_get(d->actors, judged->who);
    const struct withheld *w;
    if (a == NULL || a->number != judged->number)
        return;
    memset(a->held, 0, sizeof a->held);
    a->held_n = 0;
    for (unsigned counts = 0; counts < 2; counts++) {
        uint32_t at = 0;
        while ((w = kt_table_each(d->withheld, &at, NULL)) != NULL) {
            if (kt_key_eq(w->who, judged->who) && kt_detect_dismissed(w) == (counts == 0))
                kt_detect_hold_by(a, w);
        }
    }
}

/* Was the place new in an incident beside the judged one that nobody dismissed? A verdict on quiet
 * work says nothing of what happened at the same time. */
static bool another_has(struct kt_detect *d, const struct withheld *judged,
                        const struct kt_place *place)
{
    uint32_t at = 0;
    const struct withheld *w;
    while ((w = kt_table_each(d->withheld, &at, NULL)) != NULL) {
        bool other = kt_key_eq(w->who, judged->who) && !kt_detect_dismissed(w) &&
                     memcmp(w->id, judged->id, sizeof w->id) != 0;
        bool in_it = place->first_min >= w->from_min && place->first_min <= w->until_min;
        if (other && (place->network == w->network || (in_it && place->network != judged->network)))
            return true;
    }
    return false;
}

/* The networks that were new in it. */
static void mark_places(struct kt_detect *d, const struct withheld *w)
{
    struct kt_places *p = kt_table_get(d->places, w->who);
    for (unsigned i = 0; p != NULL && i < p->n_place; i++) {
        struct kt_place *place = &p->place[i];
        bool in_it = place->network == w->network ||
                     (place->first_min >= w->from_min && place->first_min <= w->until_min);
        bool sure = w->verdict == VERDICT(TRUE);
        if (!in_it || (!sure && another_has(d, w, place)))
            continue;
        place->taint_min = sure ? TAINT_EVER : 0;
        if (w->verdict == VERDICT(EXPECTED) && place->days < TRUSTED)
            place->days = TRUSTED;
        kt_detect_mark_user(d, place->network, w->number, sure);
    }
}

/* What was held back is counted after all. What another incident holds as well waits on. */
static void learn_all(struct kt_detect *d, struct kt_key key, struct withheld *w)
{
    struct kt_scene *s = &d->scene;
    struct kt_actor *a = kt_table_get(d->actors, w->who);
    struct kt_key other;
    uint32_t n = w->n;
    w->n = 0; /* so that nobody takes it for room */
    s->who = w->who;
    s->actor = a;
    s->places = kt_table_get(d->places, w->who);
    bool there = a != NULL && a->number == w->number;
    for (uint32_t i = 0; i < n; i++) {
        struct kt_pending p;
        d->core.kept--;
        if (!there || !kt_detect_aside_at(d, key, i, &p))
            continue;
        if (holder_of(d, w->who, w->number, &p, &other) == NULL)
            kt_detect_learn(d, s, &p);
        else
            kt_detect_put_by(d, a, w->who, &p);
    }
    kt_detect_aside_cut(d, key, &n, 0);
}

static void judge(struct kt_detect *d, const struct kt_event *ev, const struct kt_decision *v)
{
    uint8_t id[16];
    uint32_t at = 0;
    bool known = false;
    struct kt_key key;
    const struct withheld *seen;
    if (!kt_id_parse(kt_str_of(v->id), id))
        return;
    kt_detect_plain_scene(d, ev, d->arrival);
    while ((seen = kt_table_each(d->withheld, &at, &key)) != NULL) {
        if (memcmp(seen->id, id, sizeof id) != 0)
            continue;
        struct withheld *w = kt_table_edit(d->withheld, key);
        known = true;
        w->verdict = (uint8_t)(v->verdict + 1);
        hold_again(d, w);
        mark_places(d, w);
        if (kt_detect_dismissed(w))
            learn_all(d, key, w);
        else
            give_back(d, key, w);
    }
    d->core.verdicts++;
    d->core.verdicts_late += !known;
}

/* ---- steps ---- */
/* Whoever acknowledged an alert works on it, until it is opened again. */
static void take_in_hand(struct kt_detect *d, const struct kt_step *step)
{
    uint8_t id[16];
    uint32_t at = 0;
    struct kt_key key;
    const struct incident *in;
    if (!kt_id_parse(kt_str_of(step->alert), id))
        return;
    while ((in = kt_table_look(d->incidents, &at, &key)) != NULL) {
        if (memcmp(in->id, id, sizeof id) != 0)
            continue;
        ((struct incident *)kt_table_edit(d->incidents, key))->acked = step->what == KT_STEP_ACK;
        return;
    }
}

static void note_step(struct kt_detect *d, int what, struct kt_jval root)
{
    struct kt_step step;
    if ((what == KT_STEP_ACK || what == KT_STEP_REOPEN) &&
        kt_step_read((enum kt_step_what)what, root, &step, NULL) == KT_OK)
        take_in_hand(d, &step);
}

/* ---- records ---- */
void kt_detect_decision(struct kt_detect *d, const struct kt_record *r)
{
    struct kt_decision x;
    struct kt_jval root;
    unsigned repaired;
    if (r->origin != KT_ORIGIN_CONTROL ||
        kt_json_parse(d->json, r->ev.raw, &root, &repaired, NULL) != KT_OK)
        return;
    int what = kt_decision_of(r->ev.operation);
    note_step(d, kt_step_of(r->ev.operation), root);
    if (what < 0 || kt_decision_read((enum kt_decision_what)what, root, &x, NULL) != KT_OK)
        return;
    if (what == KT_DECIDE_VERDICT) {
        judge(d, &r->ev, &x);
    } else if (what == KT_DECIDE_EXPECT_RM) {
        kt_table_remove(d->expected, name_of(&x));
    } else {
        void *e = kt_table_put(d->expected, name_of(&x), NULL);
        if (e != NULL)
            memcpy(e, &x, sizeof x);
    }
}

void kt_detect_forget(struct kt_detect *d, kt_time_ns now)
{
    struct kt_key key, over[KT_EXPECT_OPEN_MAX];
    unsigned n = 0;
    uint32_t at = 0, minute = (uint32_t)(now / KT_NS_MIN);
    const struct kt_decision *e;
    while ((e = kt_table_each(d->expected, &at, &key)) != NULL) {
        if (e->until + AFTER_NS < now)
            over[n++] = key;
    }
    for (unsigned i = 0; i < n; i++)
        kt_table_remove(d->expected, over[i]);
    const struct withheld *w;
    for (at = 0; (w = kt_table_each(d->withheld, &at, &key)) != NULL;) {
        if (w->until_min + KEPT_MIN < minute)
            let_go(d, key, w);
    }
}
