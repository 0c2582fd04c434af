/*
 * inventory: what a store holds, asked once a day: names, ages and rotation, never a value.
 *
 * Owns:  the round under way: its tasks, one request at a time.
 * Calls: core, fetch, the stores (inventory_store.h), one pipeline. Time comes in.
 * Holds: a snapshot is marked complete only when every task of it was answered; what failed is
 *        counted in the mark. A round that a crash cut off gets no mark, and another begins, with a
 *        time of its own: what one mark speaks of was asked for in one go.
 */
#include "agents/inputs/counts.h"
#include "agents/inputs/inventory_int.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES (16u << 20) /* texts of the secrets of one answer */
#define TODO_MAX    200000u
#define TASK_MAX    16384u
#define TRIES_MAX   8u
#define REFUSED_MAX 20u /* tasks in a row: then the rest is not asked for */
#define RETRY_FIRST (2 * KT_NS_S)
#define RETRY_MOST  (5 * KT_NS_MIN)
#define PART_AGAIN  KT_NS_HOUR /* after an incomplete snapshot */

extern const struct inv_store inv_store_aws_sm, inv_store_aws_ssm, inv_store_vault,
    inv_store_kubernetes, inv_store_onepassword, inv_store_doppler, inv_store_gcp, inv_store_github,
    inv_store_azure;
const struct inv_store *const inv_stores[] = {
    &inv_store_aws_sm,      &inv_store_aws_ssm,
    &inv_store_vault,       &inv_store_kubernetes,
    &inv_store_onepassword, &inv_store_doppler,
    &inv_store_gcp,         &inv_store_github,
    &inv_store_azure,       NULL,
};

#define AT(field) offsetof(struct options, field)
static const struct kt_option options[] = {
    /* beside the keys of every source entry */
    { "store", KT_OPT_STRING, NULL, AT(store),
      "aws_sm, aws_ssm, vault, kubernetes, onepassword, doppler, gcp, github or azure", false,
      false },
    { "url", KT_OPT_STRING, "", AT(url), "where it is; default: the service's own", false, false },
    { "within", KT_OPT_LIST, "", AT(within),
      "mounts of Vault, projects, namespaces, organizations: what is to be listed", false, false },
    { "region", KT_OPT_STRING, "", AT(region), "of AWS", false, false },
    { "namespace", KT_OPT_STRING, "", AT(namespace), "of Vault", false, false },
    { "token_file", KT_OPT_SECRET_FILE, "", AT(token_file), "file with the token, mode 0600", false,
      false },
    { "credentials_file", KT_OPT_SECRET_FILE, "", AT(credentials_file),
      "AWS credentials file, key of a Google service account, secret of an Azure application; "
      "default: as their tools look",
      false, false },
    { "tenant", KT_OPT_STRING, "", AT(tenant), "of Azure", false, false },
    { "client_id", KT_OPT_STRING, "", AT(client_id), "of Azure: application or identity", false,
      false },
    { "profile", KT_OPT_STRING, "", AT(profile), "section of the AWS file", false, false },
    { "every", KT_OPT_DURATION, "1d", AT(every), "time between two snapshots", false, false },
    { "proxy", KT_OPT_STRING, "", AT(proxy), "http://host:port", false, false },
    { "ca_file", KT_OPT_PATH, "", AT(ca_file), "certificates instead of the system's", false,
      false },
    { "allow_private", KT_OPT_BOOL, "false", AT(allow_private),
      "private addresses, and http to this host", false, false },
    KT_OPTIONS_END,
};
#undef AT

/* ---- life ---- */

static const char *real_env(void *self, const char *name)
{
    (void)self;
    return getenv(name);
}

