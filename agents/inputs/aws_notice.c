/*
 * aws_notice: what a message says about new objects in a bucket.
 *
 * Owns:  two parsers (a message may stand inside of another as text) and a buffer.
 * Calls: core/base, core/event/json.
 */
#include "agents/inputs/aws_notice.h"

#include "core/base/alloc.h"
#include "core/base/aws.h"

struct aws_notices {
    struct kt_json *outer, *inner;
    struct kt_buf text, key;
};
struct telling {
    struct aws_notices *n;
    void (*each)(void *self, const struct aws_object *o);
    void *self;
};

struct aws_notices *aws_notices_new(void)
{
    struct aws_notices *n = kt_alloc(sizeof *n);
    n->outer = kt_json_new(KT_JSON_SIMDJSON);
    n->inner = kt_json_new(KT_JSON_SIMDJSON);
    return n;
}

void aws_notices_free(struct aws_notices *n)
{
    if (n == NULL)
        return;
    kt_json_free(n->outer);
    kt_json_free(n->inner);
    kt_buf_done(&n->text);
    kt_buf_done(&n->key);
    kt_free(n);
}

static void tell(const struct telling *t, struct aws_object o)
{
    if (o.bucket.len > 0 && o.key.len > 0)
        t->each(t->self, &o);
}

/* S3's own: Records[]. */
static void tell_records(const struct telling *t, struct kt_jval records)
{
    struct kt_json_iter it = kt_json_iter(records);
    struct kt_str name;
    struct kt_jval r;
    while (kt_json_next(&it, &name, &r)) {
        if (!kt_str_has(kt_json_str_at(r, "eventName"), KT_STR("ObjectCreated")))
            continue;
        kt_buf_reset(&t->n->key);
        kt_aws_decode(kt_json_str_at(r, "s3.object.key"), &t->n->key);
        tell(t, (struct aws_object){ kt_json_str_at(r, "s3.bucket.name"), kt_buf_str(&t->n->key),
                                     kt_json_str_at(r, "s3.object.eTag") });
    }
}

/* CloudTrail's own: one bucket, many keys, as they stand. */
static void tell_keys(const struct telling *t, struct kt_str bucket, struct kt_jval keys)
{
    struct kt_json_iter it = kt_json_iter(keys);
    struct kt_str name;
    struct kt_jval key;
    while (kt_json_next(&it, &name, &key))
        tell(t, (struct aws_object){ bucket, kt_json_str(key), KT_STR_NONE });
}

static bool is_test(struct kt_jval root)
{
    return kt_str_is(kt_json_str_at(root, "Event"), "s3:TestEvent");
}

static enum aws_notice read_plain(const struct telling *t, struct kt_jval root)
{
    struct kt_jval records = kt_json_at(root, "Records"), keys = kt_json_at(root, "s3ObjectKey");
    struct kt_str type = kt_json_get(root, KT_STR("detail-type")).node != NULL
                             ? kt_json_str(kt_json_get(root, KT_STR("detail-type")))
                             : KT_STR_NONE;
    if (is_test(root))
        return AWS_NOTICE_TEST;
    if (kt_json_type(records) == KT_JSON_ARRAY)
        tell_records(t, records);
    else if (kt_json_type(keys) == KT_JSON_ARRAY)
        tell_keys(t, kt_json_str_at(root, "s3Bucket"), keys);
    else if (kt_str_is(type, "Object Created"))
        tell(t, (struct aws_object){ kt_json_str_at(root, "detail.bucket.name"),
                                     kt_json_str_at(root, "detail.object.key"),
                                     kt_json_str_at(root, "detail.object.etag") });
    else
        return AWS_NOTICE_UNKNOWN;
    return AWS_NOTICE_OBJECTS;
}

enum aws_notice aws_notice_read(struct aws_notices *n, struct kt_str body,
                                void (*each)(void *self, const struct aws_object *o), void *self)
{
    const struct telling t = { n, each, self };
    struct kt_jval root;
    unsigned repaired;
    if (kt_json_parse(n->outer, body, &root, &repaired, NULL) != KT_OK)
        return AWS_NOTICE_UNKNOWN;
    if (!kt_str_is(kt_json_str_at(root, "Type"), "Notification"))
        return read_plain(&t, root);
    struct kt_str message = kt_json_str_at(root, "Message");
    if (kt_str_starts(message, KT_STR("CloudTrail validation message")))
        return AWS_NOTICE_TEST;
    kt_buf_reset(&n->text);
    kt_buf_add(&n->text, message);
    if (kt_json_parse(n->inner, kt_buf_str(&n->text), &root, &repaired, NULL) != KT_OK)
        return AWS_NOTICE_UNKNOWN;
    return read_plain(&t, root);
}
