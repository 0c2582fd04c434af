/*
 * env_file: a program that reads files of secrets where it never did, or for a user who never ran
 * it (DETECTION §4.8, docs/decisions/0012). Events of sources that watch hosts: auditd, fanotify.
 *
 * Owns:  by (host, program, sort of file) who used it; the same for the class of a host and for all
 *        hosts, 24 h behind; who looks at configuration on any host; hosts and classes with the
 *        time since when they are known.
 * Calls: detector.h and core only. No clock, no I/O.
 */
#include "detectors/detector.h"
#include "detectors/env_process.h"

#include <math.h>
#include <string.h>

#include "core/base/hash.h"

#define DAY_MIN    1440u
#define FORGET_MIN (180u * DAY_MIN)
#define TAINT_MIN  (90u * DAY_MIN)
#define AWAY_MIN   (14u * DAY_MIN)
#define JOIN_MIN   (6u * 60u)
#define AGAIN_MIN  (14u * DAY_MIN)
#define LISTS_MAX  64
#define USERS      6u
#define PLACES     4u
#define FRESH      KT_GATHERS
#define ROLLOUT    3u
#define MINOR      1.0             /* less for what is no production (DETECTION §5) */
#define LOOK_DAYS  5u              /* days with looks of people after which their habit is known */
#define LOOK_MIN   (30u * DAY_MIN) /* or as long a watch without them */

/* ---- options ---- */
struct options {
    double unknown, elsewhere, user, person, moved, shared, odd;
    kt_time_ns learn;
    struct kt_strings classes, expected;
    struct kt_env_class class_of[LISTS_MAX]; /* compiled by check() */
    unsigned n_classes;
};
#define NUMBER(field, value, help)                                                                 \
    {                                                                                              \
#field, KT_OPT_DOUBLE, value, offsetof(struct options, field), help, .reloadable = true    \
    }
static const struct kt_option options[] = {
    NUMBER(unknown, "6", "A program that read such files on no host so far."),
    NUMBER(elsewhere, "4.6", "A program that is new on this host and known on others."),
    NUMBER(user, "4.6", "A user who never used this program on such files."),
    NUMBER(person, "3",
           "The same for a person whom two colleagues excuse, and the most for a look while the "
           "habits of people are not known."),
    NUMBER(moved, "2.2",
           "A person on a host of another class than where it used the program, or looked at "
           "configuration."),
    NUMBER(shared, "3",
           "Instead of 4.6 for a person on a workstation, when at least 3 hosts know the program."),
    NUMBER(odd, "1.5",
           "Added for a service's shell, downloader or encoder, or a program in /tmp, /dev/shm or "
           "deleted."),
    { "learn", KT_OPT_DURATION, "14d", offsetof(struct options, learn),
      "How long a host is watched before its own programs are its yardstick.", .reloadable = true },
    { "classes", KT_OPT_LIST, "", offsetof(struct options, classes),
      "\"CLASS HOSTS\": hosts (glob) that do the same work. Others: the name without the number at "
      "its end.",
      .reloadable = true },
    { "expected", KT_OPT_LIST, "", offsetof(struct options, expected),
      "Programs (glob over the path) that may read any file of secrets.", .reloadable = true },
    KT_OPTIONS_END,
};

static enum kt_status check(void *opt, struct kt_error *err)
{
    struct options *o = opt;
    o->n_classes = 0;
    if (o->classes.n > LISTS_MAX)
        return kt_fail(err, KT_E_CONFIG, "classes takes at most %d entries", LISTS_MAX);
    for (unsigned i = 0; i < o->classes.n; i++) {
        struct kt_str rest = kt_str_trim(kt_str_of(o->classes.at[i])), name;
        (void)kt_str_split(&rest, ' ', &name);
        rest = kt_str_trim(rest);
        if (rest.len == 0)
            return kt_fail(err, KT_E_CONFIG, "classes '%s': write 'CLASS HOSTS'", o->classes.at[i]);
        o->class_of[i].name = name;
        o->class_of[i].hosts = rest;
        o->n_classes++;
    }
    return KT_OK;
}

