/*
 * s3_digests: verifies the digest files of a trail.
 *
 * Owns:  the digest at hand, the public keys, the hashes of log files read lately, the chains.
 * Calls: core, aws_client, aws_digest, aws_trail, s3_reader.
 * Holds: a digest that could not be looked into for want of a right or an answer gets no verdict,
 *        and holds up no other; what is kept is bounded.
 */
#include "agents/inputs/s3_digests_int.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/event/line.h"
#include <stdio.h>
#include <string.h>

#define DIGEST_MAX (8u << 20) /* bytes, uncompressed: what a JSON text may have */
#define TOLD_MAX   20u        /* log files of one digest that get a line each */
#define KEY_PAGES  16u
#define TRIES      3u
#define TROUBLE    KT_NS_DAY
#define SILENT     (3 * KT_NS_HOUR) /* one comes each hour, empty or not */
#define ENDED      (7 * KT_NS_DAY)
#define OTHER      "the digest before this one is not the one that it names"

/* ---- life ---- */

struct s3_digests *s3_digests_new(const struct kt_input_env *env, struct s3_reader *r,
                                  const char *endpoint)
{
    struct s3_digests *d = kt_alloc(sizeof *d);
    d->env = *env;
    d->r = r;
    d->aws = r->aws;
    d->endpoint = endpoint;
    d->json = kt_json_new(KT_JSON_SIMDJSON);
    d->chains = kt_map_new(0);
    d->hashes = kt_map_new(0);
    d->regions = kt_map_new(0);
    d->tried = s3_tried_new();
    d->hash = kt_alloc_array(HASHES_MAX, sizeof *d->hash);
    env->each_position(env->self, digests_load, d);
    return d;
}

static void forget_digest(struct s3_digests *d)
{
    for (unsigned i = 0; i < d->n_files; i++)
        s3_object_done(&d->file[i].object);
    kt_free(d->file);
    s3_object_done(&d->previous);
    d->file = NULL;
    d->n_files = d->next = d->listed = d->bad = 0;
    d->phase = IDLE;
    d->object = NULL;
    d->r->into = NULL;
    kt_buf_done(&d->text);
}

void s3_digests_free(struct s3_digests *d)
{
    if (d == NULL)
        return;
    forget_digest(d);
    digests_forget_all(d);
    s3_tried_free(d->tried);
    kt_json_free(d->json);
    kt_buf_done(&d->signature);
    kt_buf_done(&d->chain_name);
    kt_buf_done(&d->token);
    kt_free(d);
}

/* ---- verdicts ---- */

static void member(struct kt_buf *b, const char *name, struct kt_str v)
{
    kt_buf_addf(b, "%s\"%s\":", b->len > 1 ? "," : "", name);
    kt_json_quote(b, v);
}

/* about: the log file or digest it is about, beside the digest itself; empty = none. */
static void tell(struct s3_digests *d, const char *operation, struct kt_str about,
                 const char *sentence)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 }, id = { 0 };
    char time[KT_TIME_TEXT_MAX];
    uint8_t print[PRINT];
    struct kt_str key = kt_str_of(d->object->key);
    digests_print(key, about, print);
    kt_buf_addf(&id, "%s/", operation);
    kt_hex_add(&id, print, sizeof print);
    kt_buf_byte(&raw, '{');
    member(&raw, "bucket", kt_str_of(d->object->bucket));
    member(&raw, "digest", key);
    member(&raw, "region", kt_str_of(d->region));
    if (about.len > 0)
        member(&raw, "about", about);
    if (d->digest.start != 0) {
        member(&raw, "from", kt_str_of(kt_time_format(d->digest.start, time)));
        member(&raw, "until", kt_str_of(kt_time_format(d->digest.end, time)));
        kt_buf_addf(&raw, ",\"log_files\":%u", d->listed);
    }
    kt_buf_byte(&raw, '}');
    const struct kt_input_report r = {
        .operation = kt_str_of(operation),
        .message = kt_str_of(sentence),
        .native_id = kt_buf_str(&id),
        .scope = d->digest.account.len > 0 ? d->digest.account : kt_str_of(d->env.conf->id),
        .time = d->digest.end != 0 ? d->digest.end : d->aws->now,
        .raw = kt_buf_str(&raw),
    };
    d->env.report(d->env.self, &r);
}

