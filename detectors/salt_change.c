/*
 * salt_change: an audit device of a Vault hashes with another salt than before: from one moment on
 * no token in use has the hash that it had (docs/decisions/0054-incidents-and-hashes.md).
 *
 * Owns:  by instance and hash: since when it is used; by actor and instance: when it last used a
 *        long-lived one; by instance: the moment that may be a change, and who speaks for it.
 * Calls: detector.h and core only. No clock, no I/O.
 * Holds: one hash of before that comes again refutes the change.
 */
#include "detectors/detector.h"

#define HASHED      "hmac-sha256:"
#define TOKEN_SEED  UINT64_C(0x73616c74746f6b65)
#define PLACE_SEED  UINT64_C(0x73616c74706c6163)
#define DAY_MIN     1440u
#define WITNESSES   8u   /* actors that are counted */
#define SETTLED_MIN 10u  /* in which a hash of before would have come again */
#define BEFORE_MIN  360u /* older ones are of before: a login may precede the first stranger */

enum { T_TOKEN, T_HOLDER, T_INSTANCE };

struct options {
    uint64_t actors;
    kt_time_ns lasted;
    double points;
};
struct token { /* one hash at one instance */
    uint32_t first_min, newest_min;
};
struct holder {                    /* one actor at one instance */
    uint32_t lasting_min, lasting; /* newest use of a hash that had lasted; minutes it had */
};
struct instance {
    uint32_t since_min; /* first hash without a login since one of before was seen; 0 = none */
    uint32_t enabled_min, witnesses, pad;
    uint32_t actor[WITNESSES];
};

static bool is_instance(const void *state)
{
    return ((const struct instance *)state)->witnesses <= WITNESSES;
}

static const struct kt_table_decl tables[] = {
    [T_TOKEN] = { "salt_token", KT_KEY_CREDENTIAL, sizeof(struct token), 1, 10000, KT_EVICT_LRU,
                  NULL },
    [T_HOLDER] = { "salt_holder", KT_KEY_PAIR, sizeof(struct holder), 1, 4000, KT_EVICT_LRU, NULL },
    [T_INSTANCE] = { "salt_instance", KT_KEY_INSTANCE, sizeof(struct instance), 1, 500,
                     KT_EVICT_LRU, is_instance },
};

static const struct kt_option options[] = {
    { "actors", KT_OPT_UINT, "3", offsetof(struct options, actors),
      "Actors whose long-lived tokens must have got another hash, at most 8; one is enough within "
      "a day of an audit device being enabled.",
      .reloadable = true },
    { "lasted", KT_OPT_DURATION, "24h", offsetof(struct options, lasted),
      "How long a token must have been in use under one hash to be a long-lived one.",
      .reloadable = true },
    { "points", KT_OPT_DOUBLE, "4.6", offsetof(struct options, points), "Points of the evidence.",
      .reloadable = true },
    KT_OPTIONS_END,
};

/* ---- words ---- */
enum { N_SINCE, N_ACTORS, N_ENABLED };

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    char where[160], since[KT_TIME_TEXT_MAX], actors[32];
    kt_say_name(s->ev->instance, 60, where);
    kt_time_format((kt_time_ns)f->number[N_SINCE] * KT_NS_MIN, since);
    KT_SAY(f->title, "%s hashes tokens with another salt since %.16sZ.", where, since);
    KT_SAY(f->normal,
           "No long-lived token has the hash it had: %s of their holders came back under another "
           "without a login%s. Look-ups of what came before this moment need the old salt; the "
           "same token counts as two.",
           kt_say_count(f->number[N_ACTORS], actors),
           f->number[N_ENABLED] > 0 ? ", after an audit device was enabled" : "");
    KT_SAY(f->part, "another salt in %s", where);
    KT_SAY(f->quiet,
           "A token that is still seen under its old hash, or logins before the new ones. "
           "Disabling and enabling a device makes a new salt.");
}

static void tell(struct kt_scene *s, const struct options *o, const struct instance *in,
                 bool enabled)
{
    struct kt_finding *f =
        kt_find(s, KT_FAMILY_SIGNATURE, kt_points(o->points), KT_FIND_LEARNING, words);
    if (f == NULL)
        return;
    f->number[N_SINCE] = in->since_min;
    f->number[N_ACTORS] = in->witnesses;
    f->number[N_ENABLED] = enabled;
    f->since_min = in->since_min;
    f->key_kind = KT_KEY_INSTANCE; /* it is the device's, whoever spoke first */
    f->key = (struct kt_key){ kt_recall_hash(s->recall, s->ev->instance, PLACE_SEED) | 1,
                              in->since_min };
}