/* ---- state ---- */
struct user {
    uint32_t who; /* hash of the name without its host; 0 = free */
    uint32_t first_min, last_min;
    uint16_t points;              /* of the evidence it was when it was new */
    uint8_t person : 1, told : 1; /* told: an alert came of this user on this host */
    uint8_t counted;
};
struct place {
    uint32_t host, minute;
};
struct fresh {
    struct kt_key who; /* its user there */
    uint32_t host, minute;
};
struct use {           /* one program and one sort of file, on one level */
    uint64_t above[2]; /* keys of the class's and of everybody's */
    uint32_t host;     /* hash */
    uint32_t last_min; /* newest use */
    uint32_t told_min; /* when a rollout was told */
    uint32_t n_users;  /* more than USERS: nobody is new any more */
    struct user user[USERS];
    struct place place[PLACES]; /* hosts that know it */
    struct fresh fresh[FRESH];  /* hosts that took it up lately, known or not */
};
struct host {
    uint32_t first_min, people, machines; /* reads by people and by services */
    uint32_t look_day;                    /* of all hosts together: the newest of `people` days */
};
struct person {                   /* looked at configuration of applications on some host */
    uint32_t seen_min, last_min;  /* the first and newest look that was not told */
    uint32_t told_min, told_last; /* when an incident told of it; the newest look since */
};
enum { T_USE, T_HOST, T_CLASS, T_PERSON };
static const struct kt_key all_hosts = { 0, 1 }; /* in T_CLASS; classes have a second half of 0 */
static bool is_use(const void *state)
{
    return ((const struct use *)state)->n_users <= USERS + 1;
}

static const struct kt_table_decl tables[] = {
    [T_USE] = { "env_use", KT_KEY_HOST_EXE, sizeof(struct use), 4, 10000, KT_EVICT_LRU, is_use },
    [T_HOST] = { "env_host", KT_KEY_HOST_EXE, sizeof(struct host), 2, 4000, KT_EVICT_LRU, NULL },
    [T_CLASS] = { "env_class", KT_KEY_HOST_EXE, sizeof(struct host), 2, 1000, KT_EVICT_LRU, NULL },
    [T_PERSON] = { "env_person", KT_KEY_IDENTITY, sizeof(struct person), 2, 4000, KT_EVICT_LRU,
                   NULL },
};

/* ---- what is known ---- */
static struct kt_key use_key(uint64_t key, enum kt_env_level level)
{
    return (struct kt_key){ key, (uint64_t)level };
}

static const struct use *known(const struct kt_scene *s, const struct kt_env_process *p,
                               enum kt_env_level level)
{
    const struct use *u = kt_table_peek(s->tables[T_USE], use_key(p->key[level], level));
    return u != NULL && u->n_users > 0 && s->minute < u->last_min + FORGET_MIN ? u : NULL;
}

static bool knows(const struct use *u, uint32_t who)
{
    bool found = u != NULL && u->n_users > USERS;
    for (unsigned i = 0; u != NULL && i < USERS; i++)
        found = found || u->user[i].who == who;
    return found;
}

static struct user *user_of(struct use *u, uint32_t who)
{
    for (unsigned i = 0; u != NULL && i < USERS; i++) {
        if (u->user[i].who == who)
            return &u->user[i];
    }
    return NULL;
}

static unsigned hosts_that_know(const struct kt_scene *s, const struct kt_env_process *p)
{
    const struct use *any = known(s, p, KT_ENV_ANYWHERE);
    unsigned sum = 0;
    for (unsigned i = 0; any != NULL && i < PLACES; i++)
        sum += any->place[i].host != 0 && any->place[i].host != p->host32;
    return sum;
}

