/*
 * cloudtrail_ids: names, partial and full ARNs -> canonical ids (SOURCES §0.4 rules 5 to 7).
 *
 * Owns:  nothing; the source's memory holds full ARNs that were seen.
 * Calls: core/base, core/event (secret_id).
 */
#include "agents/sources/cloudtrail.h"
#include "core/event/secret_id.h"

struct arn {
    struct kt_str service, region, account, resource; /* resource: all that is left */
};

static bool arn_parse(struct kt_str s, struct arn *ret)
{
    struct kt_str part, rest = s;
    if (!kt_str_starts(s, KT_STR("arn:")))
        return false;
    (void)kt_str_split(&rest, ':', &part);
    return kt_str_split(&rest, ':', &part) && /* partition: any */
           kt_str_split(&rest, ':', &ret->service) && kt_str_split(&rest, ':', &ret->region) &&
           kt_str_split(&rest, ':', &ret->account) && (ret->resource = rest, rest.len > 0);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* An ARN that came percent-encoded, decoded once; anything else as it is. */
static struct kt_str decoded(struct kt_arena *a, struct kt_str s)
{
    if (!kt_str_starts_nocase(s, KT_STR("arn%3a")))
        return s;
    char *out = kt_arena_alloc(a, s.len);
    size_t n = 0;
    for (size_t i = 0; out != NULL && i < s.len; i++) {
        int high = s.at[i] == '%' && i + 2 < s.len ? hex_digit(s.at[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(s.at[i + 2]) : -1;
        out[n++] = low < 0 ? s.at[i] : (char)(high * 16 + low);
        i += low < 0 ? 0 : 2;
    }
    return out == NULL ? s : kt_str_from(out, n);
}

static struct kt_str make(const struct ct_record *r, const char *scheme, const struct arn *arn,
                          struct kt_str tail, bool star)
{
    struct kt_str fixed[2] = { arn->account.len > 0 ? arn->account : r->account,
                               arn->region.len > 0 ? arn->region : r->region };
    return kt_secret_id(r->in->arena, scheme, fixed, 2, tail, star);
}

static bool has_suffix(struct kt_str name)
{
    if (name.len < 8 || name.at[name.len - 7] != '-')
        return false;
    for (size_t i = name.len - 6; i < name.len; i++) {
        char c = name.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
            return false;
    }
    return true;
}

static struct kt_str without_suffix(struct kt_str s)
{
    return kt_str_sub(s, 0, s.len - 7);
}

static bool is_kept(const struct ct_record *r, struct kt_str what, struct kt_str arn)
{
    return kt_source_recall(r->in->memory, kt_arena_cat(r->in->arena, what, arn)).len > 0;
}

static void keep(const struct ct_record *r, struct kt_str what, struct kt_str arn)
{
    kt_source_remember(r->in->memory, kt_arena_cat(r->in->arena, what, arn), KT_STR("1"));
}

/* What looks like a full ARN in a field that also has partial ones: is it? A field that always has
 * the full ARN tells, of this one, or of one that goes on behind it (`pay-backup-a1B2c3`: then
 * `pay-backup` is a whole name). */
enum shape { SHAPE_FULL, SHAPE_WHOLE_NAME, SHAPE_UNKNOWN };

static enum shape shape_of(const struct ct_record *r, struct kt_str arn, bool full)
{
    static const struct kt_str seen = KT_STR_INIT("arn "), name = KT_STR_INIT("name ");
    if (full) {
        keep(r, seen, arn);
        if (has_suffix(without_suffix(arn)))
            keep(r, name, without_suffix(arn));
    }
    if (full || is_kept(r, seen, arn))
        return SHAPE_FULL;
    return is_kept(r, name, arn) ? SHAPE_WHOLE_NAME : SHAPE_UNKNOWN;
}

struct ct_id kt_ct_secret_id(const struct ct_record *r, struct kt_str name, bool full)
{
    struct ct_id ret = { .native = name };
    struct arn arn = { 0 };
    if (name.len == 0)
        return ret;
    struct kt_str given = decoded(r->in->arena, name);
    if (!arn_parse(given, &arn)) {
        bool all = kt_str_is(given, "*");
        ret.id = make(r, "aws-sm", &arn, all ? KT_STR_NONE : given, all);
        ret.guess = all || kt_str_starts(given, KT_STR("arn"));
        return ret;
    }
    struct kt_str tail = arn.resource;
    if (kt_str_starts(tail, KT_STR("secret:")))
        tail = kt_str_from_index(tail, 7);
    if (kt_str_ends(tail, KT_STR("*"))) { /* of a policy text: everything that begins so */
        tail = kt_str_sub(tail, 0, tail.len - 1);
        ret.id = make(r, "aws-sm", &arn, tail, true);
        ret.guess = true;
        return ret;
    }
    enum shape shape = has_suffix(tail) ? shape_of(r, given, full) : SHAPE_WHOLE_NAME;
    ret.guess = shape == SHAPE_UNKNOWN;
    if (shape != SHAPE_WHOLE_NAME)
        tail = without_suffix(tail);
    ret.id = make(r, "aws-sm", &arn, tail, false);
    return ret;
}

/* ":3" is a version, ":label" a stage; names hold no ':'. */
static struct kt_str cut_selector(struct kt_str name, struct ct_id *ret)
{
    ptrdiff_t at = kt_str_find_byte(name, ':', 0);
    uint64_t number;
    if (at < 0)
        return name;
    struct kt_str selector = kt_str_from_index(name, (size_t)at + 1);
    if (kt_str_u64(selector, &number))
        ret->version = selector;
    else
        ret->stage = selector;
    return kt_str_sub(name, 0, (size_t)at);
}

struct ct_id kt_ct_param_id(const struct ct_record *r, struct kt_str name)
{
    static const struct kt_str behind = KT_STR_INIT("/aws/reference/secretsmanager/");
    struct ct_id ret = { .native = name };
    struct arn arn = { 0 };
    if (name.len == 0)
        return ret;
    struct kt_str tail = decoded(r->in->arena, name);
    if (arn_parse(tail, &arn)) {
        tail = arn.resource;
        if (kt_str_starts(tail, KT_STR("parameter")))
            tail = kt_str_from_index(tail, 9);
    }
    tail = cut_selector(tail, &ret);
    if (kt_str_starts(tail, behind)) {
        ret.id = make(r, "aws-sm", &arn, kt_str_from_index(tail, behind.len), false);
        return ret;
    }
    bool all = kt_str_ends(tail, KT_STR("*"));
    if (all)
        tail = kt_str_sub(tail, 0, tail.len - 1);
    ret.id = make(r, "aws-ssm", &arn, tail, all);
    ret.guess = all;
    return ret;
}

struct ct_id kt_ct_param_path(const struct ct_record *r, struct kt_str path)
{
    struct arn arn = { 0 };
    struct ct_id ret = { .native = path };
    struct kt_str tail = path;
    while (kt_str_ends(tail, KT_STR("/")))
        tail = kt_str_sub(tail, 0, tail.len - 1);
    ret.id = make(r, "aws-ssm", &arn, tail, true);
    return ret;
}

struct ct_id kt_ct_key_id(const struct ct_record *r, struct kt_str name)
{
    struct ct_id ret = { .native = name };
    struct arn arn = { 0 };
    if (name.len == 0)
        return ret;
    struct kt_str tail = decoded(r->in->arena, name);
    if (arn_parse(tail, &arn))
        tail = arn.resource;
    if (kt_str_starts(tail, KT_STR("key/")))
        tail = kt_str_from_index(tail, 4);
    ret.guess = kt_str_starts(tail, KT_STR("alias/"));
    ret.id = make(r, "aws-kms", &arn, tail, kt_str_is(tail, "*"));
    return ret;
}

struct ct_id kt_ct_instance_id(const struct ct_record *r, struct kt_str instance)
{
    struct arn arn = { 0 };
    struct ct_id ret = { .native = instance };
    if (instance.len > 0)
        ret.id = make(r, "aws-ec2", &arn, instance, false);
    return ret;
}

struct ct_id kt_ct_all(const struct ct_record *r, const char *scheme)
{
    struct arn arn = { 0 };
    return (struct ct_id){ .id = make(r, scheme, &arn, KT_STR_NONE, true) };
}
