/*
 * cloudtrail_grant: whom a resource policy (Secrets Manager, KMS) or a grant of a key lets in.
 * Policy grammar: IAM User Guide, "Grammar of the IAM JSON policy language".
 *
 * Owns:  nothing. Calls: core/base, core/event.
 * Holds: of a policy nothing is kept but principals, so that what people write into statement ids
 *        and conditions stays where it was.
 */
#include "agents/sources/cloudtrail.h"
#include "core/event/line.h"

#define GRANTEES_MAX  256u /* a policy of 32 KiB names fewer */
#define PRINCIPAL_MAX 1024u
#define ACCOUNT_LEN   12u

struct names {
    struct kt_str at[GRANTEES_MAX];
    unsigned n;
};
struct grantees {
    struct kt_arena *arena;
    struct kt_str own; /* account */
    struct names name, foreign;
    unsigned cut; /* principals that are no names, or one too many */
    bool everybody;
};

/* A copy: the parser reads the next text over this one. */
static void add_once(struct grantees *g, struct names *list, struct kt_str s)
{
    for (unsigned i = 0; i < list->n; i++) {
        if (kt_str_eq(list->at[i], s))
            return;
    }
    if (list->n < GRANTEES_MAX)
        list->at[list->n++] = kt_arena_str(g->arena, s);
    else
        g->cut++;
}

/* What AWS takes for a principal; anything else is text of somebody's. */
static bool is_name(struct kt_str s)
{
    static const char *const begins[] = { "arn:", "AIDA", "AROA", "cognito-identity." };
    uint64_t number;
    bool known = s.len == ACCOUNT_LEN && kt_str_u64(s, &number);
    for (size_t i = 0; i < KT_ARRAY_LEN(begins); i++)
        known = known || kt_str_starts(s, kt_str_of(begins[i]));
    return known && s.len <= PRINCIPAL_MAX && kt_str_find_byte(s, ' ', 0) < 0;
}

/* "arn:aws:iam::111122223333:root" or the bare number; empty for anything else. */
static struct kt_str account_of(struct kt_str principal)
{
    struct kt_str part = principal, rest = principal;
    uint64_t number;
    if (kt_str_starts(principal, KT_STR("arn:"))) {
        for (unsigned i = 0; i < 5; i++)
            (void)kt_str_split(&rest, ':', &part);
    }
    return part.len == ACCOUNT_LEN && kt_str_u64(part, &number) ? part : KT_STR_NONE;
}

static void add_principal(struct grantees *g, struct kt_str principal, bool limited)
{
    if (kt_str_is(principal, "*")) {
        g->everybody = g->everybody || !limited;
        return;
    }
    struct kt_str account = account_of(principal);
    if (!is_name(principal)) {
        g->cut += principal.len > 0;
        return;
    }
    add_once(g, &g->name, principal);
    if (account.len > 0 && !kt_str_eq(account, g->own))
        add_once(g, &g->foreign, account);
}

static void add_principals(struct grantees *g, struct kt_jval v, bool limited)
{
    if (kt_json_type(v) == KT_JSON_STRING) {
        add_principal(g, kt_json_str(v), limited);
        return;
    }
    struct kt_json_iter it = kt_json_iter(v);
    struct kt_str name;
    struct kt_jval one;
    while (kt_json_type(v) == KT_JSON_ARRAY && kt_json_next(&it, &name, &one))
        add_principal(g, kt_json_str(one), limited);
}

/* Does it say who, or from where? "Only by TLS" says neither, and `*` as a value says nothing. */
static bool narrows(struct kt_str key, struct kt_jval value)
{
    static const char *const keys[] = {
        "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalAccount", "aws:PrincipalArn",
        "aws:SourceAccount",  "aws:SourceArn",         "aws:SourceVpc",        "aws:SourceVpce",
        "aws:SourceIp",       "aws:SourceOrgID",       "aws:VpcSourceIp",      "kms:CallerAccount",
        "kms:ViaService",
    };
    bool known = false;
    for (size_t i = 0; i < KT_ARRAY_LEN(keys); i++)
        known = known || kt_str_eq_nocase(key, kt_str_of(keys[i]));
    if (kt_json_type(value) != KT_JSON_ARRAY)
        return known && !kt_str_is(kt_json_text(value), "*");
    struct kt_json_iter it = kt_json_iter(value);
    struct kt_str unused;
    struct kt_jval one;
    while (known && kt_json_next(&it, &unused, &one))
        known = !kt_str_is(kt_json_text(one), "*");
    return known;
}