static void alarm(struct s3_digests *d, const char *operation, struct kt_str about,
                  const char *what)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_str name = about.len > 0 ? about : kt_str_of(d->object->key);
    kt_buf_addf(&text, "%s: ", what);
    kt_buf_add(&text, kt_str_sub(name, 0, 1024));
    if (d->bad++ < TOLD_MAX)
        tell(d, operation, about, kt_buf_z(&text));
    struct kt_str file = kt_str_from_index(name, (size_t)(kt_str_rfind_byte(name, '/') + 1));
    file = kt_utf8_cut(file, 110);
    (void)snprintf(d->trouble, sizeof d->trouble, "%s: " KT_STR_FMT, what, KT_STR_ARG(file));
    d->trouble_at = d->aws->now;
}

/* Everything about it is known. */
static void end_digest(struct s3_digests *d)
{
    char text[300], from[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX], account[16];
    kt_str_copyz(account, sizeof account, d->digest.account);
    if (d->bad > TOLD_MAX) {
        (void)snprintf(text, sizeof text, "%u more findings in this digest", d->bad - TOLD_MAX);
        tell(d, "trail.changed", KT_STR_NONE, text);
    }
    if (d->bad > 0) {
        d->broken++;
    } else {
        d->verified++;
        d->until = d->digest.end > d->until ? d->digest.end : d->until;
        (void)snprintf(text, sizeof text,
                       "%u log files of %s in %s from %s to %s were read as CloudTrail wrote them",
                       d->listed, account, d->region, kt_time_format_short(d->digest.start, from),
                       kt_time_format_short(d->digest.end, until));
        tell(d, "trail.verified", KT_STR_NONE, text);
    }
    forget_digest(d);
}

/* Nothing that it says is believed: not even when it was. */
static void not_its_own(struct s3_digests *d, const char *what)
{
    d->digest = (struct aws_digest){ 0 };
    alarm(d, "trail.signature", KT_STR_NONE, what);
    end_digest(d);
}

/* ---- step by step ---- */

static enum kt_status collect(void *self, struct kt_str piece, struct kt_error *err)
{
    struct s3_digests *d = self;
    (void)err;
    if (d->text.len + piece.len > DIGEST_MAX)
        d->too_long = true; /* the rest is read, for its hash, and forgotten */
    else
        kt_buf_add(&d->text, piece);
    return KT_OK;
}

static void read_digest(struct s3_digests *d, enum phase phase, const struct s3_object *o)
{
    d->phase = phase;
    d->too_long = false;
    kt_buf_reset(&d->text);
    d->r->into = collect;
    d->r->self = d;
    s3_reader_start(d->r, o);
}

void s3_digests_start(struct s3_digests *d, const struct s3_object *o)
{
    forget_digest(d);
    d->digest = (struct aws_digest){ 0 };
    d->region[0] = '\0';
    d->object = o;
    read_digest(d, DIGEST, o);
}

bool s3_digests_busy(const struct s3_digests *d)
{
    return d != NULL && d->phase != IDLE;
}

static void to_next_file(struct s3_digests *d)
{
    d->phase = FILES;
    d->r->into = NULL; /* records are given out */
    if (d->next < d->n_files)
        s3_reader_start(d->r, &d->file[d->next].object);
    else
        end_digest(d);
}

static void judge_file(struct s3_digests *d, struct kt_str bucket, struct kt_str key,
                       const uint8_t want[32], const uint8_t is[32])
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    if (memcmp(want, is, 32) == 0)
        return;
    kt_buf_addf(&name, KT_STR_FMT "/" KT_STR_FMT, KT_STR_ARG(bucket), KT_STR_ARG(key));
    alarm(d, "trail.changed", kt_buf_str(&name),
          "a log file is not the one that CloudTrail delivered");
}

