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

#define GRANTEES_MAX 16u
#define ACCOUNT_LEN  12u

struct grantees {
    struct kt_str own; /* account */
    struct kt_str name[GRANTEES_MAX], foreign[GRANTEES_MAX];
    unsigned n_name, n_foreign;
    bool everybody;
};

static void add_once(struct kt_str list[GRANTEES_MAX], unsigned *n, struct kt_str s)
{
    for (unsigned i = 0; i < *n; i++) {
        if (kt_str_eq(list[i], s))
            return;
    }
    if (*n < GRANTEES_MAX)
        list[(*n)++] = s;
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
    add_once(g->name, &g->n_name, principal);
    if (account.len > 0 && !kt_str_eq(account, g->own))
        add_once(g->foreign, &g->n_foreign, account);
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

/* A condition narrows `*` to an organisation, an endpoint or a service; it is not read further. */
static void add_statement(struct grantees *g, struct kt_jval statement)
{
    bool limited = kt_json_count(kt_json_get(statement, KT_STR("Condition"))) > 0;
    struct kt_jval who = kt_json_get(statement, KT_STR("Principal"));
    if (!kt_str_is(kt_json_str_at(statement, "Effect"), "Allow"))
        return;
    if (kt_json_type(kt_json_get(statement, KT_STR("NotPrincipal"))) != KT_JSON_NONE)
        g->everybody = g->everybody || !limited;
    if (kt_json_type(who) == KT_JSON_OBJECT)
        who = kt_json_get(who, KT_STR("AWS"));
    add_principals(g, who, limited);
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
                       const struct kt_str *list, unsigned n)
{
    if (n == 0 && !everybody)
        return;
    kt_buf_addf(out, ",\"%s\":[%s", member, everybody ? "\"*\"" : "");
    for (unsigned i = 0; i < n; i++) {
        if (i > 0 || everybody)
            kt_buf_byte(out, ',');
        kt_json_quote(out, list[i]);
    }
    kt_buf_byte(out, ']');
}

void kt_ct_grant(const struct ct_record *r, struct kt_buf *raw)
{
    struct grantees g = { .own = r->account };
    struct kt_str principal = kt_json_str_at(r->request, "granteePrincipal");
    if (principal.len > 0)
        add_principal(&g, principal, false);
    add_policy(&g, r, kt_json_str_at(r->request, "resourcePolicy"));
    add_policy(&g, r, kt_json_str_at(r->request, "policy"));
    if (raw->len == 0 || (g.n_name == 0 && !g.everybody))
        return;
    raw->len--; /* the closing brace */
    write_list(raw, "grantees", g.everybody, g.name, g.n_name);
    write_list(raw, "foreign_accounts", false, g.foreign, g.n_foreign);
    kt_buf_byte(raw, '}');
}
