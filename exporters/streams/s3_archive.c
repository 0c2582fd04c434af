/*
 * s3_archive: batches as write-once objects of S3: compressed canonical lines, a manifest beside
 * each. [S: Amazon S3 API Reference, PutObject, "Conditional writes", "S3 Object Lock"; EXPORTS
 * §2.11]
 *
 * Owns:  the names of objects.
 * Calls: core/base (aws, hash, zip), doc. No I/O, no clock: the time of the signature is handed in.
 * Holds: the name says which records are inside, so that a batch that is sent again meets its own
 *        object, whose content is compared and counts as written.
 */
#include "core/base/aws.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/zip.h"
#include "exporters/alerts/render.h"
#include "exporters/streams/doc.h"
#include "exporters/streams/stream.h"
#include <inttypes.h>
#include <stdio.h>

#define RAW_MAX                                                                                    \
    (64u << 20) /* of an object that is compared; ours have 8 MiB and one line at most */

struct options {
    struct kt_stream_files files;
    const char *region, *prefix, *lock_mode, *encryption, *kms_key;
    kt_time_ns retain;
};

static const struct kt_option options[] = {
    { "url_file", KT_OPT_SECRET_FILE, NULL, offsetof(struct options, files.url_file),
      "File (0600) with the bucket's URL: https://bucket.s3.eu-central-1.amazonaws.com, or with "
      "the "
      "bucket as path.",
      false, false },
    { "credentials_file", KT_OPT_SECRET_FILE, NULL, offsetof(struct options, files.key_file),
      "File (0600) with aws_access_key_id = … and aws_secret_access_key = …, a line each.", false,
      false },
    { "region", KT_OPT_STRING, "us-east-1", offsetof(struct options, region),
      "The bucket's region.", false, false },
    { "prefix", KT_OPT_STRING, "keytrail", offsetof(struct options, prefix),
      "What the objects' names begin with.", false, false },
    { "lock_mode", KT_OPT_STRING, "COMPLIANCE", offsetof(struct options, lock_mode),
      "COMPLIANCE, GOVERNANCE (for a trial), or none for a bucket without object lock.", false,
      false },
    { "retain", KT_OPT_DURATION, "400d", offsetof(struct options, retain),
      "How long an object is locked.", false, false },
    { "encryption", KT_OPT_STRING, "aws:kms", offsetof(struct options, encryption),
      "aws:kms, AES256, or none to leave it to the bucket.", false, false },
    { "kms_key", KT_OPT_STRING, "", offsetof(struct options, kms_key),
      "The key's ARN; empty: the account's own for S3.", false, false },
    KT_OPTIONS_END,
};

static enum kt_status add(const void *opt, void *state, const struct kt_stream_item *item,
                          struct kt_arena *arena, struct kt_buf *body, struct kt_error *err)
{
    (void)opt;
    (void)state;
    (void)arena;
    (void)err;
    kt_buf_add(body, item->line);
    kt_buf_byte(body, '\n');
    return KT_OK;
}

/* ---- names ---- */

/* <prefix>/v1/log=<id>/date=2026-11-22/part-<first>-<last>-<digest>. Places have a fixed width, so
 * that a list is in order. */
static struct kt_str name_of(const struct options *o, const struct kt_stream_batch *b,
                             struct kt_arena *arena)
{
    struct kt_civil day = kt_time_civil(b->stored);
    return kt_arena_fmt(
        arena, "%s/v1/log=%s/date=%04d-%02d-%02d/part-%012" PRIu64 "-%012" PRIu64 "-%.16s",
        o->prefix, b->log, day.year, day.month, day.day, b->first_seq, b->last_seq, b->digest);
}

static void manifest(const struct kt_stream_batch *b, struct kt_str object, struct kt_buf *out)
{
    char hex[65];
    kt_hex(hex, b->body_sha256, sizeof b->body_sha256);
    size_t root = kt_doc_open(out, NULL, '{');
    kt_doc_z(out, "format", "keytrail canonical lines, NDJSON, zstd");
    kt_doc_str(out, "object", object);
    kt_doc_u64(out, "bytes", b->body.len);
    kt_doc_z(out, "sha256", hex);
    kt_doc_u64(out, "rows", b->n);
    kt_doc_z(out, "deployment", b->deployment);
    kt_doc_z(out, "stream", b->stream);
    kt_doc_z(out, "log", b->log);
    kt_doc_u64(out, "first_seq", b->first_seq);
    kt_doc_u64(out, "last_seq", b->last_seq);
    kt_doc_z(out, "digest", b->digest);
    kt_doc_time(out, "stored", b->stored);
    kt_doc_close(out, root);
    kt_buf_byte(out, '\n');
}

/* ---- requests ---- */

#define TEST_LOCK (2 * KT_NS_MIN)

/* Stage 0 writes the object, stage 1 its manifest. Where the object was there already, stage 1
 * reads it, and stage 2 writes the manifest. */
enum what { WRITE_OBJECT, READ_OBJECT, WRITE_MANIFEST };
#define THERE "there"