static unsigned people(const struct use *u)
{
    unsigned n = 0;
    for (unsigned i = 0; i < USERS; i++)
        n += u->user[i].who != 0 && u->user[i].person;
    return n;
}

/* Of a person, on a day in no incident? */
static bool is_habit(const struct use *u)
{
    bool habit = false;
    for (unsigned i = 0; u != NULL && i < USERS; i++)
        habit = habit || (u->user[i].who != 0 && u->user[i].person && u->user[i].counted);
    return habit;
}

/* Whether that person may is asked once, not on every host. */
static bool was_told(const struct kt_scene *s, const struct kt_env_process *p)
{
    const struct person *x = kt_table_peek(s->tables[T_PERSON], (struct kt_key){ p->who, 0 });
    return p->look && x != NULL && x->told_min != 0 && s->minute < x->told_last + AGAIN_MIN;
}

/* An administrator is one on every host: who looks at configuration somewhere does so elsewhere. */
static bool is_administrator(const struct kt_scene *s, const struct kt_env_process *p)
{
    const struct person *x = kt_table_peek(s->tables[T_PERSON], (struct kt_key){ p->who, 0 });
    return p->look && x != NULL && x->seen_min != 0 && s->minute >= x->seen_min + DAY_MIN &&
           s->minute < x->last_min + FORGET_MIN;
}

static bool knows_person(const struct kt_scene *s, const struct kt_env_process *p,
                         const struct use *any)
{
    return p->person && (p->look ? is_administrator(s, p) : knows(any, p->who));
}

/* A habit that shows itself every other week is not seen in two (DETECTION §2.5). */
static bool looks_are_learned(const struct kt_scene *s)
{
    const struct host *all = kt_table_peek(s->tables[T_CLASS], all_hosts);
    return all != NULL && (all->people >= LOOK_DAYS || s->minute >= all->first_min + LOOK_MIN);
}

/* Colleagues excuse whom somebody let in: by the right to become another user, or a program that
 * belongs to their work. Who can look at the file as himself and never did is a new user. */
static bool is_colleague(const struct kt_scene *s, const struct kt_env_process *p,
                         const struct use *u)
{
    bool let_in = s->ev->role.len > 0 || !p->viewer;
    return p->person && let_in && u != NULL && people(u) >= 2;
}

static bool mature(const struct kt_scene *s, const struct options *o, unsigned table, uint64_t key)
{
    const struct host *h = kt_table_peek(s->tables[table], (struct kt_key){ key, 0 });
    return h != NULL && s->minute >= h->first_min + (uint64_t)(o->learn / KT_NS_MIN);
}

static bool is_workstation(const struct kt_scene *s, unsigned table, uint64_t key)
{
    const struct host *h = kt_table_peek(s->tables[table], (struct kt_key){ key, 0 });
    return h != NULL && h->people > h->machines;
}

/* A server that is known tells who its administrators are. A workstation lets everybody look, and
 * so do files of development; of a host that came this week nobody knows what it is. */
static bool vouches(const struct kt_scene *s, const struct options *o,
                    const struct kt_env_process *p)
{
    bool old = s->shared->learning || mature(s, o, T_HOST, p->host_key) ||
               mature(s, o, T_CLASS, p->class_key);
    bool server =
        !is_workstation(s, T_HOST, p->host_key) && !is_workstation(s, T_CLASS, p->class_key);
    return old && server && kt_production(s->shared->conf, s->ev->secret) != 0;
}

/* What colleagues run there, over a project of his own. */
static bool is_own_project(const struct kt_env_process *p, const struct use *here)
{
    return p->at_home && !p->odd && is_habit(here);
}

/* First used in an incident that nobody judged? */
static bool in_incident(const struct kt_actor *a, const struct user *u, uint32_t minute)
{
    return kt_first_in_incident(a, u->first_min, minute, TAINT_MIN);
}

