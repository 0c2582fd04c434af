/*
 * gcp_actor: authenticationInfo -> who (SOURCES §6, DETECTION §2.1).
 *
 * Owns:  nothing.
 * Calls: core/base, agents/sources/actor.
 */
#include "agents/sources/actor.h"
#include "agents/sources/gcp.h"

static struct kt_str behind(struct kt_str s, struct kt_str mark)
{
    ptrdiff_t at = kt_str_find(s, mark, 0);
    return at < 0 ? KT_STR_NONE : kt_str_from_index(s, (size_t)at + mark.len);
}

static struct kt_str upto(struct kt_str s, char sep)
{
    ptrdiff_t at = kt_str_find_byte(s, sep, 0);
    return at < 0 ? s : kt_str_sub(s, 0, (size_t)at);
}

static bool is_service(struct kt_str email)
{
    return kt_str_ends(email, KT_STR(".gserviceaccount.com"));
}

/* The subject of a pool: "ns/pay/sa/api" of a GKE cluster, a Kubernetes account or an e-mail of
 * another issuer, or any name that it gave. */
static struct kt_str pool_actor(struct kt_arena *a, struct kt_str pool, struct kt_str subject,
                                enum kt_actor_kind *ret_kind)
{
    struct kt_str rest = subject, word, ns;
    *ret_kind = KT_ACTOR_SERVICE;
    if (kt_str_split(&rest, '/', &word) && kt_str_is(word, "ns") && kt_str_split(&rest, '/', &ns) &&
        kt_str_split(&rest, '/', &word) && kt_str_is(word, "sa") && rest.len > 0)
        return kt_actor_k8s(a, ns, rest);
    struct kt_str account = kt_actor_k8s_account(a, subject);
    if (account.len > 0)
        return account;
    if (kt_actor_is_email(subject) && !is_service(subject))
        *ret_kind = KT_ACTOR_HUMAN;
    return kt_actor_at(a, subject, pool);
}

/* "pay-prod.svc.id.goog[pay/api]": a workload of GKE in the older spelling. */
static struct kt_str workload(struct kt_arena *a, struct kt_str principal)
{
    struct kt_str rest = upto(behind(principal, KT_STR(".svc.id.goog[")), ']'), ns;
    if (kt_str_find_byte(rest, '/', 0) <= 0 || !kt_str_split(&rest, '/', &ns))
        return KT_STR_NONE;
    return kt_actor_k8s(a, ns, rest);
}

/* "user:alice@example.com", "serviceAccount:x@…", "principal://iam.googleapis.com/…/subject/…" */
static struct kt_str actor_of(struct kt_arena *a, struct kt_str principal,
                              enum kt_actor_kind *ret_kind)
{
    struct kt_str pool = upto(behind(principal, KT_STR("Pools/")), '/');
    struct kt_str subject = behind(principal, KT_STR("/subject/"));
    if (kt_str_starts(principal, KT_STR("principal://")) && subject.len > 0)
        return pool_actor(a, pool, subject, ret_kind);
    *ret_kind = KT_ACTOR_SERVICE;
    subject = workload(a, principal);
    if (subject.len > 0)
        return subject;
    ptrdiff_t colon = kt_str_find_byte(principal, ':', 0);
    struct kt_str name = kt_str_from_index(principal, (size_t)(colon + 1));
    if (kt_actor_is_email(name))
        principal = name;
    *ret_kind = is_service(principal)          ? KT_ACTOR_SERVICE
                : kt_actor_is_email(principal) ? KT_ACTOR_HUMAN
                                               : KT_ACTOR_UNKNOWN;
    return kt_actor_at(a, principal, KT_STR("gcp"));
}

/* Who lent itself to whom: the last of the chain is where it began. */
static struct kt_str original(struct kt_jval chain)
{
    struct kt_json_iter it = kt_json_iter(chain);
    struct kt_str unused, last = KT_STR_NONE;
    struct kt_jval item;
    while (kt_json_next(&it, &unused, &item)) {
        last = kt_json_str_at(item, "firstPartyPrincipal.principalEmail");
        if (last.len == 0)
            last = kt_json_str_at(item, "principalSubject");
    }
    return last;
}

/* …/serviceAccounts/x@…/keys/KEY: a key file was used. */
static struct kt_str key_of(struct kt_str name)
{
    return behind(name, KT_STR("/keys/"));
}

void kt_gc_who(const struct gc_record *r, struct kt_event *ev)
{
    struct kt_jval who = kt_gc_get(r, "authenticationInfo");
    struct kt_str email = kt_json_str_at(who, "principalEmail");
    struct kt_str subject = kt_json_str_at(who, "principalSubject");
    struct kt_str began = original(kt_json_get(who, KT_STR("serviceAccountDelegationInfo")));
    enum kt_actor_kind unused;

    ev->actor_native = subject.len > 0 ? subject : email;
    ev->credential = key_of(kt_json_str_at(who, "serviceAccountKeyName"));
    if (began.len > 0)
        ev->via = actor_of(r->in->arena, began, &unused);
    if (email.len > 0 || subject.len > 0) {
        ev->actor = actor_of(r->in->arena, email.len > 0 ? email : subject, &ev->actor_kind);
    } else if (r->code == 16) {
        ev->actor_kind = KT_ACTOR_ANONYMOUS;
        ev->actor = KT_STR("anonymous@gcp");
    }
}