static enum kt_status find_store(const char *name, const struct inv_store **ret,
                                 struct kt_error *err)
{
    struct kt_near near = kt_near_of(kt_str_of(name));
    for (size_t i = 0; inv_stores[i] != NULL; i++) {
        kt_near_try(&near, inv_stores[i]->name);
        if (strcmp(inv_stores[i]->name, name) == 0) {
            *ret = inv_stores[i];
            return KT_OK;
        }
    }
    return kt_fail(err, KT_E_CONFIG, "there is no store '%s'%s%s%s", name,
                   near.name != NULL ? ", did you mean '" : "", near.name != NULL ? near.name : "",
                   near.name != NULL ? "'?" : "");
}

static enum kt_status make_url(const struct options *o, const struct inv_store *s, char *to,
                               size_t size, struct kt_error *err)
{
    const char *url = inv_given(o->url) != NULL ? o->url : s->url;
    if (url == NULL && s->auth != INV_AWS)
        return kt_fail(err, KT_E_CONFIG, "'url' is missing");
    if (url != NULL)
        kt_str_copyz(to, size, kt_str_of(url));
    else
        (void)snprintf(to, size, "https://%s.%s.amazonaws.com%s", s->service, o->region,
                       strncmp(o->region, "cn-", 3) == 0 ? ".cn" : "");
    size_t len = strlen(to);
    if (len > 0 && to[len - 1] == '/')
        to[len - 1] = '\0';
    return kt_http_check_url(kt_str_of(to), o->allow_private, err);
}

static enum kt_status check(const struct kt_input_env *env, const struct options *o,
                            const struct inv_store *s, struct kt_error *err)
{
    if (strcmp(env->source->name, "inventory") != 0)
        return kt_fail(err, KT_E_CONFIG, "it is the input of type: inventory");
    if (s->auth == INV_TOKEN && inv_given(o->token_file) == NULL)
        return kt_fail(err, KT_E_CONFIG, "'token_file' is missing");
    if (s->auth == INV_AWS && inv_given(o->region) == NULL)
        return kt_fail(err, KT_E_CONFIG, "'region' is missing");
    if (s->within != NULL && o->within.n == 0)
        return kt_fail(err, KT_E_CONFIG, "'within' is missing: %s", s->within);
    if (o->every < KT_NS_MIN)
        return kt_fail(err, KT_E_CONFIG, "'every' must be at least 1m");
    return inv_given(o->proxy) != NULL ? kt_http_check_proxy(kt_str_of(o->proxy), err) : KT_OK;
}

static void make_keys(struct kt_input *in)
{
    const char *file = inv_given(in->o.credentials_file);
    const struct aws_creds_options ao = {
        .env = real_env, .file = file, .profile = inv_given(in->o.profile), .region = in->o.region
    };
    const struct gcp_auth_options go = { .env = real_env,
                                         .file = file,
                                         .scope = "https://www.googleapis.com/auth/cloud-platform",
                                         .allow_private = in->o.allow_private };
    if (in->store->auth == INV_AWS)
        in->creds = aws_creds_new(&ao);
    const struct azure_auth_options zo = { .env = real_env,
                                           .tenant = inv_given(in->o.tenant),
                                           .client_id = inv_given(in->o.client_id),
                                           .secret_file = file,
                                           .resource = "https://vault.azure.net",
                                           .allow_private = in->o.allow_private };
    if (in->store->auth == INV_GOOGLE)
        in->google = gcp_auth_new(&go);
    if (in->store->auth == INV_AZURE)
        in->azure = azure_auth_new(&zo);
}

/* "1790000000000000000 done": the last round that came to its end. */
static void take_place(struct kt_input *in, struct kt_str place)
{
    struct kt_str time;
    int64_t t;
    if (!kt_str_split(&place, ' ', &time) || !kt_str_i64(time, &t) || t <= 0)
        return;
    in->last = t;
    in->round = kt_str_is(place, "done") ? ROUND_DONE : ROUND_PART;
}