/* … or by a person of whom an incident on another host told. */
static bool tainted(const struct kt_scene *s, const struct kt_env_process *p, const struct user *u)
{
    const struct person *x = kt_table_peek(s->tables[T_PERSON], (struct kt_key){ p->who, 0 });
    bool told =
        p->look && x != NULL && u->first_min >= x->told_min && s->minute < x->told_min + TAINT_MIN;
    return (told && !u->counted) || in_incident(s->actor, u, s->minute);
}

/* ---- judging ---- */
enum what { NEW_PROGRAM, NEW_USER, ROLLED_OUT, AGAIN };
struct verdict {
    enum what what;
    double s;
    bool odd;
    bool asked;     /* that person was told on another host */
    unsigned hosts; /* of a rollout */
};

static double new_program(const struct kt_scene *s, const struct options *o,
                          const struct kt_env_process *p)
{
    bool learned = mature(s, o, T_HOST, p->host_key);
    const struct use *class = known(s, p, KT_ENV_IN_CLASS), *any = known(s, p, KT_ENV_ANYWHERE);
    if (knows(class, p->who))
        return 0; /* a host does what its class does */
    if (knows_person(s, p, any))
        return learned ? o->moved : 0;
    if (class != NULL)
        return is_colleague(s, p, class) ? o->person : o->user;
    if (learned || mature(s, o, T_CLASS, p->class_key))
        return any != NULL ? o->elsewhere : o->unknown;
    bool strange = !p->person && any == NULL && p->in_odd_place;
    return strange ? o->elsewhere : 0; /* no habit would make that usual */
}

static double new_user(const struct kt_scene *s, const struct options *o,
                       const struct kt_env_process *p, const struct use *here)
{
    const struct use *class = known(s, p, KT_ENV_IN_CLASS), *any = known(s, p, KT_ENV_ANYWHERE);
    if (!mature(s, o, T_HOST, p->host_key) || knows(class, p->who))
        return 0;
    if (knows_person(s, p, any))
        return o->moved;
    return is_colleague(s, p, here) || is_colleague(s, p, class) ? o->person : o->user;
}

static struct verdict judge(const struct kt_scene *s, const struct options *o,
                            const struct kt_env_process *p)
{
    const struct use *here = known(s, p, KT_ENV_ON_HOST);
    struct verdict v = { .what = here == NULL ? NEW_PROGRAM : NEW_USER };
    v.s = here == NULL ? new_program(s, o, p) : new_user(s, o, p, here);
    bool common = p->person && v.s <= o->elsewhere && hosts_that_know(s, p) >= 3;
    if (common && is_workstation(s, T_HOST, p->host_key))
        v.s = fmin(v.s, o->shared);
    if (p->viewer && !looks_are_learned(s))
        v.s = fmin(v.s, o->person);
    v.asked = was_told(s, p);
    v.odd = v.s > 0 && !p->person && p->odd;
    v.s += v.odd ? o->odd : 0;
    return v;
}

/* Is it on another host that took the program up in the last day? */
static bool is_fresh(const struct kt_scene *s, const struct fresh *at, uint32_t host)
{
    return at->host != 0 && at->host != host && at->minute + DAY_MIN >= s->minute;
}

/* Three hosts that take a program up within a day are one rollout, told once. */
static void rollout(struct kt_scene *s, const struct options *o, const struct kt_env_process *p,
                    struct verdict *v)
{
    struct use *any =
        kt_table_put(s->tables[T_USE], use_key(p->key[KT_ENV_ANYWHERE], KT_ENV_ANYWHERE), NULL);
    struct fresh *slot = &any->fresh[0];
    for (unsigned i = 0; i < FRESH && slot->host != p->host32; i++) {
        bool better = any->fresh[i].host == p->host32 || any->fresh[i].minute < slot->minute;
        slot = better ? &any->fresh[i] : slot;
    }
    *slot = (struct fresh){ s->who, p->host32, s->minute };
    v->hosts = 1;
    for (unsigned i = 0; i < FRESH; i++)
        v->hosts += is_fresh(s, &any->fresh[i], p->host32);
    bool told = any->told_min != 0 && s->minute < any->told_min + AGAIN_MIN;
    if (v->hosts < ROLLOUT && !told)
        return;
    any->told_min = told ? any->told_min : s->minute;
    if (s->minute < any->told_min + JOIN_MIN) {
        v->what = ROLLED_OUT;
    } else {
        v->s = fmin(v->s, o->moved);
    }
}