/* Log files read lately are judged; the others are noted, to be read. */
static void look_at_files(struct s3_digests *d)
{
    struct kt_json_iter it = kt_json_iter(d->digest.files);
    struct aws_digest_file f;
    bool bad = false;
    while (aws_digest_next(&it, &f, &bad)) {
        const uint8_t *known = digests_hash(d, f.bucket, f.object);
        d->listed++;
        if (known != NULL) {
            judge_file(d, f.bucket, f.object, f.sha256, known);
            continue;
        }
        d->file = kt_realloc_array(d->file, d->n_files + 1, sizeof *d->file);
        struct log_file *to = &d->file[d->n_files++];
        to->object = s3_object_of(f.bucket, f.object, KT_STR_NONE);
        memcpy(to->sha256, f.sha256, sizeof to->sha256);
    }
    if (bad)
        alarm(d, "trail.unread", KT_STR_NONE, "a digest lists a log file in a form not known");
    to_next_file(d);
}

static void link_up(struct s3_digests *d)
{
    const struct chain *c = digests_chain(d);
    if (d->digest.starting) {
        tell(d, "trail.begins", KT_STR_NONE,
             "a chain of digests begins: until here, validation of log files was off");
    } else if (c == NULL || !kt_str_is(d->digest.previous_object, c->last)) {
        d->previous =
            s3_object_of(d->digest.previous_bucket, d->digest.previous_object, KT_STR_NONE);
        read_digest(d, PREVIOUS, &d->previous);
        return;
    } else if (!digests_is_previous(d, c->hash, c->signature)) {
        alarm(d, "trail.chain", d->digest.previous_object, OTHER);
    }
    digests_chain_on(d);
    look_at_files(d);
}

static void previous_is_read(struct s3_digests *d, bool gone)
{
    struct kt_http_answer a = { .headers = d->r->headers };
    struct kt_str object = d->digest.previous_object;
    uint8_t print[PRINT];
    digests_sign_print(kt_http_header(&a, "x-amz-meta-signature"), print);
    if (gone && digests_chain(d) != NULL)
        alarm(d, "trail.chain", object, "a digest is missing");
    else if (gone) /* the first of this chain that we see: older ones are deleted in time */
        tell(d, "trail.begins", object,
             "the digest before the first one that was looked at is not there");
    else if (!digests_is_previous(d, d->r->sha256, print))
        alarm(d, "trail.chain", object, OTHER);
    digests_chain_on(d);
    look_at_files(d);
}

/* The keys of its region were asked for, or one of them was known. */
static void judge_signature(struct s3_digests *d)
{
    const struct public_key *k = digests_key(d);
    struct kt_str bucket = kt_str_of(d->object->bucket), key = kt_str_of(d->object->key);
    if (k == NULL || !aws_digest_is_signed(&d->digest, bucket, key, d->sha256,
                                           kt_buf_str(&d->signature), kt_buf_str(&k->der))) {
        not_its_own(d, "a digest is not signed by CloudTrail");
        return;
    }
    link_up(d);
}

static void digest_is_read(struct s3_digests *d)
{
    struct kt_error why = { 0 };
    char text[128];
    struct kt_str key = kt_str_of(d->object->key), region;
    struct kt_http_answer a = { .headers = d->r->headers };
    memcpy(d->sha256, d->r->sha256, sizeof d->sha256);
    kt_buf_reset(&d->signature);
    kt_buf_add(&d->signature, kt_http_header(&a, "x-amz-meta-signature"));
    kt_buf_reset(&d->chain_name);
    if (d->too_long || !d->r->whole || !aws_digest_chain(key, &d->chain_name, &region) ||
        !aws_plain(region) || region.len >= sizeof d->region ||
        aws_digest_read(d->json, kt_buf_str(&d->text), &d->digest, &why) != KT_OK) {
        (void)snprintf(text, sizeof text, "a digest cannot be read (%.80s)",
                       d->too_long           ? "it is longer than may be"
                       : !d->r->whole        ? "it is broken"
                       : why.text[0] != '\0' ? why.text
                                             : "its name is not one of a digest");
        alarm(d, "trail.unread", KT_STR_NONE, text);
        end_digest(d);
        return;
    }
    kt_str_copyz(d->region, sizeof d->region, region);
    if (!kt_str_is(d->digest.bucket, d->object->bucket) || !kt_str_eq(d->digest.object, key)) {
        not_its_own(d, "a digest lies elsewhere than it says");
        return;
    }
    d->phase = KEYS;
    d->pages = 0;
    kt_buf_reset(&d->token);
    if (digests_key(d) != NULL)
        judge_signature(d);
}

