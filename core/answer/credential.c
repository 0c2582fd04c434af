/*
 * credential: see the header.
 *
 * Owns:  the texts of a struct kt_credential.
 * Calls: core/answer/ask, core/query, core/config/identities. No clock, no output.
 */
#include "core/answer/credential.h"

#include "core/base/ip.h"

const char *kt_credential_word(enum kt_credential_as as)
{
    static const char *const words[] = {
#define X(n, w) w,
        KT_CREDENTIALS(X)
#undef X
    };
    return words[as];
}

void kt_credential_done(struct kt_credential *c)
{
    kt_buf_done(&c->name);
    kt_buf_done(&c->query);
    kt_buf_done(&c->why);
}

/* field:"text" and the text itself: lines without it need not be parsed. */
static void add_field(struct kt_buf *query, const char *field, struct kt_str text)
{
    kt_ask_term(query, field, text);
    kt_ask_text(query, text);
}

static void make(struct kt_credential *ret, enum kt_credential_as as, struct kt_str name,
                 const char *why)
{
    ret->as = as;
    kt_buf_add(&ret->name, name);
    kt_buf_addz(&ret->why, why);
    if (as == KT_AS_CREDENTIAL || as == KT_AS_SESSION)
        add_field(&ret->query, kt_credential_word(as), name);
    else
        kt_ask_term(&ret->query, kt_credential_word(as), name);
}

/* ---- by form ---- */

/* What an unquoted glob may hold. */
static bool is_plain(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (memchr("+=.@_-", s.at[i], 6) == NULL && !(s.at[i] >= '0' && s.at[i] <= '9') &&
            !((s.at[i] | 0x20) >= 'a' && (s.at[i] | 0x20) <= 'z'))
            return false;
    return s.len > 0;
}

/* arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE */
struct arn {
    struct kt_str partition, service, account, resource;
};
static bool arn_of(struct kt_str s, struct arn *ret)
{
    struct kt_str part[5], rest = s;
    for (unsigned i = 0; i < 5; i++)
        if (!kt_str_split(&rest, ':', &part[i]))
            return false;
    *ret = (struct arn){ part[1], part[2], part[4], rest };
    return kt_str_is(part[0], "arn") && is_plain(part[1]) && is_plain(part[4]) && rest.len > 0;
}

bool kt_credential_session(struct kt_str text, struct kt_buf *query)
{
    struct arn arn;
    struct kt_str rest, word, role;
    if (!arn_of(text, &arn) || !kt_str_is(arn.service, "sts"))
        return false;
    rest = arn.resource;
    if (!kt_str_split(&rest, '/', &word) || !kt_str_is(word, "assumed-role") ||
        !kt_str_split(&rest, '/', &role) || !is_plain(role) || !is_plain(rest))
        return false;
    add_field(query, "session", rest);
    kt_buf_addf(query,
                " (actor:\"" KT_STR_FMT "@" KT_STR_FMT "\" OR issuer:arn:" KT_STR_FMT
                ":iam::" KT_STR_FMT ":role/" KT_STR_FMT ",arn:" KT_STR_FMT ":iam::" KT_STR_FMT
                ":role/**/" KT_STR_FMT ")",
                KT_STR_ARG(role), KT_STR_ARG(arn.account), KT_STR_ARG(arn.partition),
                KT_STR_ARG(arn.account), KT_STR_ARG(role), KT_STR_ARG(arn.partition),
                KT_STR_ARG(arn.account), KT_STR_ARG(role));
    return true;
}

static bool by_session_arn(struct kt_ask *a, struct kt_str text, struct kt_credential *ret)
{
    (void)a;
    if (!kt_credential_session(text, &ret->query))
        return false;
    ret->as = KT_AS_SESSION;
    kt_buf_add(&ret->name, text);
    kt_buf_addz(&ret->why, "a session of a role, by its ARN");
    return true;
}

/* A path in front of the name is none of it. */
bool kt_credential_iam(struct kt_str text, struct kt_buf *actor)
{
    struct arn arn;
    if (!arn_of(text, &arn) || !kt_str_is(arn.service, "iam"))
        return false;
    ptrdiff_t slash = kt_str_rfind_byte(arn.resource, '/');
    struct kt_str name = kt_str_from_index(arn.resource, slash < 0 ? 0 : (size_t)slash + 1);
    kt_buf_addf(actor, KT_STR_FMT "@" KT_STR_FMT, KT_STR_ARG(name), KT_STR_ARG(arn.account));
    return true;
}

