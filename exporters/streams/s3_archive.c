/*
 * s3_archive: batches as write-once objects of S3: compressed canonical lines, a manifest beside
 * each. [S: Amazon S3 API Reference, PutObject, "Conditional writes", "S3 Object Lock"; EXPORTS
 * §2.11]
 *
 * Owns:  the names of objects.
 * Calls: core/base (aws, zip), doc, s3_object. No I/O, no clock: the time of the signature is
 * handed in. Holds: the name says which records are inside, so that a batch that is sent again
 * meets its own object, whose content is compared and counts as written.
 */
#include "core/base/aws.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/zip.h"
#include "exporters/alerts/render.h"
#include "exporters/streams/doc.h"
#include "exporters/streams/s3_object.h"
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

static enum kt_status request(const void *opt, const struct kt_stream_secrets *secrets,
                              const struct kt_stream_batch *batch, unsigned stage, const char *note,
                              struct kt_arena *arena, struct kt_stream_request *ret,
                              struct kt_error *err)
{
    const struct options *o = opt;
    enum what what = what_of(stage, note);
    struct kt_str name = name_of(o, batch, arena);
    struct kt_str object = kt_arena_cat(arena, name, KT_STR(".ndjson.zst"));
    ret->method = what == READ_OBJECT ? KT_HTTP_GET : KT_HTTP_PUT;
    ret->own_body = what != WRITE_OBJECT;
    if (what == WRITE_MANIFEST)
        manifest(batch, object, &ret->body);
    const struct kt_s3_object r = {
        .url = secrets->url,
        .credentials = secrets->key,
        .region = o->region,
        .name =
            what == WRITE_MANIFEST ? kt_arena_cat(arena, name, KT_STR(".manifest.json")) : object,
        .read = what == READ_OBJECT,
        .body = ret->own_body ? kt_buf_str(&ret->body) : batch->body,
        .lock_mode = o->lock_mode,
        /* A test is locked for as long as it takes to see that it can be. */
        .locked_until = batch->now + (batch->test ? TEST_LOCK : o->retain),
        .encryption = o->encryption,
        .kms_key = o->kms_key,
        .now = batch->now,
    };
    enum kt_status st = kt_s3_request(&r, arena, &ret->url, ret->headers,
                                      KT_ARRAY_LEN(ret->headers) - 1, &ret->n_headers, err);
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