/* ---- words ---- */
enum { N_WHAT, N_ODD, N_HOSTS, N_DAYS, N_OTHERS, N_ROLLOUT };

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    struct kt_env_process p = kt_env_process_of(s->ev);
    const double *v = f->number;
    enum what what = (enum what)v[N_WHAT];
    char exe[160], file[160], host[160], user[160], days[32];
    kt_say_name(p.program.exe, 70, exe);
    kt_say_name(s->ev->secret_native, 80, file);
    kt_say_name(p.host, 40, host);
    kt_say_name(p.user, 40, user);
    kt_say_count(v[N_DAYS], days);
    if (what == NEW_PROGRAM)
        KT_SAY(f->title, "%s read %s of %s for the first time: %s, as %s.", exe,
               kt_sort_words[p.sort], host, file, user);
    else if (what == NEW_USER)
        KT_SAY(f->title, "%s read %s of %s with %s for the first time: %s.", user,
               kt_sort_words[p.sort], host, exe, file);
    else if (what == AGAIN)
        KT_SAY(f->title, "%s read %s of %s with %s again: %s.", user, kt_sort_words[p.sort], host,
               exe, file);
    else
        KT_SAY(f->title, "%s read %s of %.0f hosts for the first time within 24 hours, last of %s.",
               exe, kt_sort_words[p.sort], v[N_ROLLOUT], host);
    const char *kind = p.person ? "people" : "services";
    const char *with = p.viewer ? "programs of the system" : "it";
    const char *more = v[N_OTHERS] >= (what == NEW_USER ? USERS : PLACES) ? " or more" : "";
    if (what == AGAIN)
        KT_SAY(f->normal,
               "It was an incident that nobody has judged; %s has been watched for %s days.", host,
               days);
    else if (what == NEW_USER)
        KT_SAY(f->normal, "%s has been watched for %s days; %.0f%s other %s read them with %s.",
               host, days, v[N_OTHERS], more, kind, with);
    else
        KT_SAY(f->normal,
               "%s has been watched for %s days. %s read %s with %s on %.0f%s of %.0f other hosts.",
               host, days, p.person ? "People" : "Services", kt_sort_words[p.sort], with,
               v[N_OTHERS], more, v[N_HOSTS]);
    KT_SAY(f->part, "new %s %s on %s%s", what == NEW_USER ? "user of" : "program", exe, host,
           v[N_ODD] > 0 ? ", odd for a service" : "");
    KT_SAY(f->quiet, "'%s' in env_file.expected, if it may read any file of secrets.", exe);
}

static bool is_gathered(const struct kt_finding *f, struct kt_key who)
{
    for (unsigned i = 0; i < f->n_gathers; i++) {
        if (kt_key_eq(f->gathers[i], who))
            return true;
    }
    return false;
}

/* The first two hosts were told each by itself, before it was known for a rollout. An account that
 * is the same on all of them is no rollout: it goes from host to host. */
static void gather(const struct kt_scene *s, const struct kt_env_process *p, struct kt_finding *f)
{
    const struct use *any = kt_table_peek(s->tables[T_USE], f->key);
    for (unsigned i = 0; any != NULL && i < FRESH; i++) {
        const struct fresh *at = &any->fresh[i];
        if (is_fresh(s, at, p->host32) && !kt_key_eq(at->who, s->who) && !is_gathered(f, at->who))
            f->gathers[f->n_gathers++] = at->who;
    }
    if (f->n_gathers + 1 < ROLLOUT)
        f->n_gathers = 0;
}

