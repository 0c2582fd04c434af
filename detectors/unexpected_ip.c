/*
 * unexpected_ip: an actor at work from a network it never used (DETECTION §4.1).
 *
 * Owns:  what each credential of an actor has used (moved_key); what actors have used (kt_places)
 * and who else used it (kt_value) are shared. Calls: moved_key, hosting_asns, detector.h and core
 * only. No clock, no I/O.
 */
#include "detectors/detector.h"
#include "detectors/hosting_asns.h"
#include "detectors/moved_key.h"

#include <math.h>
#include <string.h>

#define LISTS_MAX 64

struct options {
    double hosting, rented, country, country_shared, client, cap, same_operator, in_turn;
    uint64_t cold_days, cold_active, old_days, key_days, settled_days;
    kt_time_ns forget;
    struct kt_strings deny, only_from;
    struct kt_cidr denied[LISTS_MAX]; /* compiled by check() */
    struct {
        struct kt_str actors; /* glob */
        struct kt_cidr net;
    } only[LISTS_MAX];
    unsigned n_denied, n_only;
};

static const struct kt_table_decl tables[] = {
    [KT_MOVED_KEY] = { "credentials", KT_KEY_CREDENTIAL, sizeof(struct kt_moved_key), 2, 20000,
                       KT_EVICT_LRU, kt_moved_key_is_sound },
    [KT_MOVED_HABIT] = { "credential_habits", KT_KEY_ACTOR, sizeof(struct kt_decay), 1, 20000,
                         KT_EVICT_LRU, NULL },
};

static const struct kt_option options[] = {
    { "hosting", KT_OPT_DOUBLE, "0.7", offsetof(struct options, hosting),
      "Added for a person on a hosting or VPN network that fewer than 3 colleagues use.",
      .reloadable = true },
    { "rented", KT_OPT_DOUBLE, "1", offsetof(struct options, rented),
      "Added for a service or agent on a hosting network that no machine uses: a firm rents from "
      "few. "
      "It or the country, whichever is more.",
      .reloadable = true },
    { "same_operator", KT_OPT_DOUBLE, "0.3", offsetof(struct options, same_operator),
      "A new network of an operator that the actor knows from another one: a cloud announces its "
      "regions from several ASNs.",
      .reloadable = true },
    { "country", KT_OPT_DOUBLE, "1.6", offsetof(struct options, country),
      "Added for a country that is new for the actor and that at most 2 colleagues used in 90 "
      "days.",
      .reloadable = true },
    { "country_shared", KT_OPT_DOUBLE, "0.8", offsetof(struct options, country_shared),
      "Added instead when more than 2 colleagues used the country.", .reloadable = true },
    { "client", KT_OPT_DOUBLE, "0.7", offsetof(struct options, client),
      "Added when a client family that is new for the actor comes with the new network.",
      .reloadable = true },
    { "cap", KT_OPT_DOUBLE, "4.2", offsetof(struct options, cap),
      "Most that a person with a known client on a non-hosting network can reach: travel never "
      "pages alone.",
      .reloadable = true },
    { "cold_days", KT_OPT_UINT, "7", offsetof(struct options, cold_days),
      "Actors younger than this many days are judged by new countries of the organisation only.",
      .reloadable = true },
    { "cold_active", KT_OPT_UINT, "3", offsetof(struct options, cold_active),
      "The same for actors with fewer active days than this.", .reloadable = true },
    { "old_days", KT_OPT_UINT, "21", offsetof(struct options, old_days),
      "… until so many days after their first event: few active days in weeks are a history too.",
      .reloadable = true },
    { "key_days", KT_OPT_UINT, "10", offsetof(struct options, key_days),
      "Days of credentials of an actor, each counted by itself, before which none of them is "
      "judged "
      "alone.",
      .reloadable = true },
    { "settled_days", KT_OPT_UINT, "28", offsetof(struct options, settled_days),
      "A pipeline with at least so many active days, all of them in networks of one operator, is "
      "judged like a service where another comes up.",
      .reloadable = true },
    { "in_turn", KT_OPT_DOUBLE, "1.5", offsetof(struct options, in_turn),
      "Added when a credential that took up another network is still used from the one before, or "
      "was within the hour.",
      .reloadable = true },
    { "forget", KT_OPT_DURATION, "180d", offsetof(struct options, forget),
      "A network that was not used for so long is new again.", .reloadable = true },
    { "deny", KT_OPT_LIST, "", offsetof(struct options, deny),
      "Networks (CIDR) from which nobody may work: always evidence of 6.", .reloadable = true },
    { "only_from", KT_OPT_LIST, "", offsetof(struct options, only_from),
      "\"ACTORS CIDR\": actors (glob) who may work from that network only: evidence of 7 "
      "elsewhere.",
      .reloadable = true },
    KT_OPTIONS_END,
};

