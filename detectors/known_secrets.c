/*
 * known_secrets: what an actor has read before, the folders it has read in, and who else did.
 *
 * Owns:  by actor and secret: first, last, written; a filter behind 1,024 of an actor; by secret:
 *        who took it up lately; by actor and folder: last and days; by folder: its people; by path:
 *        its machines.
 * Calls: detector.h and core only. No clock, no I/O.
 */
#include "detectors/known_secrets.h"

#include "core/base/hash.h"
#include "core/event/ai_agents.h"
#include "core/event/secret_id.h"
#include "detectors/new_ground.h"

#define DAY_MIN      1440u
#define ROLLOUT_MIN  120u
#define TAINT_MIN    (30u * DAY_MIN)
#define IN_USE_MIN   (7u * DAY_MIN)
#define WRITES_MIN   (35u * DAY_MIN) /* what comes each month is one series */
#define FORGET_MIN   (365u * DAY_MIN)
#define RECENT_DAYS  90u
#define TRUSTED_DAYS 3u
#define FEW_OTHERS   2u
#define BLOOM_PROBES 5u
#define OLD_MIN      (21u * DAY_MIN)
#define OLD_DAYS     2u
#define FOLDER_SEED  UINT64_C(0x666f6c646572)
#define PARENT_SEED  UINT64_C(0x6e657773)

static struct kt_key one_key(uint64_t hash)
{
    return (struct kt_key){ hash, 0 };
}

static struct kt_key pair_key(const struct kt_scene *s, uint64_t with)
{
    return (struct kt_key){ s->actor->number, with };
}

/* ---- pairs ---- */
static bool bloom_has(const struct kt_known_bloom *b, uint64_t hash)
{
    for (unsigned i = 0; b != NULL && i < BLOOM_PROBES; i++, hash = hash >> 15 | hash << 49) {
        unsigned bit = hash % (KT_BLOOM_BYTES * 8);
        if ((b->bits[bit / 8] >> bit % 8 & 1) == 0)
            return false;
    }
    return b != NULL;
}

static void bloom_add(struct kt_known_bloom *b, uint64_t hash)
{
    for (unsigned i = 0; i < BLOOM_PROBES; i++, hash = hash >> 15 | hash << 49) {
        unsigned bit = hash % (KT_BLOOM_BYTES * 8);
        b->bits[bit / 8] |= (uint8_t)(1u << bit % 8);
    }
}

/* Somebody was told that the actor has it: to go on using it is no other fact, unless what it holds
 * is new (docs/decisions/0026). */
static bool in_use(const struct kt_scene *s, const struct kt_known_pair *p)
{
    const struct kt_known_secret *x = kt_table_peek(s->tables[KT_NEW_SECRET], one_key(s->secret.a));
    bool written = x != NULL && x->wrote_min > p->last_min;
    return s->minute <= p->last_min + IN_USE_MIN && !written;
}

/* Did it first come up in an incident that was judged true, or that nobody judged? */
static bool tainted(const struct kt_scene *s, const struct kt_known_pair *p)
{
    if (kt_first_in_incident(s->actor, p->first_min, UINT32_MAX, 0)) /* judged: for ever */
        return true;
    return kt_first_in_incident(s->actor, p->first_min, s->minute, TAINT_MIN) && !in_use(s, p);
}

struct kt_known_pair *kt_known_pair(const struct kt_scene *s)
{
    return kt_table_get(s->tables[KT_NEW_PAIR], pair_key(s, s->secret.a));
}

bool kt_known(const struct kt_scene *s, const struct kt_known_pair *p)
{
    if (p == NULL)
        return bloom_has(kt_table_peek(s->tables[KT_NEW_BLOOM], s->who), s->secret.a);
    if ((s->read && !p->read) || s->minute > p->last_min + FORGET_MIN)
        return false;
    return !tainted(s, p);
}

bool kt_known_unseen(const struct kt_scene *s, const struct kt_known_pair *p)
{
    return p != NULL && p->read & KT_KNOWN_FILLED && s->read && !kt_event_is_fill(s->ev) &&
           s->minute < p->first_min + IN_USE_MIN;
}

static struct kt_known_pair *pair_new(struct kt_scene *s, uint32_t *pairs)
{
    struct kt_known_pair *p = kt_table_put(s->tables[KT_NEW_PAIR], pair_key(s, s->secret.a), NULL);
    p->first_min = s->minute;
    (*pairs)++;
    return p;
}