/* {"StringEquals":{"aws:PrincipalOrgID":"o-1"}}. An operator that excludes narrows nothing. */
static bool is_limited(struct kt_jval condition)
{
    struct kt_json_iter operators = kt_json_iter(condition);
    struct kt_str operator, key;
    struct kt_jval tests, value;
    while (kt_json_next(&operators, &operator, & tests)) {
        struct kt_json_iter it = kt_json_iter(tests);
        bool excludes = kt_str_has(operator, KT_STR("Not")) || kt_str_is(operator, "Null") ||
                        kt_str_ends(operator, KT_STR("IfExists"));
        while (!excludes && kt_json_next(&it, &key, &value)) {
            if (narrows(key, value))
                return true;
        }
    }
    return false;
}

static void add_statement(struct grantees *g, struct kt_jval statement)
{
    bool limited = is_limited(kt_json_get(statement, KT_STR("Condition")));
    struct kt_jval who = kt_json_get(statement, KT_STR("Principal"));
    if (!kt_str_is(kt_json_str_at(statement, "Effect"), "Allow"))
        return;
    if (kt_json_type(kt_json_get(statement, KT_STR("NotPrincipal"))) != KT_JSON_NONE)
        g->everybody = g->everybody || !limited;
    if (kt_json_type(who) != KT_JSON_OBJECT) {
        add_principals(g, who, limited);
        return;
    }
    add_principals(g, kt_json_get(who, KT_STR("AWS")), limited);
    add_principals(g, kt_json_get(who, KT_STR("Federated")), limited);
}

static void add_policy(struct grantees *g, const struct ct_record *r, struct kt_str text)
{
    struct kt_jval root;
    unsigned repaired;
    if (text.len == 0 || kt_json_parse(r->in->inner, text, &root, &repaired, NULL) != KT_OK)
        return;
    struct kt_jval statements = kt_json_get(root, KT_STR("Statement")), one;
    if (kt_json_type(statements) == KT_JSON_OBJECT) {
        add_statement(g, statements);
        return;
    }
    struct kt_json_iter it = kt_json_iter(statements);
    struct kt_str name;
    while (kt_json_next(&it, &name, &one))
        add_statement(g, one);
}

static void write_list(struct kt_buf *out, const char *member, bool everybody,
                       const struct names *list)
{
    if (list->n == 0 && !everybody)
        return;
    kt_buf_addf(out, ",\"%s\":[%s", member, everybody ? "\"*\"" : "");
    for (unsigned i = 0; i < list->n; i++) {
        if (i > 0 || everybody)
            kt_buf_byte(out, ',');
        kt_json_quote(out, list->at[i]);
    }
    kt_buf_byte(out, ']');
}

void kt_ct_grant(const struct ct_record *r, struct kt_event *ev)
{
    struct kt_buf *raw = r->in->raw;
    struct kt_str principal = kt_json_str_at(r->request, "granteePrincipal"),
                  secret = kt_json_str_at(r->request, "resourcePolicy"),
                  key = kt_json_str_at(r->request, "policy");
    if (principal.len + secret.len + key.len == 0 || raw->len == 0)
        return;
    struct grantees *g = kt_arena_alloc(r->in->arena, sizeof *g);
    if (g == NULL)
        return;
    *g = (struct grantees){ .arena = r->in->arena, .own = r->account };
    if (principal.len > 0)
        add_principal(g, principal, false);
    add_policy(g, r, secret);
    add_policy(g, r, key);
    raw->len--; /* the closing brace */
    write_list(raw, "grantees", g->everybody, &g->name);
    write_list(raw, "foreign_accounts", false, &g->foreign);
    if (g->cut > 0)
        kt_buf_addf(raw, ",\"grantees_cut\":%u", g->cut);
    kt_buf_byte(raw, '}');
    ev->raw = kt_buf_str(raw);
    ev->raw_sound = KT_STR_NONE;
}