static enum kt_status check(void *opt, struct kt_error *err)
{
    struct options *o = opt;
    o->n_denied = o->n_only = 0;
    if (o->deny.n > LISTS_MAX || o->only_from.n > LISTS_MAX)
        return kt_fail(err, KT_E_CONFIG, "deny and only_from take at most %d entries", LISTS_MAX);
    for (unsigned i = 0; i < o->deny.n; i++) {
        if (kt_cidr_parse(kt_str_of(o->deny.at[i]), &o->denied[o->n_denied++], err) != KT_OK)
            return kt_wrap(err, "deny");
    }
    for (unsigned i = 0; i < o->only_from.n; i++) {
        struct kt_str rest = kt_str_trim(kt_str_of(o->only_from.at[i])), actors;
        (void)kt_str_split(&rest, ' ', &actors);
        if (rest.len == 0)
            return kt_fail(err, KT_E_CONFIG, "only_from '%s': write 'ACTORS CIDR'",
                           o->only_from.at[i]);
        if (kt_cidr_parse(kt_str_trim(rest), &o->only[i].net, err) != KT_OK)
            return kt_wrap(err, "only_from");
        o->only[i].actors = actors;
        o->n_only++;
    }
    return KT_OK;
}

static bool denied_place(const struct kt_scene *s, const struct options *o)
{
    for (unsigned i = 0; i < o->n_denied; i++) {
        if (kt_cidr_has(o->denied[i], s->ev->ip))
            return true;
    }
    return false;
}

/* Is the actor named in only_from, and by no entry that holds the address? */
static bool outside_cage(const struct kt_scene *s, const struct options *o)
{
    bool named = false;
    for (unsigned i = 0; i < o->n_only; i++) {
        if (!kt_actor_fits(s, o->only[i].actors))
            continue;
        if (kt_cidr_has(o->only[i].net, s->ev->ip))
            return false;
        named = true;
    }
    return named;
}

static void words_of_ban(const struct kt_scene *s, struct kt_finding *f)
{
    bool cage = f->number[0] > 0;
    char ip[KT_IP_TEXT_MAX], who[160];
    kt_say_name(s->ev->actor, 80, who);
    kt_ip_format(s->ev->ip, ip);
    KT_SAY(f->title,
           cage ? "%s worked from %s, outside the networks it is bound to."
                : "%s worked from %s, an address on the deny list.",
           who, ip);
    KT_SAY(f->normal, "The configuration (unexpected_ip.%s) forbids it.",
           cage ? "only_from" : "deny");
    KT_SAY(f->quiet, "An entry for %s in unexpected_ip.%s, if this is meant.", ip,
           cage ? "only_from" : "deny");
    KT_SAY(f->part, "%s from %s is forbidden", who, ip);
}

static void forbidden(struct kt_scene *s, bool cage)
{
    struct kt_finding *f =
        kt_find(s, KT_FAMILY_SIGNATURE, cage ? 700 : 600, KT_FIND_LEARNING, words_of_ban);
    if (f != NULL)
        f->number[0] = cage;
}

static const struct {
    double alpha, beta;
} priors[KT_ACTOR_COUNT] = {
    [KT_ACTOR_UNKNOWN] = { 1, 25 },   [KT_ACTOR_HUMAN] = { 1, 25 },
    [KT_ACTOR_SERVICE] = { 0.1, 60 }, [KT_ACTOR_CI] = { 1, 30 },
    [KT_ACTOR_AI_AGENT] = { 1, 20 },  [KT_ACTOR_ROOT] = { 1, 25 },
    [KT_ACTOR_ANONYMOUS] = { 1, 25 },
};

struct verdict {
    double lam, s;
    unsigned users; /* others of the kind on this network */
    bool new_country, hosting, new_client, capped, same_operator;
    bool settled;  /* a pipeline whose operator never changed */
    bool services; /* users are machines of every kind */
    bool turn;     /* the credential is at work elsewhere */
};

static double country_weight(const struct kt_scene *s, const struct options *o)
{
    if (s->where.country == 0 || kt_country_known(s->places, s->where.country))
        return 0;
    unsigned n = kt_value_users(s, KT_DIM_COUNTRY, s->where.country, s->actor->kind);
    return n > 2 ? o->country_shared : o->country;
}