/* ---- questions and answers ---- */

static void ask_keys(struct s3_digests *d)
{
    struct kt_buf *b = &d->aws->body;
    kt_buf_reset(b);
    kt_buf_addf(b, "{\"StartTime\":%lld,\"EndTime\":%lld", (long long)(d->digest.start / KT_NS_S),
                (long long)(d->digest.end / KT_NS_S));
    if (d->token.len > 0) {
        kt_buf_addz(b, ",\"NextToken\":");
        kt_json_quote(b, kt_buf_str(&d->token));
    }
    kt_buf_byte(b, '}');
    aws_client_base(d->aws, d->endpoint, "cloudtrail", d->region);
    aws_client_call(d->aws, "cloudtrail", d->region, "application/x-amz-json-1.1",
                    KT_STR("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.ListPublicKeys"),
                    S3_REPLY_MAX);
}

void s3_digests_ask(struct s3_digests *d)
{
    if (d->phase == KEYS)
        ask_keys(d);
    else
        s3_reader_ask(d->r);
}

static enum s3_heard refuse(struct s3_digests *d)
{
    forget_digest(d);
    return S3_REFUSED;
}

/* Whoever may write to the bucket names the region: one that does not answer, or that there is not,
 * holds up its own digests alone. */
static enum s3_heard without_keys(struct s3_digests *d, kt_time_ns wait, const char *why)
{
    char text[300];
    (void)snprintf(text, sizeof text, "public keys of CloudTrail in %s: %s", d->region, why);
    aws_client_say_for_long(d->aws, text);
    aws_pace_later(digests_pace(d), d->aws->now, wait);
    return refuse(d);
}

static bool is_resting(struct s3_digests *d)
{
    kt_time_ns at = digests_pace(d)->at, now = d->aws->now;
    return at > now && at <= now + 2 * KT_NS_HOUR; /* else the clock was set back */
}

enum s3_heard s3_digests_unanswered(struct s3_digests *d, kt_time_ns wait)
{
    char why[200];
    if (d->phase != KEYS)
        return S3_GOING;
    kt_str_copyz(why, sizeof why, kt_str_of(d->aws->problem));
    return without_keys(d, wait, why);
}

static enum s3_heard hear_keys(struct s3_digests *d, const struct kt_http_answer *a)
{
    struct kt_error why = { 0 };
    struct kt_str token;
    char text[120];
    if (a->status != 200) {
        struct kt_str code = aws_client_code(d->aws, a);
        const char *help;
        bool denied = aws_client_wrong(code, &help) == AWS_WRONG_RIGHT || a->status == 403;
        (void)snprintf(text, sizeof text, "%d " KT_STR_FMT ": %s", a->status, KT_STR_ARG(code),
                       help != NULL ? help
                       : denied     ? "the role needs cloudtrail:ListPublicKeys"
                                    : "they are asked for again later");
        return without_keys(d, a->retry_after, text);
    }
    if (aws_digest_keys(d->aws->json, kt_buf_str(&a->body), digests_take_key, d, &token, &why) !=
        KT_OK)
        return without_keys(d, a->retry_after, why.text);
    digests_pace(d)->failures = 0;
    kt_buf_reset(&d->token);
    kt_buf_add(&d->token, token);
    if (digests_key(d) != NULL || token.len == 0 || ++d->pages == KEY_PAGES)
        judge_signature(d);
    return d->phase == IDLE ? S3_GONE : S3_GOING;
}

/* What was asked for is not there, or is refused for good. */
static void is_not_to_be_had(struct s3_digests *d, bool gone)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    switch (d->phase) {
    case IDLE:
    case KEYS:
        break;
    case DIGEST:
        forget_digest(d);
        break;
    case PREVIOUS:
        if (gone) {
            previous_is_read(d, true);
            break;
        }
        alarm(d, "trail.unread", d->digest.previous_object, "a digest may not be read");
        digests_chain_on(d);
        look_at_files(d);
        break;
    case FILES:
        kt_buf_addf(&name, "%s/%s", d->file[d->next].object.bucket, d->file[d->next].object.key);
        alarm(d, gone ? "trail.missing" : "trail.unread", kt_buf_str(&name),
              gone ? "a log file that CloudTrail delivered is gone"
                   : "a log file that CloudTrail delivered may not be read");
        d->next++;
        to_next_file(d);
        break;
    }
}