static enum what what_of(unsigned stage, const char *note)
{
    if (stage == 0)
        return WRITE_OBJECT;
    return stage == 1 && kt_str_is(kt_str_of(note), THERE) ? READ_OBJECT : WRITE_MANIFEST;
}

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

/* A test is locked for as long as it takes to see that it can be. */
static void write_headers(const struct options *o, const struct kt_stream_batch *b,
                          struct kt_str body, struct kt_arena *arena, struct pairs *p)
{
    char until[KT_TIME_TEXT_MAX];
    uint8_t hash[32];
    kt_sha256_of(&body, 1, hash);
    add_pair(p, KT_STR("if-none-match"), KT_STR("*"));
    add_pair(p, KT_STR("x-amz-checksum-sha256"), base64_of(hash, arena));
    if (!kt_str_is(kt_str_of(o->encryption), "none"))
        add_pair(p, KT_STR("x-amz-server-side-encryption"), kt_str_of(o->encryption));
    if (o->kms_key != NULL)
        add_pair(p, KT_STR("x-amz-server-side-encryption-aws-kms-key-id"), kt_str_of(o->kms_key));
    if (kt_str_is(kt_str_of(o->lock_mode), "none"))
        return;
    struct kt_str stamp =
        kt_str_of(kt_time_format(b->now + (b->test ? TEST_LOCK : o->retain), until));
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
static struct kt_str path_of(struct kt_str bucket, struct kt_str name, struct kt_str end,
                             struct kt_arena *arena)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
    kt_buf_add(&path, bucket);
    kt_buf_byte(&path, '/');
    kt_aws_encode(name, true, &path);
    kt_aws_encode(end, true, &path);
    return kt_arena_str(arena, kt_buf_str(&path));
}

/* Signs, and makes headers of what comes. */
static enum kt_status sign(const struct kt_stream_secrets *secrets, const struct kt_aws_request *r,
                           struct kt_arena *arena, struct kt_stream_request *ret,
                           struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    const struct kt_aws_keys keys = { credential(secrets->key, "aws_access_key_id"),
                                      credential(secrets->key, "aws_secret_access_key"),
                                      credential(secrets->key, "aws_session_token") };
    if (keys.id.len == 0 || keys.secret.len == 0)
        return kt_fail(err, KT_E_CONFIG,
                       "credentials_file: it needs the lines aws_access_key_id = … and "
                       "aws_secret_access_key = …");
    kt_aws_sign(&keys, r, &lines);
    struct kt_str rest = kt_arena_str(arena, kt_buf_str(&lines)), line;
    kt_wipe(lines.at, lines.len);
    while (rest.len > 0 && kt_str_split(&rest, '\n', &line) &&
           ret->n_headers < KT_ARRAY_LEN(ret->headers))
        ret->headers[ret->n_headers++] = line;
    return KT_OK;
}

static enum kt_status request(const void *opt, const struct kt_stream_secrets *secrets,
                              const struct kt_stream_batch *batch, unsigned stage, const char *note,
                              struct kt_arena *arena, struct kt_stream_request *ret,
                              struct kt_error *err)
{
    const struct options *o = opt;
    enum what what = what_of(stage, note);
    struct kt_str name = name_of(o, batch, arena), host, bucket;
    struct kt_str object = kt_arena_cat(arena, name, KT_STR(".ndjson.zst"));
    struct pairs pairs = { .n = 0 };
    split_url(secrets->url, &host, &bucket);
    ret->method = what == READ_OBJECT ? KT_HTTP_GET : KT_HTTP_PUT;
    ret->own_body = what != WRITE_OBJECT;
    if (what == WRITE_MANIFEST)
        manifest(batch, object, &ret->body);
    struct kt_str body = ret->own_body ? kt_buf_str(&ret->body) : batch->body;
    if (what != READ_OBJECT)
        write_headers(o, batch, body, arena, &pairs);
    const struct kt_aws_request r = {
        .method = what == READ_OBJECT ? "GET" : "PUT",
        .host = host,
        .path = path_of(bucket, what == WRITE_MANIFEST ? name : object,
                        what == WRITE_MANIFEST ? KT_STR(".manifest.json") : KT_STR_NONE, arena),
        .header = pairs.at,
        .n_header = pairs.n,
        .body = body,
        .region = o->region,
        .service = "s3",
        .now = batch->now,
    };
    ret->url =
        kt_arena_cat(arena, kt_str_sub(secrets->url, 0, secrets->url.len - bucket.len), r.path);
    enum kt_status st = sign(secrets, &r, arena, ret, err);
    if (st != KT_OK)
        return st;
    if (what != READ_OBJECT)
        ret->headers[ret->n_headers++] = what == WRITE_OBJECT
                                             ? KT_STR("Content-Type: application/zstd")
                                             : KT_STR("Content-Type: application/json");
    return arena->full ? kt_fail(err, KT_E_LIMIT, "s3_archive: the names are too long") : KT_OK;
}