static uint32_t forgotten_before(const struct kt_scene *s, const struct options *o)
{
    uint64_t lasts = (uint64_t)(o->forget / KT_NS_MIN);
    return s->minute > lasts ? (uint32_t)(s->minute - lasts) : 0;
}

/* Were the runners of this pipeline one operator's on all its days? What it holds is used nowhere
 * else then. Runners that are hired here and there have no such place. Where it came up in an
 * incident is nobody's runner, or the first theft would excuse the next. */
static bool is_settled(const struct kt_scene *s, const struct options *o)
{
    const struct kt_places *p = s->places;
    uint32_t first = 0;
    bool one = !p->inside_seen && s->where.asn != 0;
    for (unsigned i = 0; one && i < p->n_place; i++) {
        uint64_t network = p->place[i].network;
        if (kt_place_tainted(&p->place[i], s->minute))
            continue;
        first = first == 0 ? (uint32_t)network : first;
        bool named = network >> 60 == KT_NETWORK_ASN >> 60;
        if (network != s->where.network)
            one =
                named && ((uint32_t)network == first || kt_same_operator((uint32_t)network, first));
    }
    return one && first != 0 && s->actor->kind == KT_ACTOR_CI &&
           s->actor->active_days >= o->settled_days;
}

/* Runners change from run to run; what one run holds does not, whoever hires them: it is judged
 * like a service's, by what the actor's credentials do. */
static bool is_in_turn(const struct kt_scene *s, const struct options *o, double *ret_lam)
{
    const struct kt_moved_options run = { .run_alpha = priors[KT_ACTOR_SERVICE].alpha,
                                          .run_beta = priors[KT_ACTOR_SERVICE].beta,
                                          .least_days = o->key_days };
    return !kt_kind_is_person(s->actor->kind) && kt_moved_key_elsewhere(s, &run, ret_lam);
}

/* How many other machines of the firm work there? People at a hoster came through a VPN: the firm
 * rents nothing there for that. */
static unsigned machines_there(const struct kt_scene *s)
{
    unsigned n = 0;
    for (unsigned kind = 0; kind < KT_ACTOR_COUNT; kind++) {
        if (!kt_kind_is_person((uint8_t)kind))
            n += kt_value_users(s, KT_DIM_NETWORK, s->where.network, kind);
    }
    return n;
}

/* Who else is where. A pipeline that is judged like a service has the services as peers where there
 * are fewer than three: that none of two is there says little, and there is no third that would
 * show that all of them move. */
static double peers(const struct kt_scene *s, bool settled, unsigned *ret_users, bool *ret_services)
{
    const uint32_t *others = s->shared->others;
    unsigned kind = s->actor->kind;
    *ret_services = settled && others[kind] < 2;
    *ret_users = *ret_services ? machines_there(s)
                               : kt_value_users(s, KT_DIM_NETWORK, s->where.network, kind);
    unsigned services = others[KT_ACTOR_SERVICE]; /* one less than there are, if there are any */
    return kt_novelty_peer(*ret_users,
                           others[kind] + (*ret_services && services > 0 ? services + 1 : 0));
}

static struct verdict judge(const struct kt_scene *s, const struct options *o)
{
    const struct kt_actor *a = s->actor;
    struct verdict v = { 0 };
    v.settled = is_settled(s, o);
    unsigned like = v.settled ? KT_ACTOR_SERVICE : a->kind;
    v.lam = kt_novelty_rate(priors[like].alpha, priors[like].beta,
                            (double)a->novel[KT_NOVEL_NETWORK], (double)a->days);
    double s_peer = peers(s, v.settled, &v.users, &v.services);
    v.same_operator = kt_operator_known(s, forgotten_before(s, o));
    v.turn = !v.same_operator && is_in_turn(s, o, &v.lam);
    v.s = v.same_operator ? o->same_operator : kt_novelty_self(v.lam) + s_peer;
    if (s->places->inside_seen && !s->places->public_seen &&
        !v.same_operator) { /* from inside to public */
        double lam = kt_novelty_rate(0.1, 60, (double)a->novel[KT_NOVEL_CLASS], (double)a->days);
        v.s = fmax(v.s, kt_novelty_self(lam));
    }
    v.s += v.turn ? o->in_turn : 0;
    if (a->kind == KT_ACTOR_CI && !v.settled && !v.turn)
        return v;
    double country = a->kind == KT_ACTOR_CI ? 0 : country_weight(s, o);
    v.new_country = country > 0;
    v.s += country;
    bool person = kt_kind_is_person(a->kind);
    bool rare = person ? v.users < 3 : machines_there(s) == 0;
    v.hosting = s->where.hosting && rare && !v.same_operator;
    if (v.hosting) /* of a machine the country and the server say the same: the firm is not there */
        v.s += person ? o->hosting : fmax(o->rented - country, 0);
    v.new_client =
        s->client != 0 && s->places->n_client > 0 && !kt_client_known(s->places, s->client);
    v.s += v.new_client ? o->client : 0;
    if (a->kind == KT_ACTOR_AI_AGENT)
        v.s /= 2;
    v.capped = kt_kind_is_person(a->kind) && !s->where.hosting && !v.new_client && v.s > o->cap;
    if (v.capped)
        v.s = o->cap;
    return v;
}