/* How often something that the digest at hand names was refused. */
static unsigned tries(struct s3_digests *d)
{
    uint8_t print[PRINT];
    digests_print(kt_str_of(d->object->bucket), kt_str_of(d->object->key), print);
    return s3_tried_again(d->tried, kt_str_from(print, PRINT));
}

enum s3_heard s3_digests_hear(struct s3_digests *d, struct kt_http_answer *a)
{
    if (d->phase == KEYS)
        return hear_keys(d, a);
    enum s3_heard heard = s3_reader_hear(d->r, a);
    if (heard == S3_GOING)
        return S3_GOING;
    /* What is gone looks refused to whoever has no s3:ListBucket. */
    if (heard == S3_REFUSED && (d->phase == DIGEST || tries(d) < TRIES))
        return refuse(d);
    is_not_to_be_had(d, heard == S3_GONE);
    return d->phase == IDLE ? S3_GONE : S3_GOING;
}

enum kt_status s3_digests_work(struct s3_digests *d, size_t budget, bool *ret_more,
                               enum s3_heard *ret, struct kt_error *err)
{
    bool read = false;
    *ret = S3_GOING;
    enum kt_status st = s3_reader_work(d->r, budget, ret_more, &read, err);
    if (st != KT_OK || !read)
        return st;
    if (d->phase == DIGEST) {
        digest_is_read(d);
    } else if (d->phase == PREVIOUS) {
        previous_is_read(d, false);
    } else {
        const struct log_file *f = &d->file[d->next++];
        s3_digests_remember(d, &f->object);
        judge_file(d, kt_str_of(f->object.bucket), kt_str_of(f->object.key), f->sha256,
                   d->r->sha256);
        to_next_file(d);
    }
    if (d->phase == KEYS && is_resting(d))
        *ret = refuse(d);
    else if (d->phase == IDLE)
        *ret = S3_GONE;
    return KT_OK;
}

/* ---- telling ---- */

void s3_digests_status(const struct s3_digests *d, struct kt_buf *out)
{
    char until[KT_TIME_TEXT_MAX];
    if (d == NULL)
        return;
    kt_buf_addf(out, "; %llu digests verified", (unsigned long long)d->verified);
    if (d->until > 0)
        kt_buf_addf(out, " up to %s", kt_time_format_short(d->until, until));
    if (d->broken > 0)
        kt_buf_addf(out, ", %llu NOT", (unsigned long long)d->broken);
}

static void silence(const struct s3_digests *d, char *ret, size_t size)
{
    char since[KT_TIME_TEXT_MAX];
    kt_time_ns now = d->aws->now, began = d->aws->began;
    bool any = false;
    for (uint32_t i = 0; i < kt_map_count(d->chains); i++) {
        kt_time_ns until = d->chain[i].until;
        struct kt_str name = kt_map_key(d->chains, i);
        if (aws_digest_is_backfill(name) || now - until > ENDED)
            continue;
        any = true;
        if (now - (until > began ? until : began) <= SILENT)
            continue;
        (void)snprintf(ret, size,
                       "no digest since %s of " KT_STR_FMT ": is log file validation on?",
                       kt_time_format_short(until, since), KT_STR_ARG(kt_str_sub(name, 0, 100)));
        return;
    }
    if (!any && now - began > SILENT)
        (void)snprintf(ret, size,
                       "no digest was verified in three hours: is log file validation "
                       "on, and do digests come this way?");
}

void s3_digests_problem(const struct s3_digests *d, char *ret, size_t size)
{
    ret[0] = '\0';
    if (d == NULL)
        return;
    if (d->trouble[0] != '\0' && d->aws->now - d->trouble_at < TROUBLE)
        kt_str_copyz(ret, size, kt_str_of(d->trouble));
    else
        silence(d, ret, size);
}
