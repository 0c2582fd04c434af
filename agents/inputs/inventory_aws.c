/*
 * inventory_aws: Secrets Manager's ListSecrets and the Parameter Store's DescribeParameters, AWS
 * JSON 1.1 (botocore's models secretsmanager 2017-10-17, ssm 2014-11-06). A task is the token of a
 * page.
 */
#include "agents/inputs/inventory_store.h"
#include "core/event/line.h"
#include "core/event/secret_id.h"

static void begin(const struct inv_in *in, struct inv_out *out)
{
    (void)in;
    out->task(out, KT_STR_NONE);
}

static void ask(const struct inv_in *in, const char *target, const char *body,
                struct inv_request *ret)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_buf_addf(&b, "{%s", body);
    if (in->task.len > 0) {
        kt_buf_addz(&b, ",\"NextToken\":");
        kt_json_quote(&b, in->task);
    }
    kt_buf_byte(&b, '}');
    *ret = (struct inv_request){ .post = true,
                                 .url = kt_arena_cat(in->arena, in->url, KT_STR("/")),
                                 .body = kt_arena_str(in->arena, kt_buf_str(&b)),
                                 .target = kt_str_of(target) };
}

/* arn:aws:SERVICE:REGION:ACCOUNT:rest */
struct arn {
    struct kt_str region, account, rest;
};
static struct arn arn_of(struct kt_str text)
{
    struct arn a = { .rest = text };
    struct kt_str part;
    for (unsigned i = 0; i < 5 && kt_str_split(&a.rest, ':', &part); i++) {
        if (i == 3)
            a.region = part;
        if (i == 4)
            a.account = part;
    }
    return a;
}

static struct kt_str region_of(const struct inv_in *in, const struct arn *a)
{
    return a->region.len > 0 ? a->region : in->region;
}

static void next_page(struct kt_jval root, struct inv_out *out)
{
    struct kt_str token = kt_json_str_at(root, "NextToken");
    if (token.len > 0)
        out->task(out, token);
}

static const char *hear_page(const struct inv_in *in, int status, struct kt_jval root,
                             const char *list_name,
                             void (*each)(const struct inv_in *in, struct kt_jval v,
                                          struct inv_secret *s),
                             struct inv_out *out)
{
    struct kt_jval list = kt_json_get(root, kt_str_of(list_name)), v;
    struct kt_str name;
    if (status != 200 || kt_json_type(list) != KT_JSON_ARRAY)
        return "the answer is not one of AWS: check url and region";
    for (struct kt_json_iter it = kt_json_iter(list); kt_json_next(&it, &name, &v);) {
        struct inv_secret s = { 0 };
        each(in, v, &s);
        if (s.id.len > 0)
            out->secret(out, &s);
    }
    next_page(root, out);
    return NULL;
}

/* ---- Secrets Manager ---- */

static void ask_secrets(const struct inv_in *in, struct inv_request *ret)
{
    ask(in, "secretsmanager.ListSecrets", "\"MaxResults\":100,\"IncludePlannedDeletion\":true",
        ret);
}

static struct kt_str current_version(struct kt_jval stages)
{
    struct kt_str version, name;
    struct kt_jval list, v;
    for (struct kt_json_iter it = kt_json_iter(stages); kt_json_next(&it, &version, &list);)
        for (struct kt_json_iter in = kt_json_iter(list); kt_json_next(&in, &name, &v);)
            if (kt_str_is(kt_json_str(v), "AWSCURRENT"))
                return version;
    return KT_STR_NONE;
}

static struct kt_str period_of(struct kt_arena *a, struct kt_jval rules)
{
    int64_t days;
    if (kt_json_i64(kt_json_get(rules, KT_STR("AutomaticallyAfterDays")), &days) && days > 0)
        return kt_arena_fmt(a, "%lldd", (long long)days);
    return kt_json_str_at(rules, "ScheduleExpression");
}

