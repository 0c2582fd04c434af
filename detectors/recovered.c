/*
 * recovered: see the header.
 *
 * Owns:  nothing; its structs lie in tables of grant_then_read.
 * Calls: detector.h and core only. No clock, no I/O.
 */
#include "detectors/recovered.h"

#include <string.h>

#include "core/base/hash.h"

#define DAY_MIN   1440u
#define RARE_MIN  (90u * DAY_MIN)
#define NAME_SEED UINT64_C(0x7265636f76657264)
#define NEW_MIN   DAY_MIN        /* who took up a network since then is no colleague from there */
#define GIVER_MIN (7u * DAY_MIN) /* … whoever gave: thieves have their sessions for days */
#define LEARN_MIN (14u * DAY_MIN)
#define RARE      300 /* evidence, no alert: somebody lost his telephone */
#define TOGETHER  460
#define USERPASS  "\"mount_type\":\"userpass\""

static const struct {
    const char *source, *operation, *native; /* of these the name is what stands for the last `*` */
    const char *holds;                       /* … and the original */
    const char *what, *did;
    bool rare;     /* evidence by itself, where signatures do not tell it */
    bool replaces; /* what opened the account before opens it no more */
} rows[] = {
    { "onepassword", "completr", "user/*", "", "was recovered", "recovered the account", true,
      true },
    { "vault", "*", "auth/**/users/*/password", "", "was given a new password",
      "set the password of another", true, true },
    /* other mounts have policies there: ldap, okta, radius */
    { "vault", "update", "auth/userpass/users/*", "", "was given a new password",
      "set the password of another", false, true },
    { "vault", "update", "auth/**/users/*", USERPASS, "was given a new password",
      "set the password of another", false, true },
    { "cloudtrail", "CreateLoginProfile", "*", "", "was given a password",
      "made a password for another", false, true },
    { "cloudtrail", "UpdateLoginProfile", "*", "", "was given a new password",
      "set the password of another", true, true },
    { "cloudtrail", "CreateAccessKey", "*", "", "was given a lasting key",
      "made a lasting key for another", false, false },
};

bool kt_recovered_is_sound(const void *state)
{
    const struct kt_recovered *r = state;
    return r->what < KT_ARRAY_LEN(rows) && memchr(r->by, '\0', sizeof r->by) != NULL;
}

/* Whose names: Vault takes them in any case, and IAM has none twice that differ in case alone. */
static struct kt_key key_of(const struct kt_event *ev, struct kt_str name)
{
    char low[256];
    kt_str_copyz(low, sizeof low, name);
    for (char *c = low; *c != '\0'; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + ('a' - 'A')) : *c;
    return (struct kt_key){ kt_hash64(ev->instance, NAME_SEED) | 1,
                            kt_hash64(kt_str_of(low), NAME_SEED) };
}

/* "ana" of "ana@vault-prod". */
static struct kt_str short_name(struct kt_str name)
{
    ptrdiff_t at = kt_str_find_byte(name, '@', 0);
    return kt_str_sub(name, 0, at < 0 ? name.len : (size_t)at);
}

/* What a source may call the actor of the scene. */
#define NAMES 5u
static void names_of(const struct kt_scene *s, struct kt_str ret[NAMES])
{
    ret[0] = s->ev->actor_native;
    ret[1] = s->ev->actor;
    ret[2] = short_name(s->ev->actor);
    ret[3] = s->written;
    ret[4] = short_name(s->written);
}

static bool is_itself(const struct kt_scene *s, struct kt_str name)
{
    struct kt_str own[NAMES];
    names_of(s, own);
    for (unsigned i = 0; i < NAMES; i++) {
        if (kt_str_eq_nocase(own[i], name))
            return true;
    }
    return false;
}

/* The row of the event, or the number of rows. */
static unsigned row_of(const struct kt_event *ev)
{
    for (unsigned i = 0; i < KT_ARRAY_LEN(rows); i++) {
        if (kt_str_is(ev->source, rows[i].source) &&
            kt_str_glob(kt_str_of(rows[i].operation), ev->operation) &&
            kt_str_glob(kt_str_of(rows[i].native), ev->secret_native) &&
            kt_str_has(ev->raw, kt_str_of(rows[i].holds)))
            return i;
    }
    return KT_ARRAY_LEN(rows);
}

