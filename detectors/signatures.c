/*
 * signatures: what is told the first time, whoever does it and whatever was usual: the trail itself
 * is touched, a root credential is used, a canary is read, a door is opened to everybody, a key is
 * to be destroyed, an access for emergencies is used, somebody who left uses a secret, a secret
 * lies in a repository (DETECTION §4.9, docs/decisions/0032, 0128).
 *
 * Owns:  by actor and deed in a place: when it was last told of what is somebody's daily work; by
 *        actor and store: the newest items that it exported.
 * Calls: signature_rows, exported_items, detector.h and core. No clock, no I/O.
 * Holds: nothing else is learned: the first time counts as the hundredth.
 */
#include "detectors/detector.h"

#include <assert.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/event/secret_id.h"
#include "detectors/exported_items.h"
#include "detectors/signature_rows.h"

#define KEY_SEED   UINT64_C(0x6175646974747261)
#define DEED_SEED  UINT64_C(0x6465656473676e73)
#define FORGET_MIN (90u * 1440u)
#define SIGNS      KT_SIGN_COUNT

struct options {
    uint64_t points[SIGNS];
};
struct told {
    uint32_t last_min;
};
enum { T_TOLD, T_EXPORTED };
static const struct kt_table_decl tables[] = {
    [T_TOLD] = { "signatures_told", KT_KEY_PAIR, sizeof(struct told), 3, 4000, KT_EVICT_LRU, NULL },
    [T_EXPORTED] = { "signatures_exported", KT_KEY_PAIR, sizeof(struct kt_exported), 1, 4000,
                     KT_EVICT_LRU, NULL },
};
#define POINTS(sign, name, value, help)                                                            \
    {                                                                                              \
        name, KT_OPT_UINT, value, offsetof(struct options, points) + (sign) * sizeof(uint64_t),    \
            help, .reloadable = true                                                               \
    }
static const struct kt_option options[] = {
    POINTS(KT_SIGN_STOPPED, "stopped", "900",
           "Points (hundredths): a trail is stopped or narrowed."),
    POINTS(KT_SIGN_CLEAR, "clear", "700", "Points: a trail holds tokens and values in the clear."),
    POINTS(KT_SIGN_ROOT, "root", "700", "Points: the root account or a root token is used."),
    POINTS(KT_SIGN_CANARY, "canary", "900",
           "Points: a canary is touched, with success or without."),
    POINTS(KT_SIGN_OPENED, "opened", "700", "Points: a secret or key is opened to everybody."),
    POINTS(KT_SIGN_DESTROY, "destroy", "600", "Points: a key is to be destroyed."),
    POINTS(KT_SIGN_UNSEAL, "unseal", "800", "Points: a new root token of a Vault is generated."),
    POINTS(KT_SIGN_WATCH, "watch", "600", "Points: what watches an account is switched off."),
    POINTS(KT_SIGN_ANONYMOUS, "anonymous", "700", "Points: a caller without a name got a secret."),
    POINTS(KT_SIGN_WHOLE, "whole", "460",
           "Points: a person takes a whole store for the first time in 90 days."),
    POINTS(KT_SIGN_ISSUED, "issued", "460",
           "Points: a lasting key for another account, for the first time in 90 days."),
    POINTS(KT_SIGN_EXPORTED, "exported", "460",
           "Points: three single items of a store are exported within an hour, for the first time "
           "in 90 days."),
    POINTS(KT_SIGN_GONE, "gone", "460",
           "Points: a production secret is destroyed with no way back, for the first time in 90 "
           "days."),
    POINTS(KT_SIGN_NODE, "node", "600",
           "Points: a Kubernetes node asks for secrets with a program other than its kubelet."),
    POINTS(KT_SIGN_EMERGENCY, KT_SIGN_BREAK_GLASS, "600",
           "Points: an access for emergencies is used."),
    POINTS(KT_SIGN_LEFT, "left", "600",
           "Points: somebody uses a secret after the last day that identities say."),
    POINTS(KT_SIGN_EXPOSED, "exposed", "600",
           "Points: a scanner found a secret that works in the open."),
    KT_OPTIONS_END,
};