void kt_known_remember(struct kt_scene *s, struct kt_known_pair *p, bool apart, uint32_t *pairs)
{
    if (p == NULL && *pairs >= (apart ? 2 : 1) * KT_KNOWN_PAIRS) {
        bloom_add(kt_table_put(s->tables[KT_NEW_BLOOM], s->who, NULL), s->secret.a);
        return;
    }
    if (p == NULL)
        p = pair_new(s, pairs);
    bool fill = kt_event_is_fill(s->ev);
    if (s->read && (!p->read || kt_known_unseen(s, p))) {
        p->read |= KT_KNOWN_READ | (fill ? KT_KNOWN_FILLED : 0);
        p->first_min = s->minute;
    }
    if (s->read && !fill)
        p->read &= ~KT_KNOWN_FILLED;
    if (s->read)
        p->read_min = s->minute > p->read_min ? s->minute : p->read_min;
    p->first_min = s->minute < p->first_min ? s->minute : p->first_min;
    p->last_min = s->minute > p->last_min ? s->minute : p->last_min;
}

/* ---- secrets ---- */
/* The entry of the scene's secret, to be changed: what was said of it is to be asked again, and so
 * is what was said of the one that makes room. */
static struct kt_known_secret *secret_put(struct kt_scene *s, bool *ret_new)
{
    struct kt_table *t = s->tables[KT_NEW_SECRET];
    struct kt_rollouts *r = &s->recall->kept.rollouts;
    struct kt_key oldest;
    if (kt_table_full(t) && kt_table_oldest(t, &oldest))
        kt_rollouts_change(r, oldest.a);
    kt_rollouts_change(r, s->secret.a);
    return kt_table_put(t, one_key(s->secret.a), ret_new);
}

void kt_known_written(struct kt_scene *s, uint32_t *pairs)
{
    bool fresh;
    struct kt_known_secret *x = secret_put(s, &fresh);
    if (fresh)
        x->born_min = s->minute;
    if (s->minute > x->wrote_min + WRITES_MIN)
        x->began_min = s->minute;
    x->wrote_min = s->minute > x->wrote_min ? s->minute : x->wrote_min;
    struct kt_known_pair *p = kt_known_pair(s);
    if (p == NULL && *pairs >= KT_KNOWN_PAIRS)
        return;
    if (p == NULL)
        p = pair_new(s, pairs);
    p->wrote_min = p->last_min = s->minute;
}

bool kt_known_fresh(const struct kt_scene *s)
{
    const struct kt_known_secret *x = kt_table_peek(s->tables[KT_NEW_SECRET], one_key(s->secret.a));
    return x != NULL && s->minute < x->born_min + DAY_MIN;
}

static uint64_t store_hash(struct kt_str secret)
{
    return kt_hash64(kt_secret_store(secret), ~FOLDER_SEED) | 1;
}

/* One more secret that was never read before, in its folder, its path and its store. */
static void count_secret(struct kt_scene *s)
{
    const struct kt_recall_secret *name = kt_known_name(s);
    const uint64_t in[] = { name->folder, name->parent, store_hash(s->ev->secret) };
    for (unsigned i = 0; i < KT_ARRAY_LEN(in); i++) {
        if (in[i] != 0)
            ((struct kt_known_users *)kt_table_put(s->tables[KT_NEW_USERS], one_key(in[i]), NULL))
                ->secrets++;
    }
}

/* The machine takes one up in its path, in the place of the one that did so longest ago. */
static void note_machine(struct kt_scene *s)
{
    struct kt_known_users *x =
        kt_table_put(s->tables[KT_NEW_USERS], one_key(kt_known_name(s)->parent), NULL);
    unsigned slot = 0;
    for (unsigned i = 0; i < KT_FOLDER_USERS && x->user[slot].actor != s->actor->number; i++) {
        if (x->user[i].actor == s->actor->number || x->user[i].day < x->user[slot].day)
            slot = i;
    }
    x->user[slot].actor = s->actor->number;
    x->user[slot].day = s->minute / DAY_MIN + 1;
}

bool kt_known_asked(const struct kt_scene *s)
{
    const struct kt_place *p = kt_place_of(s->places, s->where.network);
    bool known = p != NULL && p->days > 0 && !kt_place_tainted(p, s->minute);
    return s->taught && !s->read && kt_kind_is_person(s->actor->kind) && s->where.usable &&
           (s->where.inside || known);
}

bool kt_known_is_set(const struct kt_scene *s)
{
    return s->read && kt_kind_is_person(s->actor->kind) && kt_str_ends(s->ev->secret, KT_STR("/*"));
}