/* user/UUID, auth/userpass/users/NAME/password, NAME: the last part that is a name. */
static struct kt_str account_of(const struct kt_event *ev)
{
    struct kt_str rest = ev->secret_native, part = rest, last = KT_STR_NONE;
    while (kt_str_split(&rest, '/', &part)) {
        if (part.len > 0 && !(kt_str_is(part, "password") && rest.len == 0))
            last = part;
    }
    return last;
}

enum { N_DAYS };

static void words_of_giver(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], whom[160];
    unsigned row = row_of(s->ev);
    const char *did = row < KT_ARRAY_LEN(rows) ? rows[row].did : "";
    kt_say_name(s->ev->actor, 80, who);
    kt_say_name(account_of(s->ev), 60, whom);
    KT_SAY(f->title, "%s %s: %s.", who, did, whom);
    KT_SAY(f->normal, "It had not done so in %.0f days. Whoever does it can be that other.",
           f->number[N_DAYS]);
    KT_SAY(f->part, "%s %s", did, whom);
    KT_SAY(f->quiet, "A sign-in of %s from where it works is no evidence.", whom);
}

/* For how many minutes givers are known. A help desk is no news because keytrail did not look at
 * it before. */
static uint32_t known_for(const struct kt_scene *s, uint32_t minute)
{
    bool fresh;
    uint32_t *since = kt_table_put(s->tables[KT_RECOVERED_SINCE], (struct kt_key){ 1, 1 }, &fresh);
    if (fresh || minute < *since)
        *since = minute;
    return minute - *since;
}

void kt_recovered_tick(const struct kt_scene *s)
{
    (void)known_for(s, (uint32_t)(s->t / KT_NS_MIN));
}

static void note(struct kt_scene *s, unsigned row)
{
    struct kt_str name = account_of(s->ev);
    if (name.len == 0 || is_itself(s, name))
        return;
    char by[160];
    struct kt_recovered *r =
        kt_table_put(s->tables[KT_RECOVERED_ACCOUNTS], key_of(s->ev, name), NULL);
    *r = (struct kt_recovered){ .minute = s->minute, .what = row, .giver = s->actor->number };
    KT_SAY(r->by, "%s", kt_say_name(s->ev->actor, 60, by));
    bool fresh;
    uint32_t *last = kt_table_put(s->tables[KT_RECOVERED_GIVERS], s->who, &fresh);
    bool rare = fresh || *last + RARE_MIN <= s->minute;
    *last = s->minute;
    uint32_t known = known_for(s, s->minute);
    struct kt_finding *f = rows[row].rare && rare && !s->shared->learning && known >= LEARN_MIN
                               ? kt_find(s, KT_FAMILY_SEQUENCE, RARE, 0, words_of_giver)
                               : NULL;
    if (f != NULL)
        f->number[N_DAYS] = (known < RARE_MIN ? known : RARE_MIN) / DAY_MIN;
}

/* The newest within a day before the event, or NULL. */
static const struct kt_recovered *recovered(const struct kt_scene *s)
{
    struct kt_str own[NAMES];
    const struct kt_recovered *newest = NULL;
    names_of(s, own);
    for (unsigned i = 0; i < NAMES; i++) {
        const struct kt_recovered *r =
            own[i].len > 0 ? kt_table_peek(s->tables[KT_RECOVERED_ACCOUNTS], key_of(s->ev, own[i]))
                           : NULL;
        bool within = r != NULL && r->minute <= s->minute && s->minute < r->minute + DAY_MIN;
        newest = within && (newest == NULL || r->minute > newest->minute) ? r : newest;
    }
    return newest;
}

/* From where it never was. */
static bool is_strange(const struct kt_scene *s)
{
    return s->taught && s->where.usable && !s->where.inside && !kt_network_expected(s) &&
           s->places->n_place + s->places->inside_seen > 0 && !s->shared->learning &&
           kt_place_of(s->places, s->where.network) == NULL;
}