/* ---- words ---- */
static void names(const struct kt_scene *s, char who[160], char what[160], char where[160])
{
    kt_say_name(s->ev->actor.len > 0 ? s->ev->actor : KT_STR("Somebody without a name"), 80, who);
    kt_say_name(s->ev->secret_native.len > 0 ? s->ev->secret_native : s->ev->secret, 80, what);
    kt_say_name(s->ev->instance, 60, where);
}

enum { N_AGAIN, N_MINUTES }; /* it was done in the 90 days before; how long it took */

/* For how long nothing of the kind is on record: no longer than the actor is. */
static unsigned days_known(const struct kt_scene *s)
{
    uint32_t first = s->actor != NULL ? s->actor->first_min : s->minute;
    uint32_t minutes = s->minute > first ? s->minute - first : 0;
    return (minutes < FORGET_MIN ? minutes : FORGET_MIN) / 1440u;
}

static void words_of_row(const struct kt_scene *s, struct kt_finding *f)
{
    static const char *const normal[SIGNS] = {
        [KT_SIGN_STOPPED] =
            "Auditing is not stopped or narrowed in daily work; what follows may not be seen here.",
        [KT_SIGN_OPENED] =
            "Nobody outside of the company needs a secret: this is a mistake or a back door.",
        [KT_SIGN_DESTROY] = "What a destroyed key has encrypted is lost, its backups with it.",
        [KT_SIGN_UNSEAL] =
            "It takes several holders of a share, and happens in ceremonies that are announced.",
        [KT_SIGN_WATCH] =
            "It is switched on once and stays on; whoever hides something switches it off.",
        [KT_SIGN_WHOLE] = "Programs that watch all secrets are services with a client of their "
                          "own; who types a command needs some.",
        [KT_SIGN_ISSUED] = "A key outlives its maker's account: this is how thieves stay.",
        [KT_SIGN_GONE] = "What is given up is deleted with a time in which it can be had back.",
    };
    static const char *const quiet[SIGNS] = {
        [KT_SIGN_STOPPED] = "A maintenance window of this source while the work is done.",
        [KT_SIGN_OPENED] = "A binding to named accounts.",
        [KT_SIGN_DESTROY] = "Cancelling it, or disabling the key for a while first.",
        [KT_SIGN_UNSEAL] = "A maintenance window of this source for the ceremony.",
        [KT_SIGN_WATCH] = "A maintenance window of this source while the work is done.",
        [KT_SIGN_WHOLE] = "A role for this work that may read named secrets only.",
        [KT_SIGN_ISSUED] = "A role that is assumed instead of a key.",
        [KT_SIGN_GONE] = "Deletion with a time for recovery.",
    };
    const struct kt_sign_row *row = kt_sign_row_of(s->ev);
    assert(normal[row->sign] != NULL && quiet[row->sign] != NULL);
    char who[160], native[160], where[160];
    names(s, who, native, where);
    KT_SAY(f->title, "%s %s: %s%s%s.", who, row->what, where, native[0] != '\0' ? ", " : "",
           native);
    char since[60] = "";
    if (kt_sign_is_daily(row->sign) && f->number[N_AGAIN] == 0 && days_known(s) > 0)
        KT_SAY(since, "It had not done so there in the %u days before. ", days_known(s));
    KT_SAY(f->normal, "%s%s", since, normal[row->sign]);
    KT_SAY(f->part, "%s %s", who, row->what);
    KT_SAY(f->quiet, "%s", quiet[row->sign]);
}

static void words_of_clear(const struct kt_scene *s, struct kt_finding *f)
{
    char where[160];
    kt_say_name(s->ev->instance, 60, where);
    KT_SAY(f->title, "%s writes tokens and secret values in the clear.", where);
    KT_SAY(f->normal,
           "None of them is kept here, but they are in the audit log and its copies: whoever reads "
           "that log has them. Write it without values (Vault: no log_raw; Kubernetes: level "
           "Metadata), "
           "delete the old log, and rotate what was read.");
    KT_SAY(f->part, "%s writes values in the clear", where);
    KT_SAY(f->quiet, "A log without values.");
}

static void words_of_root(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], what[160], where[160];
    names(s, who, what, where);
    bool aws = kt_str_is(s->ev->source, "cloudtrail");
    KT_SAY(f->title, "%s %s was used in %s.", aws ? "The root account" : "A root token", who,
           where);
    KT_SAY(f->normal,
           "It may do everything and belongs to nobody; daily work has accounts of its own.");
    KT_SAY(f->part, "%s in use", aws ? "root account" : "root token");
    KT_SAY(f->quiet, aws ? "An account with a role instead of the root account."
                         : "Revoking the token; a policy that allows what was needed.");
}