static enum kt_status open_inventory(const struct kt_input_env *env, struct kt_input **ret,
                                     struct kt_error *err)
{
    struct options o = { 0 };
    const struct inv_store *store = NULL;
    char url[sizeof((struct kt_input *)0)->url];
    if (env->yaml == NULL || env->conf->node == NULL)
        return kt_fail(err, KT_E_CONFIG, "inventory: store is missing");
    if (kt_options_fill(env->yaml, env->conf->node, options, &o, err) != KT_OK ||
        find_store(o.store, &store, err) != KT_OK || check(env, &o, store, err) != KT_OK ||
        make_url(&o, store, url, sizeof url, err) != KT_OK)
        return kt_wrap(err, "inventory");
    struct kt_input *in = kt_alloc(sizeof *in);
    in->env = *env;
    in->o = o;
    in->store = store;
    memcpy(in->url, url, sizeof url);
    in->fetch = kt_fetch_new();
    in->json = kt_json_new(KT_JSON_SIMDJSON);
    in->arena = kt_arena_new(ARENA_BYTES);
    in->pipeline = env->pipeline(env->self);
    kt_pipeline_restart(in->pipeline, 0);
    make_keys(in);
    take_place(in, env->position(env->self, KT_STR("snapshot")));
    *ret = in;
    return KT_OK;
}

static void drop_todo(struct kt_input *in)
{
    for (unsigned i = 0; i < in->n_todo; i++)
        kt_free(in->todo[i]);
    in->n_todo = 0;
}

static void close_inventory(struct kt_input *in)
{
    kt_fetch_free(in->fetch);
    aws_creds_free(in->creds);
    gcp_auth_free(in->google);
    azure_auth_free(in->azure);
    drop_todo(in);
    kt_free(in->todo);
    kt_free(in->task);
    kt_circle_done(&in->circle);
    kt_wipe(in->token.at, in->token.cap);
    kt_buf_done(&in->token);
    kt_buf_done(&in->headers);
    kt_buf_done(&in->lines);
    kt_json_free(in->json);
    kt_arena_done(&in->arena);
    kt_pipeline_free(in->pipeline);
    kt_free(in);
}

/* ---- tasks and lines ---- */

void inv_say(struct kt_input *in, const char *what)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    kt_buf_addf(&text, "%s: %s", in->store->name, what);
    kt_str_copyz(in->problem, sizeof in->problem,
                 kt_utf8_cut(kt_buf_str(&text), sizeof in->problem - 1));
}

/* Something of this snapshot will be missing; the first reason stands in its mark. */
static void miss(struct kt_input *in, const char *why)
{
    in->missed++;
    inv_say(in, why);
    if (in->worst[0] == '\0')
        (void)snprintf(in->worst, sizeof in->worst, "%s", in->problem);
    kt_free(in->task);
    in->task = NULL;
    in->tries = 0;
}

struct inv_in inv_about(struct kt_input *in)
{
    kt_arena_reset(&in->arena);
    return (struct inv_in){
        .task = kt_str_of(in->task),
        .url = kt_str_of(in->url),
        .cluster = kt_str_of(in->env.conf->cluster),
        .namespace = kt_str_of(in->o.namespace),
        .region = kt_str_of(in->o.region),
        .within = &in->o.within,
        .now = in->now,
        .arena = &in->arena,
    };
}

struct hearing {
    struct inv_out out; /* first: it is what the store has in hand */
    struct kt_input *in;
    bool too_many;
};

static void on_secret(struct inv_out *o, const struct inv_secret *s)
{
    struct hearing *h = (struct hearing *)o;
    inv_write_secret(s, h->in->store->name, h->in->snapshot, &h->in->lines);
    h->in->secrets++;
}

static void on_task(struct inv_out *o, struct kt_str task)
{
    struct hearing *h = (struct hearing *)o;
    struct kt_input *in = h->in;
    if (in->n_todo == TODO_MAX || task.len > TASK_MAX) {
        h->too_many = true;
        return;
    }
    if (in->n_todo == in->cap_todo) {
        in->cap_todo = in->cap_todo == 0 ? 64 : 2 * in->cap_todo;
        in->todo = kt_realloc_array(in->todo, in->cap_todo, sizeof *in->todo);
    }
    in->todo[in->n_todo++] = kt_str_dup(task);
}

