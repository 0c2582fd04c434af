/*
 * integrity: what the log is worth as evidence: its newest signed head and who cosigned it, the
 * last verification, what is held, what retention took.
 *
 * Owns:  nothing.
 * Calls: core/answer/log_head, core/query/holds, core/proof (notes), jobs (keytrail verify).
 */
#include "core/answer/log_head.h"
#include "core/base/enc.h"
#include "core/event/json.h"
#include "core/proof/note.h"
#include "core/query/holds.h"
#include "core/sys/fs.h"
#include "dashboards/api/calls.h"
#include "dashboards/api/jobs.h"

static void add_head(struct kt_api *a, const struct kt_log_head *l)
{
    struct kt_buf *o = &a->out;
    struct kt_checkpoint cp;
    kt_api_open(o, "checkpoint", '{');
    kt_api_flag(o, "signed", l->note.len > 0);
    kt_api_text(o, "note", kt_buf_str(&l->note));
    kt_api_time(o, "at", l->at);
    bool readable = l->note.len > 0 && kt_checkpoint_read(kt_buf_str(&l->note), &cp, NULL) == KT_OK;
    kt_api_flag(o, "readable", readable);
    if (readable)
        kt_api_u64(o, "size", cp.head.size);
    else
        kt_api_raw(o, "size", KT_STR_NONE);
    kt_api_open(o, "cosigners", '[');
    for (unsigned i = 0; readable && i < cp.n; i++)
        if (!kt_str_eq(cp.signature[i].name, cp.origin))
            kt_api_text(o, NULL, cp.signature[i].name);
    kt_api_close(o, ']');
    kt_api_open(o, "keys", '[');
    struct kt_str rest = kt_buf_str(&l->keys), line;
    while (kt_str_split(&rest, '\n', &line) && line.len > 0)
        kt_api_text(o, NULL, line);
    kt_api_close(o, ']');
    kt_api_close(o, '}');
}

/* ---- verify ---- */

/* The document that `keytrail verify -o json` printed: its last line that begins with a brace.
 * What was cut off there, or comes from somebody else, is no JSON and stays text: nothing is added.
 */
static void add_document(struct kt_str said, struct kt_buf *out)
{
    struct kt_str line, found = KT_STR_NONE;
    struct kt_jval root;
    unsigned repaired;
    while (said.len > 0 && kt_str_split(&said, '\n', &line))
        if (line.len > 0 && line.at[0] == '{')
            found = line;
    if (found.len == 0)
        return;
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    if (kt_json_parse(json, kt_str_trim(found), &root, &repaired, NULL) == KT_OK)
        kt_json_write(root, out);
    kt_json_free(json);
}

static void add_verify(struct kt_api *a)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf document = { 0 };
    struct kt_buf *o = &a->out;
    struct kt_job_state s = { 0 };
    if (a->jobs != NULL)
        kt_jobs_state(a->jobs, KT_JOB_VERIFY, a->now, &s);
    add_document(kt_buf_str(&s.said), &document); /* nothing was said while it runs */
    /* What it finds amiss is its document's; one without, or that was killed, has not ended. */
    bool failed = s.code < 0 || s.code > 128 || (s.code != 0 && document.len == 0);
    kt_api_open(o, "verify", '{');
    kt_api_text(o, "state",
                kt_str_of(a->jobs == NULL ? "none"
                          : s.running     ? "running"
                          : !s.started    ? "never"
                          : failed        ? "failed"
                                          : "done"));
    kt_api_time(o, "began", s.began);
    kt_api_time(o, "at", s.ended);
    kt_api_raw(o, "result", kt_buf_str(&document));
    kt_api_text(o, "text", document.len > 0 ? KT_STR_NONE : kt_buf_str(&s.said));
    kt_api_close(o, '}');
    kt_job_state_done(&s);
}

static void count_one(void *self, const char *name)
{
    (void)name;
    ++*(unsigned *)self;
}

/* The agents' keys stand in the allow-list, which the page's user need not be able to read: then
 * signatures are not checked, and the verdict speaks of no agent. */
static bool may_read_agents(const struct kt_api *a)
{
    unsigned n = 0;
    return a->config != NULL && a->conf != NULL && a->conf->agents_dir != NULL &&
           kt_fs_real.list(kt_fs_real.self, a->conf->agents_dir, count_one, &n, NULL) == KT_OK;
}