static void words_of_canary(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], what[160], where[160];
    names(s, who, what, where);
    KT_SAY(f->title, "%s touched the canary %s (%s).", who, what, kt_outcome_word(s->ev->outcome));
    KT_SAY(f->normal, "Nothing uses this secret: whoever asks for it is searching.");
    KT_SAY(f->part, "canary %s", what);
    KT_SAY(f->quiet, "The actor in the canary's allow list (canaries: in keytrail.yaml).");
}

static void words_of_anonymous(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], what[160], where[160];
    names(s, who, what, where);
    KT_SAY(f->title, "A caller without a name read %s in %s.",
           s->ev->secret.len > 0 ? kt_say_name(s->ev->secret, 90, what) : "a secret", where);
    KT_SAY(f->normal, "Some role is bound to everybody: whoever reaches this server can do it.");
    KT_SAY(f->part, "secrets without a name in %s", where);
    KT_SAY(f->quiet, "No role for callers without a name, and none let in "
                     "(Kubernetes: --anonymous-auth=false).");
}

static void words_of_node(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], what[160], where[160], program[160];
    names(s, who, what, where);
    kt_say_name(s->ev->user_agent, 40, program);
    KT_SAY(f->title, "%s asked for secrets with %s: %s (%s).", who, program,
           kt_say_name(s->ev->secret, 90, what), kt_outcome_word(s->ev->outcome));
    KT_SAY(f->normal,
           "A node's identity belongs to its kubelet alone: whoever uses it otherwise is "
           "on the node, or has its credentials.");
    KT_SAY(f->part, "node identity used with %s", program);
    KT_SAY(f->quiet, "An identity of one's own for work on nodes.");
}

static void words_of_break_glass(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], what[160], where[160], ticket[160], told[160];
    names(s, who, what, where);
    kt_say_name(s->ticket, 60, ticket);
    kt_say_name(s->ev->ticket, 60, told);
    KT_SAY(f->title, "%s used an access for emergencies: %s%s%s (%s).", who,
           what[0] != '\0' ? what : where, s->ev->role.len > 0 ? " as " : "",
           s->ev->role.len > 0 ? kt_say_name(s->ev->role, 60, where) : "",
           s->ticket.len > 0       ? ticket
           : s->ev->ticket.len > 0 ? told
                                   : "no ticket");
    if (s->ticket.len > 0)
        KT_SAY(f->normal, "Break-glass %s is open for this actor.", ticket);
    else
        KT_SAY(f->normal,
               "It is for emergencies, and no break-glass record is open for this actor%s%s.",
               s->ev->ticket.len > 0 ? "; the source names " : "",
               s->ev->ticket.len > 0 ? told : "");
    KT_SAY(f->part, "break-glass, %s", s->ticket.len > 0 ? ticket : "without a record");
    KT_SAY(f->quiet, "`keytrail expect break-glass --actor … --ticket …` before the work.");
}

static void words_of_exposure(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], what[160], where[160], rule[160], key[160];
    names(s, who, what, where);
    kt_say_name(s->ev->operation, 60, rule);
    kt_say_name(s->ev->credential, 40, key);
    bool works = kt_str_is(s->ev->code, "verified");
    KT_SAY(f->title, "A %ssecret lies open: %s in %s (%s)%s%s.", works ? "working " : "", rule,
           what, s->ev->secret.len > 0 ? kt_say_name(s->ev->secret, 90, where) : where,
           key[0] != '\0' ? ", key " : "", key);
    KT_SAY(f->normal, "Written by %s. %s", who,
           works ? "A scanner asked the service, and the value works."
                 : "A person confirmed it; whether it works was not asked.");
    KT_SAY(f->part, "%s in the open", rule);
    KT_SAY(f->quiet, "Revoking it: removing the line is not enough, history keeps it.");
}