static void evidence(struct kt_scene *s, const struct kt_env_process *p, const struct verdict *v,
                     unsigned flags)
{
    struct kt_finding *f = kt_find(s, KT_FAMILY_PROCESS, kt_points(v->s), flags, words);
    if (f == NULL)
        return;
    const struct host *h = kt_table_peek(s->tables[T_HOST], (struct kt_key){ p->host_key, 0 });
    const struct use *here = known(s, p, KT_ENV_ON_HOST);
    f->number[N_WHAT] = v->what;
    f->number[N_ODD] = v->odd;
    f->number[N_HOSTS] = kt_table_count(s->tables[T_HOST]) - 1;
    f->number[N_DAYS] = (s->minute - h->first_min) / DAY_MIN;
    f->number[N_OTHERS] =
        v->what == NEW_USER && here != NULL ? fmin(here->n_users, USERS) : hosts_that_know(s, p);
    f->number[N_ROLLOUT] = v->hosts;
    f->cause = p->key[KT_ENV_ANYWHERE];
    if (v->what != ROLLED_OUT)
        return;
    f->key_kind = KT_KEY_HOST_EXE; /* of the program: no host and no user stands for it */
    f->key = use_key(p->key[KT_ENV_ANYWHERE], KT_ENV_ANYWHERE);
    gather(s, p, f);
}

/* ---- learning ---- */
static void note_user(struct use *u, const struct user *who)
{
    struct user *slot = user_of(u, who->who);
    if (slot == NULL && u->n_users < USERS)
        u->user[u->n_users] = *who;
    else if (slot != NULL && slot->last_min < who->last_min)
        slot->last_min = who->last_min;
    u->n_users += slot == NULL && u->n_users <= USERS;
    u->last_min = u->last_min < who->last_min ? who->last_min : u->last_min;
}

/* Does an alert come of the look? What is no production must be odder, and announced work and the
 * first weeks tell nobody: who was not asked then is asked later. */
static bool is_told(const struct kt_scene *s, const struct options *o, const struct verdict *v)
{
    bool minor = kt_production(s->shared->conf, s->ev->secret) == 0;
    return v->s >= o->user + (minor ? MINOR : 0) && !v->asked && !s->expected &&
           !s->shared->learning;
}

/* What waits for its user on one host waits for weeks: a look counts on the others after a day,
 * unless it was told. */
static void remember_look(struct kt_scene *s, const struct options *o,
                          const struct kt_env_process *p, const struct verdict *v, bool mark)
{
    if (!p->look)
        return;
    struct person *x = kt_table_put(s->tables[T_PERSON], (struct kt_key){ p->who, 0 }, NULL);
    bool told = is_told(s, o, v);
    x->told_min = told ? s->minute : x->told_min;
    if (x->told_min != 0 && s->minute < x->told_min + TAINT_MIN) {
        x->told_last = s->minute > x->told_last ? s->minute : x->told_last;
        return;
    }
    if (mark || s->expected || !vouches(s, o, p))
        return;
    bool forgotten = s->minute >= x->last_min + FORGET_MIN;
    x->seen_min = x->seen_min == 0 || forgotten ? s->minute : x->seen_min;
    x->last_min = s->minute > x->last_min ? s->minute : x->last_min;
}