static bool by_iam_arn(struct kt_ask *a, struct kt_str text, struct kt_credential *ret)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf actor = { 0 };
    (void)a;
    if (!kt_credential_iam(text, &actor))
        return false;
    make(ret, KT_AS_ACTOR, kt_buf_str(&actor), "a user or role, by its ARN");
    return true;
}

static bool by_address(struct kt_ask *a, struct kt_str text, struct kt_credential *ret)
{
    struct kt_str rest = text, part;
    struct kt_ip ip;
    (void)a;
    if (!kt_str_split(&rest, '/', &part) || !kt_ip_parse(part, &ip))
        return false;
    bool address = part.len == text.len;
    make(ret, KT_AS_IP, text, address ? "an address" : "a network");
    return true;
}

static bool by_key_id(struct kt_ask *a, struct kt_str text, struct kt_credential *ret)
{
    (void)a;
    bool key = kt_str_starts(text, KT_STR("AKIA")) || kt_str_starts(text, KT_STR("ASIA"));
    if (text.len < 16 || text.len > 128 || !is_plain(text) || !key)
        return false;
    make(ret, KT_AS_CREDENTIAL, text, "an AWS access key id, by its form");
    return true;
}

static bool by_hmac(struct kt_ask *a, struct kt_str text, struct kt_credential *ret)
{
    (void)a;
    if (!kt_str_starts(text, KT_STR("hmac-sha256:")))
        return false;
    make(ret, KT_AS_CREDENTIAL, text, "a Vault accessor, by its form");
    return true;
}

static bool by_account(struct kt_ask *a, struct kt_str text, struct kt_credential *ret)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf actor = { 0 };
    struct kt_str prefix = KT_STR("system:serviceaccount:"), ns;
    struct kt_str rest = kt_str_from_index(text, prefix.len);
    (void)a;
    if (!kt_str_starts(text, prefix) || !kt_str_split(&rest, ':', &ns) || rest.len == 0)
        return false;
    kt_buf_addf(&actor, KT_STR_FMT "/" KT_STR_FMT "@k8s", KT_STR_ARG(ns), KT_STR_ARG(rest));
    make(ret, KT_AS_ACTOR, kt_buf_str(&actor), "a service account of Kubernetes, by its form");
    return true;
}

const struct kt_identity *kt_credential_identity(const struct kt_ask *a, struct kt_str text)
{
    const struct kt_identity *who =
        a->ids == NULL ? NULL : kt_identities_find(a->ids, text, KT_STR_NONE, KT_STR_NONE);
    for (unsigned i = 0; who == NULL && a->ids != NULL && i < kt_identities_count(a->ids); i++) {
        const struct kt_identity *one = kt_identities_at(a->ids, i);
        for (unsigned k = 0; k < one->n_alias; k++)
            if (kt_str_eq_nocase(kt_str_of(one->alias[k].actor), text))
                who = one;
    }
    return who;
}

static bool by_identity(struct kt_ask *a, struct kt_str text, struct kt_credential *ret)
{
    const struct kt_identity *who = kt_credential_identity(a, text);
    if (who == NULL)
        return false;
    bool named = kt_str_eq_nocase(text, kt_str_of(who->name));
    make(ret, KT_AS_ACTOR, kt_str_of(who->name),
         named ? "an identity, with all of its aliases" : "an alias: all of its identity is meant");
    return true;
}

/* ---- by what is stored ---- */

static enum kt_status stop_at_record(void *self, const struct kt_record *r,
                                     const struct kt_fact *fact, struct kt_error *err)
{
    (void)r;
    (void)fact;
    (void)err;
    *(bool *)self = true;
    return KT_E_AGAIN;
}

static enum kt_status stop_at_pick(void *self, const struct kt_view *view, struct kt_error *err)
{
    (void)err;
    *(bool *)self = view->picks > 0;
    return view->picks > 0 ? KT_E_AGAIN : KT_OK;
}

static enum kt_status has_actor(struct kt_ask *a, struct kt_str query, bool *ret_has,
                                struct kt_error *err)
{
    *ret_has = false;
    return kt_ask_columns(a, query, KT_COLUMN(KT_COL_ACTOR), stop_at_pick, ret_has, err);
}

/* "alice", as a Vault display name has it, is the actor alice@cluster. */
static enum kt_status try_actor(struct kt_ask *a, struct kt_str text, struct kt_credential *ret,
                                bool *ret_has, struct kt_error *err)
{
    make(ret, KT_AS_ACTOR, text, "an actor of the log");
    enum kt_status status = has_actor(a, kt_buf_str(&ret->query), ret_has, err);
    if (status != KT_OK || *ret_has || !is_plain(text) || kt_str_has(text, KT_STR("@")))
        return status;
    kt_buf_reset(&ret->query);
    kt_buf_addf(&ret->query, "actor:" KT_STR_FMT "@*", KT_STR_ARG(text));
    kt_buf_reset(&ret->why);
    kt_buf_addf(&ret->why, "actors of the log: " KT_STR_FMT "@…", KT_STR_ARG(text));
    return has_actor(a, kt_buf_str(&ret->query), ret_has, err);
}