static void words_of_left(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], what[160], where[160], after[KT_TIME_TEXT_MAX];
    names(s, who, what, where);
    KT_SAY(f->title, "%s used %s %s after the last day, %s.", who,
           kt_say_name(s->ev->secret, 90, what),
           kt_duration_format(s->t - s->identity->left, after), s->identity->left_day);
    KT_SAY(f->normal,
           "Identities say that it was the last day. The account or a key of it was not closed, a "
           "job runs under this name, or the date is wrong.");
    KT_SAY(f->part, "used after the last day, %s", s->identity->left_day);
    KT_SAY(f->quiet, "The right `left`, or none, in the file of identities.");
}

static void words_of_exported(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], what[160], where[160], since[80] = "";
    names(s, who, what, where);
    kt_say_name(kt_secret_store(s->ev->secret), 80, where);
    KT_SAY(f->title, "%s exported %u items of %s within %.0f minute%s, last %s.", who,
           KT_EXPORTED_LEAST, where, f->number[N_MINUTES], f->number[N_MINUTES] > 1 ? "s" : "",
           what);
    if (f->number[N_AGAIN] == 0 && days_known(s) > 0)
        KT_SAY(since, "It had not exported that many there in the %u days before. ", days_known(s));
    KT_SAY(f->normal,
           "%sWho needs a secret reads it; an export or a backup is a copy that another store can "
           "open.",
           since);
    KT_SAY(f->part, "%u items of %s exported", KT_EXPORTED_LEAST, where);
    KT_SAY(f->quiet, "A job for backups: its second run is habit.");
}

/* ---- the event ---- */
static void key_by_instance(const struct kt_scene *s, struct kt_finding *f)
{
    f->key_kind = KT_KEY_INSTANCE;
    f->key = (struct kt_key){ kt_hash64(s->ev->instance, KEY_SEED) | 1,
                              kt_hash64(s->ev->source, KEY_SEED) };
}

/* What `expect --signature` calls it: as its option. */
static const char *sign_word(enum kt_sign sign)
{
    const struct kt_option *o = options;
    while (o->offset != offsetof(struct options, points) + sign * sizeof(uint64_t))
        o++;
    return o->name;
}

static struct kt_finding *tell(struct kt_scene *s, const struct options *o, enum kt_sign sign,
                               void (*words)(const struct kt_scene *s, struct kt_finding *f))
{
    uint64_t points = o->points[sign] < 1000 ? o->points[sign] : 1000;
    struct kt_finding *f = kt_find(s, KT_FAMILY_SIGNATURE, (int)points, KT_FIND_LEARNING, words);
    if (f == NULL)
        return NULL;
    f->sign = sign_word(sign);
    if (s->who.a == 0)
        key_by_instance(s, f);
    return f;
}

static bool touches_canary(const struct kt_scene *s)
{
    const struct kt_conf *conf = s->shared->conf;
    for (unsigned i = 0; i < conf->n_canaries; i++) {
        const struct kt_conf_canary *c = &conf->canaries[i];
        bool allowed = false;
        for (unsigned k = 0; k < c->allow.n; k++)
            allowed = allowed || kt_actor_fits(s, kt_str_of(c->allow.at[k]));
        if (!allowed && kt_secret_fits(kt_str_of(c->secret), s->ev->secret))
            return true;
    }
    return false;
}

/* The account, cluster or Vault: of what has no secret, as a key that is issued, the record's own.
 */
static struct kt_str place_of(const struct kt_event *ev)
{
    struct kt_str store = kt_secret_store(ev->secret);
    return store.len > 0 ? store : ev->scope;
}

/* What is daily work: what was done, where, and of a whole what it is the whole of. Who takes /prod
 * every day has not taken the account, nor another one's /prod. */
static uint64_t deed_of(const struct kt_scene *s, const struct kt_sign_row *row)
{
    uint64_t deed = kt_hash64(place_of(s->ev), kt_hash64(kt_str_of(row->what), DEED_SEED));
    if (row->sign != KT_SIGN_WHOLE)
        return deed;
    struct kt_str whole = s->ev->secret_native;
    while (kt_str_ends(whole, KT_STR("/"))) /* /prod/ is /prod */
        whole = kt_str_sub(whole, 0, whole.len - 1);
    return kt_hash64(whole, deed);
}

/* Programs that watch all secrets of a cluster of Kubernetes have a client of their own, and helm
 * keeps its releases in secrets. What people type, with the account of a workload, is somebody in
 * its pod or with its token (docs/decisions/0132). A job that saves them all is older than the log.
 */