/* What is told once stands as seen; the class and the others hear of it 24 h later, if at all. */
static void remember(struct kt_scene *s, const struct options *o, const struct kt_env_process *p,
                     const struct verdict *v)
{
    struct use *u =
        kt_table_put(s->tables[T_USE], use_key(p->key[KT_ENV_ON_HOST], KT_ENV_ON_HOST), NULL);
    if (u->last_min != 0 && s->minute >= u->last_min + FORGET_MIN)
        *u = (struct use){ 0 };
    struct user *old = user_of(u, p->who);
    bool fresh = old == NULL, counted = old != NULL && old->counted;
    bool new_day = fresh || old->last_min / DAY_MIN != s->minute / DAY_MIN;
    u->host = p->host32;
    u->above[0] = p->key[KT_ENV_IN_CLASS];
    u->above[1] = p->key[KT_ENV_ANYWHERE];
    note_user(u, &(struct user){ .who = p->who,
                                 .first_min = s->minute,
                                 .last_min = s->minute,
                                 .points = (uint16_t)kt_points(v->s),
                                 .person = p->person });
    old = user_of(u, p->who);
    bool mark = old != NULL && (v->asked || (!fresh && tainted(s, p, old)));
    remember_look(s, o, p, v, mark);
    if (old != NULL && is_told(s, o, v))
        old->told = 1;
    if (old == NULL || counted || !new_day || mark)
        return;
    uint16_t who[4] = { 1, (uint16_t)(p->who >> 16), (uint16_t)p->who, vouches(s, o, p) };
    kt_put_aside(s, 0, p->key[KT_ENV_ON_HOST], (s->minute / 60 + 1) * 60, who);
}

/* It vouches for no other file: the habit stays alive by it, and nobody becomes a user. */
static void note_own_project(const struct kt_scene *s, struct use *here)
{
    if (s->taught && s->minute > here->last_min)
        here->last_min = s->minute;
}

static void note_place(struct use *u, uint32_t host, uint32_t minute)
{
    struct place *slot = NULL;
    for (unsigned i = 0; i < PLACES && slot == NULL; i++) {
        if (u->place[i].host == 0 || u->place[i].host == host)
            slot = &u->place[i];
    }
    if (slot != NULL)
        *slot = (struct place){ host, minute };
}

/* What an incident held back is learned when somebody dismissed it: then nobody was to be asked. */
static void dismiss_look(struct kt_scene *s, const struct user *u, bool vouched)
{
    struct person *x = kt_table_get(s->tables[T_PERSON], (struct kt_key){ u->who, 0 });
    if (x == NULL || x->told_min == 0 || x->told_min != u->first_min || !u->told)
        return;
    uint32_t newest = x->told_last > x->told_min ? x->told_last : x->told_min;
    x->told_min = x->told_last = 0;
    if (!vouched)
        return;
    x->seen_min = x->seen_min == 0 ? u->first_min : x->seen_min;
    x->last_min = newest > x->last_min ? newest : x->last_min;
}

static void on_learn(struct kt_scene *s, const void *opt, const struct kt_pending *p)
{
    (void)opt;
    struct use *here = kt_table_get(s->tables[T_USE], use_key(p->key, KT_ENV_ON_HOST));
    struct user *who = user_of(here, (uint32_t)p->v[1] << 16 | p->v[2]);
    if (who == NULL)
        return;
    who->counted = 1;
    dismiss_look(s, who, p->v[3] != 0);
    const struct user copy = *who;
    const uint64_t above[] = { here->above[0], here->above[1] };
    uint32_t host = here->host;
    for (unsigned i = 0; i < 2; i++) {
        enum kt_env_level level = i == 0 ? KT_ENV_IN_CLASS : KT_ENV_ANYWHERE;
        struct use *u = kt_table_put(s->tables[T_USE], use_key(above[i], level), NULL);
        note_user(u, &copy);
        note_place(u, host, copy.last_min);
    }
}

static void note_look(struct kt_scene *s, const struct kt_env_process *p)
{
    struct host *all = kt_table_put(s->tables[T_CLASS], all_hosts, NULL);
    uint32_t day = s->minute / DAY_MIN;
    bool earlier = all->first_min == 0 || s->minute < all->first_min;
    all->first_min = earlier ? s->minute : all->first_min;
    if (!p->viewer || day <= all->look_day)
        return;
    all->people++;
    all->look_day = day;
}