enum kt_status kt_api_verify(struct kt_api *a, struct kt_error *err)
{
    bool agents = may_read_agents(a);
    const char *const argv[] = { "verify",  "--db", a->store, "-o", "json", agents ? "-c" : NULL,
                                 a->config, NULL };
    if (a->jobs == NULL)
        return kt_fail(err, KT_E_DENIED,
                       "this page verifies nothing itself: keytrail verify --db FILE");
    if (kt_jobs_start(a->jobs, KT_JOB_VERIFY, argv, "verify", a->now, err) != KT_OK)
        return err->code;
    a->status = 202;
    kt_api_open(&a->out, NULL, '{');
    kt_api_text(&a->out, "state", KT_STR("running"));
    kt_api_close(&a->out, '}');
    return KT_OK;
}

/* ---- holds and retention ---- */

static enum kt_status add_holds(struct kt_api *a, struct kt_error *err)
{
    struct kt_buf *o = &a->out;
    struct kt_holds holds = { 0 };
    if (kt_holds_load(a->ask->reader, &holds, err) != KT_OK)
        return err->code;
    kt_api_open(o, "holds", '[');
    for (unsigned i = 0; i < holds.n; i++) {
        const struct kt_hold *h = &holds.at[i];
        if (h->removed != 0)
            continue;
        kt_api_open(o, NULL, '{');
        kt_api_text(o, "id", kt_str_of(h->id));
        kt_api_text(o, "query", kt_str_of(h->query));
        kt_api_text(o, "reason", kt_str_of(h->reason));
        kt_api_text(o, "by", kt_str_of(h->by));
        kt_api_time(o, "since", h->since);
        kt_api_time(o, "until", h->until);
        kt_api_time(o, "at", h->added);
        kt_api_close(o, '}');
    }
    kt_api_close(o, ']');
    kt_api_u64(o, "holds_unreadable", holds.damage.places);
    kt_holds_done(&holds);
    return KT_OK;
}

static void add_retention(struct kt_api *a, const struct kt_store_stats *s)
{
    kt_api_open(&a->out, "retention", '{');
    if (a->conf != NULL)
        kt_api_u64(&a->out, "days", (uint64_t)(a->conf->retention / KT_NS_DAY));
    kt_api_u64(&a->out, "removed_events", s->removed_events);
    kt_api_time(&a->out, "oldest", s->first_time);
    kt_api_close(&a->out, '}');
}

/* What the running collector says of its signer and of outside copies. */
static void add_live(struct kt_api *a)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf live = { 0 };
    struct kt_error away = { 0 };
    bool there =
        kt_api_collector(a, KT_STR("{\"do\":\"status\"}"), KT_API_LOOK_S, &live, &away) == KT_OK;
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root;
    unsigned repaired;
    kt_api_open(&a->out, "live", '{');
    kt_api_text(&a->out, "away", there ? KT_STR_NONE : kt_str_of(away.text));
    if (there &&
        kt_json_parse(json, kt_str_trim(kt_buf_str(&live)), &root, &repaired, NULL) == KT_OK) {
        KT_CLEANUP(kt_buf_done) struct kt_buf part = { 0 };
        static const char *const parts[] = { "checkpoint", "copies", "retention" };
        for (unsigned i = 0; i < KT_ARRAY_LEN(parts); i++) {
            kt_buf_reset(&part);
            kt_json_write(kt_json_at(root, parts[i]), &part);
            kt_api_raw(&a->out, parts[i], kt_buf_str(&part));
        }
    }
    kt_api_close(&a->out, '}');
    kt_json_free(json);
}

enum kt_status kt_api_integrity(struct kt_api *a, struct kt_error *err)
{
    struct kt_log_head head = { 0 };
    struct kt_store_stats s;
    char log[33];
    if (kt_reader_stats(a->ask->reader, &s, err) != KT_OK)
        return err->code;
    enum kt_status status = kt_log_head_read(a->ask->reader, &head, err);
    kt_hex(log, s.log_id, sizeof s.log_id);
    kt_api_open(&a->out, NULL, '{');
    kt_api_text(&a->out, "log", kt_str_of(log));
    kt_api_u64(&a->out, "size", s.records);
    add_head(a, &head);
    add_verify(a);
    if (status == KT_OK)
        status = add_holds(a, err);
    add_retention(a, &s);
    add_live(a);
    kt_api_close(&a->out, '}');
    kt_log_head_done(&head);
    return status;
}