bool kt_known_sparse(const struct kt_scene *s)
{
    unsigned here = kt_place_of(s->places, s->where.network) != NULL;
    return s->young && s->minute >= s->actor->first_min + OLD_MIN &&
           s->actor->active_days >= OLD_DAYS &&
           s->places->n_place - here + s->places->inside_seen <= 1;
}

void kt_known_newcomer(struct kt_scene *s)
{
    if (kt_known_is_machine(s))
        note_machine(s);
    struct kt_known_secret *x = secret_put(s, NULL);
    kt_ground_take_up(s, x->n == 0);
    for (unsigned i = 0; i < KT_ARRAY_LEN(x->last); i++) {
        if (x->last[i].actor == s->actor->number)
            return;
    }
    if (x->n == 0)
        count_secret(s);
    unsigned slot = x->n++ % KT_ARRAY_LEN(x->last);
    x->last[slot].actor = s->actor->number;
    x->last[slot].minute = s->minute;
    x->last[slot].kind = s->actor->kind;
}

bool kt_known_rollout(const struct kt_scene *s, uint64_t secret, uint32_t minute)
{
    const struct kt_known_secret *x = kt_table_peek(s->tables[KT_NEW_SECRET], one_key(secret));
    unsigned n = 0;
    for (unsigned i = 0; x != NULL && i < KT_ARRAY_LEN(x->last); i++) {
        uint32_t m = x->last[i].minute;
        n += x->last[i].actor != 0 && x->last[i].kind == s->actor->kind &&
             m + ROLLOUT_MIN >= minute && m <= minute + ROLLOUT_MIN;
    }
    return n >= 3;
}

/* ---- folders ---- */
/* Is the part behind the store a place of the cloud? Nobody's work is a region. */
static bool has_region(struct kt_str secret)
{
    return kt_str_starts(secret, KT_STR("aws-")) || kt_str_starts(secret, KT_STR("gcp-"));
}

uint64_t kt_known_folder(struct kt_str secret)
{
    struct kt_str store = kt_secret_store(secret), part;
    struct kt_str rest = kt_str_from_index(secret, store.len);
    uint64_t hash = kt_hash64(store, FOLDER_SEED);
    bool any = false;
    if (has_region(secret)) { /* "", then the region */
        (void)kt_str_split(&rest, '/', &part);
        (void)kt_str_split(&rest, '/', &part);
    }
    while (kt_str_split(&rest, '/', &part) && rest.len > 0) { /* the last part is the name */
        if (part.len == 0 || kt_secret_is_environment(part))
            continue;
        hash = kt_hash64(part, hash);
        any = true;
    }
    return any ? hash | 1 : 0;
}

static uint64_t parent_hash(struct kt_str secret)
{
    size_t end = secret.len;
    while (end > 0 && secret.at[end - 1] != '/')
        end--;
    return kt_hash64(kt_str_sub(secret, 0, end), PARENT_SEED) | 1;
}

static struct kt_recall_secret *name_of(const struct kt_scene *s)
{
    bool known;
    const struct kt_foretold *f = s->recall->foretold;
    struct kt_recall_secret *name = kt_recall_secret(s->recall, s->secret, &known);
    if (!known && f != NULL && kt_key_eq(f->secret_key, s->secret))
        *name = (struct kt_recall_secret){ .secret = s->secret,
                                           .folder = f->folder,
                                           .parent = f->parent };
    else if (!known)
        *name = (struct kt_recall_secret){ .secret = s->secret,
                                           .folder = kt_known_folder(s->ev->secret),
                                           .parent = parent_hash(s->ev->secret) };
    return name;
}

const struct kt_recall_secret *kt_known_name(const struct kt_scene *s)
{
    return name_of(s);
}

int kt_known_production(const struct kt_scene *s)
{
    struct kt_recall_secret *name = name_of(s);
    if (name->production == 0)
        name->production = kt_production(s->shared->conf, s->ev->secret) + 2;
    return name->production - 2;
}

void kt_known_foretell(const struct kt_event *ev, struct kt_foretold *ret)
{
    *ret = (struct kt_foretold){ .actor = ev->actor,
                                 .secret = ev->secret,
                                 .user_agent = ev->user_agent,
                                 .actor_key = kt_name_key(ev->actor),
                                 .secret_key = kt_name_key(ev->secret),
                                 .agent_hash = kt_hash64(ev->user_agent, KT_NAME_SEED),
                                 .agent = kt_ai_agent_of_client(ev->user_agent) };
    if (ev->secret.len == 0)
        return;
    ret->folder = kt_known_folder(ev->secret);
    ret->parent = parent_hash(ev->secret);
}

