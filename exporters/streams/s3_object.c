/*
 * s3_object: headers, names and signatures of S3.
 *
 * Owns:  nothing.
 * Calls: core/base (aws, enc, hash). No I/O, no clock: the time of the signature is handed in.
 */
#include "exporters/streams/s3_object.h"

#include "core/base/aws.h"
#include "core/base/enc.h"
#include "core/base/hash.h"

/* The value of "name = value" on a line of its own. */
static struct kt_str credential(struct kt_str text, const char *name)
{
    struct kt_str line, key;
    while (text.len > 0 && kt_str_split(&text, '\n', &line))
        if (kt_str_find_byte(line, '=', 0) >= 0 && kt_str_split(&line, '=', &key) &&
            kt_str_is(kt_str_trim(key), name))
            return kt_str_trim(line);
    return KT_STR_NONE;
}

static struct kt_str base64_of(const uint8_t sha256[32], struct kt_arena *arena)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    kt_base64_add(&text, kt_str_from(sha256, 32));
    return kt_arena_str(arena, kt_buf_str(&text));
}

struct pairs {
    struct kt_aws_pair at[KT_AWS_HEADERS_MAX];
    unsigned n;
};

static void add_pair(struct pairs *p, struct kt_str name, struct kt_str value)
{
    p->at[p->n++] = (struct kt_aws_pair){ name, value };
}

static void write_headers(const struct kt_s3_object *o, struct kt_arena *arena, struct pairs *p)
{
    char until[KT_TIME_TEXT_MAX];
    uint8_t hash[32];
    kt_sha256_of(&o->body, 1, hash);
    add_pair(p, KT_STR("if-none-match"), KT_STR("*"));
    add_pair(p, KT_STR("x-amz-checksum-sha256"), base64_of(hash, arena));
    if (!kt_str_is(kt_str_of(o->encryption), "none"))
        add_pair(p, KT_STR("x-amz-server-side-encryption"), kt_str_of(o->encryption));
    if (o->kms_key != NULL)
        add_pair(p, KT_STR("x-amz-server-side-encryption-aws-kms-key-id"), kt_str_of(o->kms_key));
    if (kt_str_is(kt_str_of(o->lock_mode), "none"))
        return;
    struct kt_str stamp = kt_str_of(kt_time_format(o->locked_until, until));
    add_pair(p, KT_STR("x-amz-object-lock-mode"), kt_str_of(o->lock_mode));
    add_pair(p, KT_STR("x-amz-object-lock-retain-until-date"), /* whole seconds */
             kt_arena_cat(arena, kt_str_sub(stamp, 0, stamp.len - 11), KT_STR("Z")));
}

/* "https://host/path" -> host, "/path" or nothing. */
static void split_url(struct kt_str url, struct kt_str *ret_host, struct kt_str *ret_path)
{
    ptrdiff_t scheme = kt_str_find(url, KT_STR("://"), 0);
    struct kt_str rest = kt_str_from_index(url, scheme < 0 ? 0 : (size_t)scheme + 3);
    ptrdiff_t slash = kt_str_find_byte(rest, '/', 0);
    *ret_host = slash < 0 ? rest : kt_str_sub(rest, 0, (size_t)slash);
    *ret_path = slash < 0 ? KT_STR_NONE : kt_str_from_index(rest, (size_t)slash);
}

/* As it is sent and signed: all but unreserved characters and '/' encoded. */
static struct kt_str path_of(struct kt_str bucket, struct kt_str name, struct kt_arena *arena)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
    kt_buf_add(&path, bucket);
    kt_buf_byte(&path, '/');
    kt_aws_encode(name, true, &path);
    return kt_arena_str(arena, kt_buf_str(&path));
}

enum kt_status kt_s3_request(const struct kt_s3_object *o, struct kt_arena *arena,
                             struct kt_str *ret_url, struct kt_str *ret_headers, unsigned max,
                             unsigned *ret_n, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    struct kt_str host, bucket, line;
    struct pairs pairs = { .n = 0 };
    const struct kt_aws_keys keys = { credential(o->credentials, "aws_access_key_id"),
                                      credential(o->credentials, "aws_secret_access_key"),
                                      credential(o->credentials, "aws_session_token") };
    if (keys.id.len == 0 || keys.secret.len == 0)
        return kt_fail(err, KT_E_CONFIG,
                       "credentials_file: it needs the lines aws_access_key_id = … and "
                       "aws_secret_access_key = …");
    split_url(o->url, &host, &bucket);
    if (!o->read)
        write_headers(o, arena, &pairs);
    const struct kt_aws_request r = {
        .method = o->read ? "GET" : "PUT",
        .host = host,
        .path = path_of(bucket, o->name, arena),
        .header = pairs.at,
        .n_header = pairs.n,
        .body = o->body,
        .region = o->region,
        .service = "s3",
        .now = o->now,
    };
    *ret_url = kt_arena_cat(arena, kt_str_sub(o->url, 0, o->url.len - bucket.len), r.path);
    kt_aws_sign(&keys, &r, &lines);
    struct kt_str rest = kt_arena_str(arena, kt_buf_str(&lines));
    kt_wipe(lines.at, lines.len);
    for (*ret_n = 0; rest.len > 0 && *ret_n < max && kt_str_split(&rest, '\n', &line);)
        ret_headers[(*ret_n)++] = line;
    return KT_OK;
}