static bool takes_by_hand(const struct kt_scene *s)
{
    static const char *const typed[] = { "kubectl/", "curl/",   "Wget/", "python-requests/",
                                         "k9s/",     "HTTPie/", "xh/" };
    bool cluster = kt_str_starts(s->ev->secret, KT_STR("k8s://"));
    for (size_t i = 0; cluster && i < KT_ARRAY_LEN(typed); i++) {
        if (kt_str_starts(s->ev->user_agent, kt_str_of(typed[i])))
            return true;
    }
    return false;
}

/* What is daily work for some: told once, and then only beside other evidence until it was not
 * done for 90 days. */
static void tell_once(struct kt_scene *s, const struct options *o, const struct kt_sign_row *row)
{
    bool machine =
        s->actor != NULL && row->sign == KT_SIGN_WHOLE && !kt_kind_is_person(s->actor->kind);
    if (s->actor == NULL || (machine && !takes_by_hand(s)) ||
        (kt_sign_of_production(row) && kt_production(s->shared->conf, s->ev->secret) != 1))
        return;
    bool fresh;
    struct kt_key key = { s->actor->number, deed_of(s, row) };
    struct told *t = kt_table_put(s->tables[T_TOLD], key, &fresh);
    bool known = !fresh && s->minute < t->last_min + FORGET_MIN;
    t->last_min = s->minute > t->last_min ? s->minute : t->last_min;
    if (machine && s->shared->learning)
        return;
    struct kt_finding *f = tell(s, o, row->sign, words_of_row);
    if (f != NULL && known) {
        f->flags |= KT_FIND_BESIDE;
        f->number[N_AGAIN] = 1;
    }
}

/* Several items of one store taken out one by one: told once, then only beside other evidence until
 * it was not done for 90 days. */
static void tell_exported(struct kt_scene *s, const struct options *o)
{
    struct kt_export_run run;
    struct kt_key key = { s->actor->number, kt_hash64(place_of(s->ev), DEED_SEED) };
    struct kt_exported *e = kt_table_put(s->tables[T_EXPORTED], key, NULL);
    if (!kt_exported_note(s, e, &run))
        return;
    struct kt_finding *f = tell(s, o, KT_SIGN_EXPORTED, words_of_exported);
    if (f == NULL)
        return;
    f->since_min = run.since_min;
    f->number[N_MINUTES] = run.minutes;
    if (!kt_kind_is_person(s->actor->kind)) /* the job is no younger than the log */
        f->flags &= ~KT_FIND_LEARNING;
    if (run.last_min != 0 && s->minute < run.last_min + FORGET_MIN) {
        f->flags |= KT_FIND_BESIDE;
        f->number[N_AGAIN] = 1;
    }
}

/* A secret or a role that is kept for emergencies; and, with a ticket open, whatever of production
 * it is opened for. */
static bool breaks_glass(const struct kt_scene *s)
{
    const struct kt_conf *conf = s->shared->conf;
    const struct kt_event *ev = s->ev;
    if (ev->action == KT_ACT_LOGIN && !s->taught)
        return false; /* a name that somebody typed */
    for (unsigned i = 0; i < conf->break_glass.n; i++) {
        struct kt_str glob = kt_str_of(conf->break_glass.at[i]);
        if (kt_secret_fits(glob, ev->secret) || kt_secret_fits(glob, ev->role) ||
            kt_secret_fits(glob, ev->actor) || kt_secret_fits(glob, s->written) ||
            kt_actor_fits(s, glob))
            return true;
    }
    return s->ticket.len > 0 && s->read && kt_production(conf, ev->secret) != 0;
}

/* With a tool of people. Distributions have kubelets of many names, so not: with any other. */
static bool uses_node(const struct kt_event *ev)
{
    static const char *const tools[] = { "kubectl/", "curl/",           "Wget/",
                                         "python",   "Go-http-client/", "OpenAPI-Generator/",
                                         "helm/",    "Helm/",           "k9s/" };
    static const bool actions[KT_ACT_COUNT] = { [KT_ACT_READ] = true, [KT_ACT_EXPORT] = true };
    if (!kt_str_is(ev->source, "kubernetes") || !actions[ev->action] ||
        !kt_str_starts(ev->actor, KT_STR("system:node:")))
        return false;
    for (size_t i = 0; i < KT_ARRAY_LEN(tools); i++) {
        if (kt_str_starts(ev->user_agent, kt_str_of(tools[i])))
            return true;
    }
    return false;
}