static struct hearing hearing_of(struct kt_input *in)
{
    return (struct hearing){ .out = { .secret = on_secret, .task = on_task }, .in = in };
}

static enum kt_status feed(struct kt_input *in, struct kt_error *err)
{
    struct kt_str lines = kt_buf_str(&in->lines);
    enum kt_status st =
        kt_pipeline_feed(in->pipeline, lines, in->fed, kt_str_of(in->store->name), in->now, err);
    in->fed += lines.len;
    kt_buf_reset(&in->lines);
    return st;
}

/* ---- the round ---- */

static bool is_due(const struct kt_input *in)
{
    kt_time_ns again =
        in->round == ROUND_PART && PART_AGAIN < in->o.every ? PART_AGAIN : in->o.every;
    return in->round == ROUND_NONE || in->now >= in->last + again ||
           in->now < in->last; /* or the clock was set */
}

static void begin_round(struct kt_input *in)
{
    in->snapshot = in->now;
    in->running = true;
    in->secrets = in->missed = 0;
    in->refused = 0;
    in->worst[0] = '\0';
    kt_circle_reset(&in->circle);
    drop_todo(in);
    struct inv_in about = inv_about(in);
    struct hearing h = hearing_of(in);
    in->store->begin(&about, &h.out);
}

/* The next page of a list is the next task. One that leads back to a page that was asked is left
 * out: the round would not end. */
static void next_task(struct kt_input *in)
{
    while (in->task == NULL && in->n_todo > 0) {
        in->task = in->todo[--in->n_todo];
        if (kt_circle_closes(&in->circle, kt_str_of(in->task)))
            miss(in, "its pages lead nowhere: the next one is said to be one that was asked");
    }
}

static enum kt_status end_round(struct kt_input *in, struct kt_error *err)
{
    const struct inv_mark mark = { .secrets = in->secrets,
                                   .missed = in->missed,
                                   .problem = in->missed > 0 ? in->worst : NULL };
    inv_write_mark(&mark, in->store->name, in->snapshot, &in->lines);
    in->round = in->missed == 0 ? ROUND_DONE : ROUND_PART;
    in->last = in->snapshot;
    in->changed = true;
    in->running = false;
    if (in->missed == 0)
        in->problem[0] = '\0';
    return feed(in, err);
}

/* ---- answers ---- */

static void again_later(struct kt_input *in, const char *why, kt_time_ns at_least)
{
    kt_time_ns wait = RETRY_FIRST << in->tries;
    wait = wait > RETRY_MOST ? RETRY_MOST : wait;
    in->at = in->now + (wait > at_least ? wait : at_least);
    inv_say(in, why);
    if (++in->tries > TRIES_MAX)
        miss(in, why);
}

/* Where nothing is allowed, each of many thousand folders need not be tried. */
static void denied(struct kt_input *in)
{
    miss(in, in->store->denied);
    if (++in->refused >= REFUSED_MAX) {
        in->missed += in->n_todo;
        drop_todo(in);
    }
}

static enum kt_status hear(struct kt_input *in, const struct kt_http_answer *a,
                           struct kt_error *err)
{
    struct kt_jval root = { 0 };
    unsigned repaired;
    struct inv_in about = inv_about(in);
    struct hearing h = hearing_of(in);
    const char *problem = NULL;
    in->bytes += a->body.len;
    if (kt_json_parse(in->json, kt_buf_str(&a->body), &root, &repaired, NULL) != KT_OK &&
        a->status == 200)
        problem = "the answer is no JSON: check url";
    else
        problem = in->store->hear(&about, a->status, root, &h.out);
    if (problem == NULL && (h.too_many || in->arena.full))
        problem = "there is more than can be gone through: divide it by 'within'";
    in->refused = 0;
    if (problem != NULL)
        miss(in, problem);
    kt_free(in->task);
    in->task = NULL;
    in->tries = 0;
    return feed(in, err);
}