/* Weeks of an account that is used now and then are a history as well: few active days (none, where
 * an incident holds them back) leave the prior's surprise, and each further network that it took up
 * meanwhile lowers that. */
static bool cold(const struct kt_scene *s, const struct options *o)
{
    bool old = s->minute >= s->actor->first_min + o->old_days * 1440u;
    return s->minute < s->actor->first_min + o->cold_days * 1440u ||
           (s->actor->active_days < o->cold_active && !old);
}

static void say_known(const struct kt_scene *s, char *dst, size_t n)
{
    unsigned k = s->places->n_place;
    char first[80] = "";
    if (k > 0) {
        const struct kt_place *p = &s->places->place[0];
        const struct kt_value *v =
            kt_table_peek(s->shared->values, (struct kt_key){ KT_DIM_NETWORK, p->network });
        KT_SAY(first, "%s%s", k > 1 ? "among them " : "", v != NULL ? v->label : "unknown");
    }
    kt_say(dst, n, "%u public network%s%s%s%s%s", k, k == 1 ? "" : "s", k > 0 ? " (" : "", first,
           k > 0 ? ")" : "", s->places->inside_seen ? " and private addresses" : "");
}

enum { N_USERS, N_LAM, N_COUNTRY, N_HOSTING, N_CLIENT, N_CAPPED, N_SERVICES };

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    const double *v = f->number;
    unsigned users = (unsigned)v[N_USERS];
    char who[160], where[120], known[160], often[32], days[32], peers[120], ip[KT_IP_TEXT_MAX];
    kt_say_name(s->ev->actor, 80, who);
    kt_say_network(&s->where, where, sizeof where);
    say_known(s, known, sizeof known);
    KT_SAY(f->title, "%s used %s for the first time.", who, where);
    bool machines = v[N_SERVICES] > 0;
    const char *one = machines ? "machine" : kt_kind_noun(s->actor->kind, false);
    const char *more = machines ? "machines" : kt_kind_noun(s->actor->kind, true);
    if (users == 0)
        KT_SAY(peers, "No other %s uses it.", one);
    else if (users > KT_USERS_EXACT)
        KT_SAY(peers, "More than %u other %s use it.", KT_USERS_EXACT, more);
    else
        KT_SAY(peers, "%u other %s used it in 90 days.", users, users == 1 ? one : more);
    KT_SAY(
        f->normal,
        "In %s active days it used %s. %s It takes up a new network about once in %s active days.",
        kt_say_count(s->actor->active_days, days), known, peers, kt_say_count(1 / v[N_LAM], often));
    KT_SAY(f->part, "new network for %s%s%s%s%s", who, v[N_COUNTRY] > 0 ? ", new country" : "",
           v[N_HOSTING] > 0 ? ", a hosting network" : "", v[N_CLIENT] > 0 ? ", a new client" : "",
           v[N_CAPPED] > 0 ? " (capped: people travel)" : "");
    KT_SAY(f->quiet, "%s in networks: (keytrail.yaml), for this actor or everybody.",
           kt_cidr_format(kt_ip_network(s->ev->ip, 24, 48), ip));
}

static void words_in_turn(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], key[160], where[120], often[32];
    words(s, f);
    kt_say_name(s->ev->actor, 80, who);
    kt_say_name(s->ev->credential, 24, key);
    kt_say_network(&s->where, where, sizeof where);
    KT_SAY(f->title,
           "%s used its credential %s from %s within an hour of its use at another operator.", who,
           key, where);
    KT_SAY(f->normal,
           "The credential is less than a day old, and the actor never used this network. Its "
           "credentials, each counted apart, take up another network about once in %s days of use.",
           kt_say_count(1 / f->number[N_LAM], often));
}