/* What is refused did not get in; `keytrail leaver` has it. */
static bool uses_after_leaving(const struct kt_scene *s)
{
    bool may = s->ev->outcome == KT_OUT_SUCCESS || s->ev->outcome == KT_OUT_UNKNOWN;
    return may && s->identity != NULL && s->identity->left != 0 && s->t >= s->identity->left &&
           s->ev->secret.len > 0;
}

static bool uses_root(const struct kt_event *ev)
{
    static const bool outcomes[KT_OUT_COUNT] = {
        [KT_OUT_SUCCESS] = true, [KT_OUT_UNKNOWN] = true, [KT_OUT_DENIED] = true
    };
    bool may = kt_str_is(ev->source, "cloudtrail") || kt_str_is(ev->source, "vault");
    return may && ev->actor_kind == KT_ACTOR_ROOT && outcomes[ev->outcome];
}

static void on_exposure(struct kt_scene *s, const struct options *o)
{
    if (!kt_str_is(s->ev->code, "verified") && !kt_str_is(s->ev->code, "confirmed"))
        return;
    struct kt_finding *f = tell(s, o, KT_SIGN_EXPOSED, words_of_exposure);
    if (f == NULL)
        return;
    f->key_kind = KT_KEY_SECRET;
    f->key = s->secret;
}

static void on_event(struct kt_scene *s, const void *opt)
{
    const struct options *o = opt;
    if (s->ev->kind == KT_KIND_EXPOSURE) {
        on_exposure(s, o);
        return;
    }
    if ((s->ev->flags & KT_FLAG(RAW_DEVICE)) != 0) {
        struct kt_finding *f = tell(s, o, KT_SIGN_CLEAR, words_of_clear);
        if (f != NULL) /* not an actor's: one for each of them would say the same */
            key_by_instance(s, f);
    }
    if (touches_canary(s))
        (void)tell(s, o, KT_SIGN_CANARY, words_of_canary);
    const struct kt_sign_row *row = kt_sign_row_of(s->ev);
    if (row != NULL && kt_sign_is_daily(row->sign))
        tell_once(s, o, row);
    else if (row != NULL)
        (void)tell(s, o, row->sign, words_of_row);
    if (kt_is_item_export(s))
        tell_exported(s, o);
    if (s->read && s->ev->actor_kind == KT_ACTOR_ANONYMOUS)
        (void)tell(s, o, KT_SIGN_ANONYMOUS, words_of_anonymous);
    if (uses_node(s->ev))
        (void)tell(s, o, KT_SIGN_NODE, words_of_node);
    if (uses_after_leaving(s))
        (void)tell(s, o, KT_SIGN_LEFT, words_of_left);
    if (uses_root(s->ev))
        (void)tell(s, o, KT_SIGN_ROOT, words_of_root);
    if (breaks_glass(s))
        (void)tell(s, o, KT_SIGN_EMERGENCY, words_of_break_glass);
}

static void considered(const struct kt_scene *s, const void *opt, struct kt_buf *out)
{
    (void)opt;
    (void)s;
    kt_buf_addz(out, "signatures (the audit trail, root, canaries: none)");
}

static const struct kt_part_needs needs[] = {
    { "canary", KT_NEED(CANARY) },
    { "exposed", KT_NEED(LEAKS) },
    { NULL, 0 },
};
bool kt_sign_known(struct kt_str word)
{
    for (unsigned i = 0; i < SIGNS; i++) {
        if (kt_str_is(word, sign_word((enum kt_sign)i)))
            return true;
    }
    return kt_str_is(word, "unexpected_ip") || kt_str_is(word, "ai_agent") ||
           kt_str_is(word, "salt_change");
}

const struct kt_detector kt_detector_signatures = {
    .name = "signatures",
    .summary =
        "What is told the first time: the trail is stopped, root is used, a canary is touched",
    .options = options,
    .options_size = sizeof(struct options),
    .tables = tables,
    .n_tables = KT_ARRAY_LEN(tables),
    .needs = needs,
    .exposures = true,
    .on_event = on_event,
    .considered = considered,
};