static enum kt_status answered(struct kt_input *in, struct kt_http_answer *a, struct kt_error *err)
{
    struct kt_error why = { 0 };
    enum asking what = in->asking;
    in->asking = ASK_NOTHING;
    if (what == ASK_KEYS) {
        if (inv_hear_keys(in, a, &why) != KT_OK)
            again_later(in, why.text, a->retry_after);
        return KT_OK;
    }
    switch (inv_judge(in, a, &why)) {
    case INV_GOOD:
        return hear(in, a, err);
    case INV_BUSY:
        again_later(in, why.text, a->retry_after);
        break;
    case INV_KEYS:
        again_later(in, why.text, 0);
        break;
    case INV_DENIED:
        denied(in);
        break;
    case INV_BAD:
        miss(in, why.text);
        break;
    }
    return KT_OK;
}

/* ---- the input ---- */

static void ask(struct kt_input *in)
{
    struct kt_error err = { 0 };
    enum kt_status st = inv_ask(in, &err);
    if (st == KT_E_AGAIN)
        st = inv_ask(in, &err);
    if (st == KT_E_LIMIT)
        miss(in, err.text);
    else if (st != KT_OK)
        again_later(in, err.text, 0);
}

static enum kt_status step(struct kt_input *in, kt_time_ns now, size_t budget, bool *ret_more,
                           struct kt_error *err)
{
    struct kt_http_answer a;
    enum kt_status st = KT_OK;
    in->now = now;
    if (in->at > now + 2 * KT_NS_HOUR)
        in->at = now; /* the clock was set back */
    *ret_more = false;
    if (budget == 0)
        return KT_OK;
    if (in->asking != ASK_NOTHING && kt_fetch_take(in->fetch, &a)) {
        st = answered(in, &a, err);
        kt_http_answer_done(&a);
    }
    if (st != KT_OK || in->asking != ASK_NOTHING || now < in->at)
        return st;
    if (!in->running) {
        if (!is_due(in))
            return KT_OK;
        begin_round(in);
    }
    next_task(in);
    if (in->task == NULL)
        return end_round(in, err);
    ask(in);
    return KT_OK;
}

static void positions(struct kt_input *in, bool changed_only,
                      void (*each)(void *self, struct kt_str key, struct kt_str value), void *self)
{
    char place[48];
    (void)snprintf(place, sizeof place, "%" PRId64 " %s", in->last,
                   in->round == ROUND_DONE ? "done" : "part");
    if (in->round != ROUND_NONE && (in->changed || !changed_only))
        each(self, KT_STR("snapshot"), kt_str_of(place));
    in->changed = false;
}

static int fd(struct kt_input *in)
{
    return kt_fetch_fd(in->fetch);
}

static void status(struct kt_input *in, struct kt_input_status *ret)
{
    char when[KT_TIME_TEXT_MAX];
    ret->bytes = in->bytes;
    if (in->running)
        (void)snprintf(ret->position, sizeof ret->position,
                       "snapshot under way: %" PRIu64 " secrets, %u more questions", in->secrets,
                       in->n_todo + 1);
    else if (in->round == ROUND_NONE)
        (void)snprintf(ret->position, sizeof ret->position, "no snapshot yet");
    else
        (void)snprintf(ret->position, sizeof ret->position,
                       "%s snapshot of %s, %" PRIu64 " secrets",
                       in->round == ROUND_DONE ? "complete" : "incomplete",
                       kt_time_format_short(in->last, when), in->secrets);
    (void)snprintf(ret->problem, sizeof ret->problem, "%s", in->problem);
}

static void counts(struct kt_input *in, struct kt_pipeline_counts *ret)
{
    kt_counts_add(ret, kt_pipeline_counts(in->pipeline));
}

const struct kt_input_type kt_input_inventory = {
    .name = "inventory",
    .summary = "What a store holds, asked once a day; names and dates, never a value",
    .options = options,
    .open = open_inventory,
    .step = step,
    .positions = positions,
    .fd = fd,
    .status = status,
    .counts = counts,
    .close = close_inventory,
};