static void evidence(struct kt_scene *s, const struct verdict *v, int points, unsigned flags)
{
    struct kt_finding *f =
        kt_find(s, KT_FAMILY_NETWORK, points, flags, v->turn ? words_in_turn : words);
    if (f == NULL)
        return;
    if (!v->same_operator) { /* to move within a cloud is nothing that three would share */
        f->network = s->where.network;
        f->country = s->where.country;
    }
    f->number[N_USERS] = v->users;
    f->number[N_LAM] = v->lam;
    f->number[N_COUNTRY] = v->new_country;
    f->number[N_HOSTING] = v->hosting;
    f->number[N_CLIENT] = v->new_client;
    f->number[N_CAPPED] = v->capped;
    f->number[N_SERVICES] = v->services;
}

static bool counts(const struct kt_event *ev)
{
    static const bool outcomes[KT_OUT_COUNT] = { [KT_OUT_SUCCESS] = true,
                                                 [KT_OUT_UNKNOWN] = true,
                                                 [KT_OUT_NOT_FOUND] = true,
                                                 [KT_OUT_DENIED] = true };
    return outcomes[ev->outcome] && (ev->action != KT_ACT_LOGIN || ev->outcome != KT_OUT_DENIED);
}

static void at_network(struct kt_scene *s, const struct options *o)
{
    const struct kt_place *known = kt_place_of(s->places, s->where.network);
    if (known != NULL && known->last_min < forgotten_before(s, o))
        known = NULL;
    if (known != NULL && !kt_place_tainted(known, s->minute))
        return; /* the same /24: 0; another of the ASN: 0.3, below every floor */
    if (kt_network_expected(s))
        return;
    struct verdict v;
    if (cold(s, o)) {
        bool nobody = s->where.country != 0 && known == NULL && s->actor->active_days > 0 &&
                      !kt_country_known(s->places, s->where.country) &&
                      kt_value_users(s, KT_DIM_COUNTRY, s->where.country, KT_ACTOR_COUNT) == 0;
        v = judge(s, o);
        if (nobody && s->actor->kind != KT_ACTOR_CI)
            evidence(s, &v, 250, 0);
        return;
    }
    v = judge(s, o);
    if (known != NULL)
        evidence(s, &v, known->surprise, KT_FIND_BESIDE);
    else
        evidence(s, &v, kt_points(v.s), v.settled || v.turn ? KT_FIND_ACCOUNT : 0);
}

static void on_event(struct kt_scene *s, const void *opt)
{
    const struct options *o = opt;
    if (!s->where.usable || s->actor == NULL || !counts(s->ev))
        return;
    bool cage = o->n_only > 0 && outside_cage(s, o);
    if (cage || (o->n_denied > 0 && denied_place(s, o)))
        forbidden(s, cage);
    if (!s->where.inside)
        at_network(s, o);
    if (s->ev->credential.len == 0 || kt_kind_is_person(s->actor->kind))
        return; /* people carry theirs about */
    const struct kt_moved_options key = { .alpha = priors[s->actor->kind].alpha,
                                          .beta = priors[s->actor->kind].beta,
                                          .in_turn = o->in_turn,
                                          .run_alpha = priors[KT_ACTOR_SERVICE].alpha,
                                          .run_beta = priors[KT_ACTOR_SERVICE].beta,
                                          .least_days = o->key_days,
                                          .judged = !cold(s, o) };
    kt_moved_key(s, &key);
}

static void on_learn(struct kt_scene *s, const void *opt, const struct kt_pending *p)
{
    (void)opt;
    kt_moved_key_learn(s, p);
}

static void considered(const struct kt_scene *s, const void *opt, struct kt_buf *out)
{
    (void)opt;
    if (!s->where.usable || s->actor == NULL)
        return;
    char where[120], day[KT_TIME_TEXT_MAX];
    kt_say_network(&s->where, where, sizeof where);
    const struct kt_place *p = kt_place_of(s->places, s->where.network);
    if (s->where.inside)
        kt_buf_addz(out, "address (private)");
    else if (p != NULL)
        kt_buf_addf(out, "network (%s, used since %.10s)", where,
                    kt_time_format((kt_time_ns)p->first_min * KT_NS_MIN, day));
}

static const struct kt_part_needs needs[] = {
    { NULL, KT_NEED(ACTOR) }, /* deny and only_from hold for private addresses, too */
    { "a new network", KT_NEED(ACTOR) | KT_NEED(ADDRESS) },
    { "a credential in another network", KT_NEED(ACTOR) | KT_NEED(ADDRESS) | KT_NEED(TOKEN) },
    { "a new country", KT_NEED(ACTOR) | KT_NEED(ADDRESS) | KT_NEED(COUNTRY) },
    { NULL, 0 },
};

const struct kt_detector kt_detector_unexpected_ip = {
    .name = "unexpected_ip",
    .summary = "An actor at work from a network it never used",
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