/* ---- answers ---- */

/* By the code of the error; all others are a person's to mend. */
static const char *const passing[] = { "SlowDown",       "InternalError",
                                       "RequestTimeout", "ServiceUnavailable",
                                       "Throttling",     "ConditionalRequestConflict",
                                       "BadDigest",      "OperationAborted" };

static void judge_failure(int status, struct kt_str body, struct kt_stream_judgement *ret)
{
    struct kt_str code = kt_aws_xml(body, "Code");
    char word[64];
    bool again = status == 408 || status == 409 || status == 425 || status == 429 || status >= 500;
    for (size_t i = 0; i < KT_ARRAY_LEN(passing); i++)
        again = again || kt_str_is(code, passing[i]);
    ret->verdict = again ? KT_STREAM_RETRY : KT_STREAM_DENIED;
    kt_render_word(code, status, word);
    (void)snprintf(ret->word, sizeof ret->word, "%d %s", status, word);
}

static void zip_free(struct kt_zip **z)
{
    kt_zip_free(*z);
}

/* Another version of zstd packs the same lines into other bytes. */
static bool same_lines(struct kt_str a, struct kt_str b)
{
    KT_CLEANUP(zip_free) struct kt_zip *z = kt_zip_new();
    KT_CLEANUP(kt_buf_done) struct kt_buf x = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf y = { 0 };
    return kt_str_eq(a, b) || (kt_zip_unpack(z, a, RAW_MAX, 100000, &x, NULL) == KT_OK &&
                               kt_zip_unpack(z, b, RAW_MAX, 100000, &y, NULL) == KT_OK &&
                               kt_str_eq(kt_buf_str(&x), kt_buf_str(&y)));
}

static void judge(const void *opt, const struct kt_stream_batch *batch, unsigned stage, int status,
                  struct kt_str body, const struct kt_http_answer *headers,
                  struct kt_stream_judgement *ret)
{
    enum what what = what_of(stage, ret->note);
    bool good = status >= 200 && status < 300, there = status == 412;
    (void)opt;
    (void)headers;
    ret->word[0] = '\0';
    if (what == READ_OBJECT ? !good : !good && !there) {
        judge_failure(status, body, ret);
        return;
    }
    if (what == WRITE_MANIFEST) {
        ret->verdict = KT_STREAM_TAKEN;
        return;
    }
    if (what == READ_OBJECT && !same_lines(body, batch->body)) {
        ret->verdict = KT_STREAM_DENIED;
        kt_str_copyz(ret->word, sizeof ret->word,
                     KT_STR("an object of this name is there, with other content"));
        return;
    }
    ret->verdict = KT_STREAM_NEXT;
    kt_str_copyz(ret->note, sizeof ret->note, there ? KT_STR(THERE) : KT_STR("written"));
}

/* ---- options ---- */

static bool one_of(const char *word, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (kt_str_is(kt_str_of(word), words[i]))
            return true;
    return false;
}

static bool is_prefix(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              kt_str_find_byte(KT_STR("-_./="), c, 0) >= 0))
            return false;
    }
    return s.len > 0 && s.at[0] != '/' && s.at[s.len - 1] != '/';
}

static enum kt_status check(const void *opt, struct kt_error *err)
{
    static const char *const modes[] = { "COMPLIANCE", "GOVERNANCE", "none" };
    static const char *const ciphers[] = { "aws:kms", "AES256", "none" };
    const struct options *o = opt;
    if (!one_of(o->lock_mode, modes, KT_ARRAY_LEN(modes)))
        return kt_fail(err, KT_E_CONFIG, "lock_mode: COMPLIANCE, GOVERNANCE or none, not '%s'",
                       o->lock_mode);
    if (!one_of(o->encryption, ciphers, KT_ARRAY_LEN(ciphers)))
        return kt_fail(err, KT_E_CONFIG, "encryption: aws:kms, AES256 or none, not '%s'",
                       o->encryption);
    if (o->kms_key != NULL && !kt_str_is(kt_str_of(o->encryption), "aws:kms"))
        return kt_fail(err, KT_E_CONFIG, "kms_key: it goes with encryption: aws:kms");
    if (o->retain < KT_NS_DAY)
        return kt_fail(err, KT_E_CONFIG, "retain: at least 1d");
    if (!is_prefix(kt_str_of(o->prefix)))
        return kt_fail(err, KT_E_CONFIG,
                       "prefix: letters, digits and - _ . / =, without a '/' at its ends");
    return KT_OK;
}

const struct kt_stream_type kt_stream_type_s3_archive = {
    .name = "s3_archive",
    .summary = "Write-once objects of S3 with object lock",
    .options = options,
    .options_size = sizeof(struct options),
    .sink = KT_STREAM_SINK_HTTP,
    .limits = { .items = 20000, .bytes = 8u << 20, .wait_ms = 60000 },
    .pack = KT_STREAM_ZSTD,
    .hash_body = true,
    .add = add,
    .request = request,
    .judge = judge,
    .check = check,
};