static void add_secret(const struct inv_in *in, struct kt_jval v, struct inv_secret *s)
{
    struct kt_arena *a = in->arena;
    struct kt_str arn = kt_json_str_at(v, "ARN"), name;
    struct arn parts = arn_of(arn);
    const struct kt_str fixed[] = { parts.account, region_of(in, &parts) };
    struct kt_jval on = kt_json_get(v, KT_STR("RotationEnabled")), tag;
    if (kt_json_str_at(v, "Name").len == 0)
        return;
    s->id = kt_secret_id(a, "aws-sm", fixed, 2, kt_json_str_at(v, "Name"), false);
    s->guess = parts.account.len == 0;
    s->native = arn;
    s->created = inv_date(a, kt_json_get(v, KT_STR("CreatedDate")));
    s->last_changed = inv_date(a, kt_json_get(v, KT_STR("LastChangedDate")));
    s->last_rotated = inv_date(a, kt_json_get(v, KT_STR("LastRotatedDate")));
    s->next_rotation = inv_date(a, kt_json_get(v, KT_STR("NextRotationDate")));
    s->last_accessed = inv_day(a, kt_json_get(v, KT_STR("LastAccessedDate")));
    s->deleted = inv_date(a, kt_json_get(v, KT_STR("DeletedDate")));
    s->rotation_period = period_of(a, kt_json_get(v, KT_STR("RotationRules")));
    s->rotation_enabled = kt_json_bool(on, false) ? 1 : -1;
    s->owner = kt_json_str_at(v, "OwningService");
    s->version = current_version(kt_json_get(v, KT_STR("SecretVersionsToStages")));
    struct kt_json_iter it = kt_json_iter(kt_json_get(v, KT_STR("Tags")));
    while (kt_json_next(&it, &name, &tag)) {
        struct kt_str key = kt_json_str_at(tag, "Key");
        inv_add_tag(s, key);
        if (s->owner.len == 0 && kt_str_eq_nocase(key, KT_STR("owner")))
            s->owner = kt_json_str_at(tag, "Value");
    }
}

static const char *hear_secrets(const struct inv_in *in, int status, struct kt_jval root,
                                struct inv_out *out)
{
    return hear_page(in, status, root, "SecretList", add_secret, out);
}

const struct inv_store inv_store_aws_sm = {
    .name = "aws_sm",
    .summary = "AWS Secrets Manager: ListSecrets",
    .auth = INV_AWS,
    .service = "secretsmanager",
    .denied = "the role needs secretsmanager:ListSecrets, and no GetSecretValue",
    .begin = begin,
    .request = ask_secrets,
    .hear = hear_secrets,
};

/* ---- Parameter Store ---- */

static void ask_parameters(const struct inv_in *in, struct inv_request *ret)
{
    ask(in, "AmazonSSM.DescribeParameters", "\"MaxResults\":50", ret);
}

/* Policies[].PolicyText is JSON in a string: {"Type":"Expiration","Attributes":{"Timestamp":…}} */
static struct kt_str expiration_of(struct kt_arena *a, struct kt_jval policies)
{
    struct kt_str name, key = KT_STR("\"Timestamp\":\""), text;
    struct kt_jval v;
    for (struct kt_json_iter it = kt_json_iter(policies); kt_json_next(&it, &name, &v);) {
        text = kt_json_str_at(v, "PolicyText");
        ptrdiff_t at = kt_str_find(text, key, 0);
        if (!kt_str_is(kt_json_str_at(v, "PolicyType"), "Expiration") || at < 0)
            continue;
        text = kt_str_from_index(text, (size_t)at + key.len);
        ptrdiff_t end = kt_str_find_byte(text, '"', 0);
        kt_time_ns t;
        text = kt_str_sub(text, 0, end < 0 ? 0 : (size_t)end);
        if (kt_time_parse(text, &t, NULL) == KT_OK)
            return kt_arena_str(a, text);
    }
    return KT_STR_NONE;
}

static void add_parameter(const struct inv_in *in, struct kt_jval v, struct inv_secret *s)
{
    struct kt_arena *a = in->arena;
    struct kt_str name = kt_json_str_at(v, "Name"), arn = kt_json_str_at(v, "ARN");
    struct arn parts = arn_of(arn);
    const struct kt_str fixed[] = { parts.account, region_of(in, &parts) };
    if (name.len == 0)
        return;
    s->id = kt_secret_id(a, "aws-ssm", fixed, 2, name, false);
    s->guess = parts.account.len == 0;
    s->native = arn.len > 0 ? arn : name;
    s->last_changed = inv_date(a, kt_json_get(v, KT_STR("LastModifiedDate")));
    s->expires = expiration_of(a, kt_json_get(v, KT_STR("Policies")));
    s->changed_by = kt_json_str_at(v, "LastModifiedUser");
    s->version = kt_json_text(kt_json_get(v, KT_STR("Version")));
}

static const char *hear_parameters(const struct inv_in *in, int status, struct kt_jval root,
                                   struct inv_out *out)
{
    return hear_page(in, status, root, "Parameters", add_parameter, out);
}

const struct inv_store inv_store_aws_ssm = {
    .name = "aws_ssm",
    .summary = "AWS Systems Manager: DescribeParameters",
    .auth = INV_AWS,
    .service = "ssm",
    .denied = "the role needs ssm:DescribeParameters, and no GetParameter",
    .begin = begin,
    .request = ask_parameters,
    .hear = hear_parameters,
};