static enum kt_status try_field(struct kt_ask *a, enum kt_credential_as as, struct kt_str text,
                                const char *why, struct kt_credential *ret, bool *ret_has,
                                struct kt_error *err)
{
    make(ret, as, text, why);
    return kt_ask_records(a, kt_buf_str(&ret->query), stop_at_record, ret_has, err);
}

static enum kt_status by_store(struct kt_ask *a, struct kt_str text, struct kt_credential *ret,
                               struct kt_error *err)
{
    bool has = false;
    enum kt_status status = try_actor(a, text, ret, &has, err);
    for (int as = KT_AS_SESSION; status == KT_OK && !has && as >= KT_AS_CREDENTIAL; as--) {
        kt_credential_done(ret);
        status = try_field(a, (enum kt_credential_as)as, text,
                           as == KT_AS_SESSION ? "a session of the log" : "a credential of the log",
                           ret, &has, err);
    }
    if (status == KT_OK && !has) {
        kt_credential_done(ret);
        make(ret, KT_AS_ACTOR, text,
             "nothing known: no record has it as actor, session or credential");
    }
    return status;
}

/* ---- the door ---- */

/* A token in hand is worth more than what it is asked for. */
static bool is_token(struct kt_str text)
{
    static const struct kt_str starts[] = { KT_STR_INIT("hvs."), KT_STR_INIT("hvb."),
                                            KT_STR_INIT("hvr."), KT_STR_INIT("ghp_"),
                                            KT_STR_INIT("glpat-") };
    for (size_t i = 0; i < KT_ARRAY_LEN(starts); i++)
        if (kt_str_starts(text, starts[i]))
            return true;
    return text.len == 26 && kt_str_starts(text, KT_STR("s."));
}

static enum kt_status decided(struct kt_str text, const char *as, struct kt_credential *ret,
                              struct kt_error *err)
{
    struct kt_near near = kt_near_of(kt_str_of(as));
    for (int i = 0; i < KT_AS_COUNT; i++) {
        const char *word = kt_credential_word((enum kt_credential_as)i);
        kt_near_try(&near, word);
        if (strcmp(as, word) != 0)
            continue;
        if (i == KT_AS_SESSION && by_session_arn(NULL, text, ret))
            return KT_OK;
        make(ret, (enum kt_credential_as)i, text, "as you said");
        return KT_OK;
    }
    return kt_fail(err, KT_E_INPUT, "--as takes credential, session, actor or ip%s%s",
                   near.name != NULL ? ": did you mean " : "", near.name != NULL ? near.name : "");
}

/* Do columns say all of the query? */
static enum kt_status ask_exact(struct kt_ask *a, struct kt_credential *ret, struct kt_error *err)
{
    struct kt_query *q = NULL;
    struct kt_scan scan = { .records = true };
    if (kt_ask_query(a, kt_buf_str(&ret->query), &q, err) != KT_OK)
        return kt_wrap(err, "'%s'", kt_buf_z(&ret->name));
    kt_query_plan(q, &scan);
    ret->exact = kt_query_exact(q);
    kt_query_free(q);
    return KT_OK;
}

enum kt_status kt_credential_find(struct kt_ask *a, struct kt_str text, const char *as,
                                  struct kt_credential *ret, struct kt_error *err)
{
    static bool (*const forms[])(struct kt_ask * a, struct kt_str text,
                                 struct kt_credential * ret) = {
        by_address, by_session_arn, by_iam_arn, by_key_id, by_hmac, by_account, by_identity,
    };
    bool known = false;
    enum kt_status status = KT_OK;
    text = kt_str_trim(text);
    if (text.len == 0)
        return kt_fail(err, KT_E_INPUT, "an empty text is no credential");
    if (is_token(text))
        return kt_fail(
            err, KT_E_INPUT,
            "that is a token itself, and now in your shell's history: no log has it; ask "
            "for its accessor, or find it with keytrail hash");
    for (size_t i = 0; as == NULL && !known && i < KT_ARRAY_LEN(forms); i++)
        known = forms[i](a, text, ret);
    if (as != NULL)
        status = decided(text, as, ret, err);
    else if (!known)
        status = by_store(a, text, ret, err);
    if (status == KT_OK)
        status = ask_exact(a, ret, err);
    if (status != KT_OK)
        kt_credential_done(ret);
    return status;
}