/* `joins`: today is enough. */
static bool at_work_here(const struct kt_scene *s, uint64_t folder, bool joins)
{
    const struct kt_known_folder *own =
        kt_table_peek(s->tables[KT_NEW_FOLDER], pair_key(s, folder));
    return own != NULL && (own->days >= TRUSTED_DAYS ||
                           (joins && own->last_min[s->expected] + DAY_MIN > s->minute));
}

static unsigned colleagues(const struct kt_scene *s, const struct kt_known_users *x)
{
    unsigned n = 0;
    for (unsigned i = 0; i < KT_FOLDER_USERS; i++)
        n += x->user[i].days >= TRUSTED_DAYS && x->user[i].actor != s->actor->number &&
             x->user[i].day + RECENT_DAYS > s->minute / DAY_MIN;
    return n;
}

bool kt_known_is_machine(const struct kt_scene *s)
{
    return s->actor->kind == KT_ACTOR_SERVICE || s->actor->kind == KT_ACTOR_CI;
}

bool kt_known_own_path(const struct kt_scene *s, uint32_t secrets)
{
    const struct kt_known_secret *secret =
        kt_table_peek(s->tables[KT_NEW_SECRET], one_key(s->secret.a));
    const struct kt_known_users *x =
        kt_table_peek(s->tables[KT_NEW_USERS], one_key(kt_known_name(s)->parent));
    unsigned others = 0;
    if (x == NULL)
        return false; /* forgotten: who knows whose it is */
    for (unsigned i = 0; i < KT_FOLDER_USERS; i++)
        others += x->user[i].actor != 0 && x->user[i].actor != s->actor->number;
    bool nobodys = secret == NULL || secret->n == 0;
    return secrets * 2 > x->secrets || (nobodys && others <= FEW_OTHERS);
}

bool kt_known_workspace(const struct kt_scene *s, uint64_t folder, uint64_t peers, bool unit)
{
    /* what is above a credential made on request (database/creds/ROLE) lists roles: no project */
    if (folder == 0 || s->ev->action == KT_ACT_ISSUE)
        return false;
    const struct kt_known_users *x = kt_table_peek(s->tables[KT_NEW_USERS], one_key(folder));
    const struct kt_known_users *all =
        kt_table_peek(s->tables[KT_NEW_USERS], one_key(store_hash(s->ev->secret)));
    if (x == NULL || all == NULL)
        return false;
    bool wide = x->secrets * 4 > all->secrets;
    return (unit || !wide) && at_work_here(s, folder, !wide) && colleagues(s, x) >= peers;
}

void kt_known_visit(struct kt_scene *s, uint64_t folder, uint8_t aside)
{
    if (folder == 0 || !kt_kind_is_person(s->actor->kind) || s->late)
        return;
    bool fresh;
    struct kt_known_folder *own =
        kt_table_put(s->tables[KT_NEW_FOLDER], pair_key(s, folder), &fresh);
    uint32_t *last = &own->last_min[s->expected];
    bool today = !fresh && *last / DAY_MIN == s->minute / DAY_MIN;
    *last = s->minute > *last ? s->minute : *last;
    if (!today)
        kt_put_aside(s, aside, folder, (s->minute / 60 + 1) * 60, (uint16_t[4]){ 1, 0, 0, 0 });
}

void kt_known_visited(struct kt_scene *s, uint64_t folder, uint32_t minute)
{
    struct kt_known_users *x = kt_table_put(s->tables[KT_NEW_USERS], one_key(folder), NULL);
    struct kt_known_folder *own = kt_table_put(s->tables[KT_NEW_FOLDER], pair_key(s, folder), NULL);
    uint32_t day = minute / DAY_MIN + 1;
    unsigned slot = 0;
    bool listed = false;
    for (unsigned i = 0; i < KT_FOLDER_USERS && !listed; i++) {
        listed = x->user[i].actor == s->actor->number;
        bool away = x->user[i].day < x->user[slot].day; /* longest */
        slot = listed || away ? i : slot;
    }
    if (!listed)
        x->user[slot].day = 0;
    own->days = (uint16_t)(own->days + (own->days < UINT16_MAX && x->user[slot].day != day));
    x->user[slot].actor = s->actor->number;
    x->user[slot].days = own->days;
    /* what a verdict gives back is older than what was counted since */
    x->user[slot].day = day > x->user[slot].day ? day : x->user[slot].day;
}