/* ---- what is seen ---- */
static void forget(struct instance *in)
{
    in->since_min = in->witnesses = 0;
}

/* A token of long before the change, seen as it was: there was none. */
static void known(struct kt_scene *s, const struct options *o, struct instance *in, struct token *t,
                  struct holder *h)
{
    if (in->since_min != 0 && t->first_min + BEFORE_MIN < in->since_min)
        forget(in);
    t->newest_min = s->minute > t->newest_min ? s->minute : t->newest_min;
    uint32_t lasted = t->newest_min - t->first_min;
    if ((kt_time_ns)lasted * KT_NS_MIN >= o->lasted) {
        h->lasting_min = t->newest_min;
        h->lasting = lasted;
    }
}

/* A hash that no login introduced, of somebody who lately used another for long. */
static void stranger(struct kt_scene *s, struct instance *in, const struct holder *h)
{
    /* A token that rests at night is missed no sooner than after the night. */
    if (h->lasting_min == 0 || s->minute > h->lasting_min + DAY_MIN)
        return;
    if (in->since_min == 0)
        in->since_min = s->minute;
    for (unsigned i = 0; i < in->witnesses; i++)
        if (in->actor[i] == s->actor->number)
            return;
    if (in->witnesses < WITNESSES)
        in->actor[in->witnesses++] = s->actor->number;
}

static void judge(struct kt_scene *s, const struct options *o, struct instance *in)
{
    bool enabled = in->enabled_min != 0 && in->since_min + DAY_MIN >= in->enabled_min &&
                   in->since_min <= in->enabled_min + DAY_MIN;
    uint64_t want = enabled ? 1 : o->actors < WITNESSES ? o->actors : WITNESSES;
    if (in->since_min == 0 || in->witnesses == 0 || in->witnesses < want ||
        s->minute < in->since_min + SETTLED_MIN)
        return;
    tell(s, o, in, enabled);
    forget(in);
    in->enabled_min = 0;
}

static bool enables_device(const struct kt_event *ev)
{
    return ev->action == KT_ACT_CONFIG && ev->outcome == KT_OUT_SUCCESS &&
           !kt_str_is(ev->operation, "delete") &&
           kt_str_starts(ev->secret_native, KT_STR("sys/audit/"));
}

static void on_event(struct kt_scene *s, const void *opt)
{
    const struct options *o = opt;
    bool login = s->ev->action == KT_ACT_LOGIN;
    if (!kt_str_is(s->ev->source, "vault") || s->late || s->actor == NULL || (login && !s->taught))
        return;
    uint64_t place = kt_recall_hash(s->recall, s->ev->instance, PLACE_SEED);
    struct instance *in =
        kt_table_put(s->tables[T_INSTANCE], (struct kt_key){ place | 1, 0 }, NULL);
    if (enables_device(s->ev))
        in->enabled_min = s->minute;
    if (!kt_str_starts(s->ev->credential, KT_STR(HASHED)))
        return;
    bool fresh;
    struct kt_key key = { kt_recall_hash(s->recall, s->ev->credential, TOKEN_SEED) | 1, place };
    struct token *t = kt_table_put(s->tables[T_TOKEN], key, &fresh);
    struct holder *h =
        kt_table_put(s->tables[T_HOLDER], (struct kt_key){ s->actor->number, place }, NULL);
    if (!fresh) {
        known(s, o, in, t, h);
    } else {
        t->first_min = t->newest_min = s->minute;
        if (!login)
            stranger(s, in, h);
    }
    judge(s, o, in);
}

static const struct kt_part_needs needs[] = {
    { NULL, KT_NEED(ACTOR) },
    { NULL, 0 },
};

const struct kt_detector kt_detector_salt_change = {
    .name = "salt_change",
    .summary = "A Vault's audit device hashes with another salt: old look-ups need the old one",
    .options = options,
    .options_size = sizeof(struct options),
    .needs = needs,
    .tables = tables,
    .n_tables = KT_ARRAY_LEN(tables),
    .on_event = on_event,
};