/* Nobody of the firm works there, but for those who came with the recovery: a thief uses the
 * administrator's session and the account from one line. */
static bool is_nobodys(const struct kt_scene *s, const struct kt_recovered *r)
{
    const struct kt_value *v =
        kt_table_peek(s->shared->values, (struct kt_key){ KT_DIM_NET, s->where.net });
    unsigned came = 0;
    for (unsigned i = 0; v != NULL && i < v->n; i++) {
        uint32_t width = v->user[i].actor == r->giver ? GIVER_MIN : NEW_MIN;
        bool is_new = v->user[i].first_min + width > r->minute;
        came += is_new && !v->user[i].tainted && v->user[i].actor != s->actor->number;
    }
    return kt_value_users(s, KT_DIM_NET, s->where.net, KT_ACTOR_COUNT) <= came;
}

/* Signed in from where it works with what it was given: its owner has it. A sign-in with something
 * else, a token of another mount or a role of the same name, says nothing. */
static bool is_owner(const struct kt_scene *s)
{
    const struct kt_event *ev = s->ev;
    if (ev->action != KT_ACT_LOGIN || !s->taught || !s->where.usable || ev->role.len > 0)
        return false;
    bool userpass = kt_str_glob(KT_STR("auth/userpass/login/*"), ev->secret_native) ||
                    (kt_str_glob(KT_STR("auth/**/login/*"), ev->secret_native) &&
                     kt_str_has(ev->raw, KT_STR(USERPASS)));
    if (kt_str_is(ev->source, "vault") && !userpass)
        return false;
    const struct kt_place *place = kt_place_of(s->places, s->where.network);
    return s->where.inside ? s->places->inside_seen > 0
                           : place != NULL && !kt_place_tainted(place, s->minute);
}

static void forget(const struct kt_scene *s)
{
    struct kt_str own[NAMES];
    names_of(s, own);
    for (unsigned i = 0; i < NAMES; i++) {
        struct kt_key key = key_of(s->ev, own[i]);
        const struct kt_recovered *r =
            own[i].len > 0 ? kt_table_peek(s->tables[KT_RECOVERED_ACCOUNTS], key) : NULL;
        if (r != NULL && r->minute <= s->minute && rows[r->what].replaces)
            kt_table_remove(s->tables[KT_RECOVERED_ACCOUNTS], key);
    }
}

enum { N_MINUTE };

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    const struct kt_recovered *r = recovered(s);
    char who[160], where[120], at[KT_TIME_TEXT_MAX];
    kt_say_name(s->ev->actor, 80, who);
    kt_say_network(&s->where, where, sizeof where);
    kt_time_format((kt_time_ns)f->number[N_MINUTE] * KT_NS_MIN, at);
    const char *what = r != NULL ? rows[r->what].what : "", *by = r != NULL ? r->by : "";
    KT_SAY(f->title, "%s %s by %s, then came from %s.", who, what, by, where);
    KT_SAY(f->normal,
           "That was at %.10s %.5s UTC. The account never worked from this network, and no "
           "colleague did for long.",
           at, at + 11);
    KT_SAY(f->part, "%s by %s, then a new network", what, by);
    KT_SAY(f->quiet, "A first sign-in from where it works, or %s in networks:.", where);
}

void kt_recovered_event(struct kt_scene *s)
{
    unsigned row = s->taught ? row_of(s->ev) : KT_ARRAY_LEN(rows);
    if (row < KT_ARRAY_LEN(rows))
        note(s, row);
    if (is_owner(s))
        forget(s);
    const struct kt_recovered *r = is_strange(s) ? recovered(s) : NULL;
    struct kt_finding *f =
        r != NULL && is_nobodys(s, r) ? kt_find(s, KT_FAMILY_SEQUENCE, TOGETHER, 0, words) : NULL;
    if (f == NULL)
        return;
    f->number[N_MINUTE] = r->minute;
}