static void note_host(struct kt_scene *s, const struct kt_env_process *p)
{
    const uint64_t key[] = { p->host_key, p->class_key };
    for (unsigned i = 0; i < 2; i++) {
        struct host *h =
            kt_table_put(s->tables[i == 0 ? T_HOST : T_CLASS], (struct kt_key){ key[i], 0 }, NULL);
        bool earlier = h->first_min == 0 || s->minute < h->first_min;
        h->first_min = earlier ? s->minute : h->first_min;
        h->people += p->person && h->people < UINT32_MAX;
        h->machines += !p->person && h->machines < UINT32_MAX;
    }
}

/* ---- the event ---- */
static bool is_expected(const struct options *o, const struct kt_env_process *p)
{
    for (unsigned i = 0; i < o->expected.n; i++) {
        if (kt_str_glob(kt_str_of(o->expected.at[i]), p->program.exe))
            return true;
    }
    return false;
}

/* Known to this user, though by an incident nobody judged: it counts beside other evidence, and
 * again by itself when it comes back after two weeks; of a look as an alert, when other hosts alone
 * were told: who looks at which file of which host is the fact. */
static void again(struct kt_scene *s, const struct options *o, const struct kt_env_process *p,
                  struct user *u)
{
    if (u == NULL || u->points == 0 || !tainted(s, p, u))
        return;
    bool back = s->minute > u->last_min + AWAY_MIN && !was_told(s, p), here = p->look && u->told;
    struct verdict v = { .what = AGAIN, .s = u->points / 100.0 };
    v.s = here ? fmin(v.s, o->person) : v.s;
    if (back && !here) {
        u->first_min = s->minute;
        u->told = is_told(s, o, &v);
    }
    evidence(s, p, &v, back ? 0 : KT_FIND_BESIDE);
}

static void on_event(struct kt_scene *s, const void *opt)
{
    const struct options *o = opt;
    const struct kt_event *ev = s->ev;
    bool file = kt_str_starts(ev->secret, KT_STR("file://"));
    if (!file || !s->read || s->actor == NULL || ev->user_agent.len == 0 || ev->host.len == 0)
        return;
    struct kt_env_process p = kt_env_process_of(ev);
    if (kt_program_is_own(&p.program, p.sort) || is_expected(o, &p))
        return;
    kt_env_process_keys(&p, o->class_of, o->n_classes);
    note_host(s, &p);
    note_look(s, &p);
    struct use *here =
        kt_table_get(s->tables[T_USE], use_key(p.key[KT_ENV_ON_HOST], KT_ENV_ON_HOST));
    const struct use *lately = known(s, &p, KT_ENV_ON_HOST);
    struct verdict v = { .s = 0 };
    if (knows(lately, p.who)) {
        again(s, o, &p, user_of(here, p.who));
    } else if (is_own_project(&p, lately)) {
        note_own_project(s, here);
        return;
    } else {
        v = judge(s, o, &p);
        if (v.what == NEW_PROGRAM && v.s > 0 && !p.viewer) /* nobody rolls cat out */
            rollout(s, o, &p, &v);
        evidence(s, &p, &v, v.asked ? KT_FIND_BESIDE : 0);
    }
    if (s->taught)
        remember(s, o, &p, &v);
}

static void considered(const struct kt_scene *s, const void *opt, struct kt_buf *out)
{
    (void)opt;
    if (!s->read || !kt_str_starts(s->ev->secret, KT_STR("file://")))
        return;
    struct kt_env_process p = kt_env_process_of(s->ev);
    char exe[160];
    kt_buf_addf(out, "program (%s)", kt_say_name(p.program.exe, 60, exe));
}

static const struct kt_part_needs needs[] = {
    { NULL, KT_NEED(FILE) },
    { NULL, 0 },
};

const struct kt_detector kt_detector_env_file = {
    .name = "env_file",
    .summary = "A program that reads files of secrets where it never did",
    .options = options,
    .options_size = sizeof(struct options),
    .needs = needs,
    .check = check,
    .tables = tables,
    .n_tables = KT_ARRAY_LEN(tables),
    .on_event = on_event,
    .on_learn = on_learn,
    .considered = considered,
};
