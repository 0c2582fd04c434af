/* triaged: see triaged.h. */
#include "tests/support/triaged.h"

#include "core/sys/fs.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the others */
#include <cmocka.h>

static enum kt_status record(void *self, const char *operation, struct kt_str sentence,
                             struct kt_str raw, struct kt_error *err)
{
    struct triaged *w = self;
    char id[32];
    uint64_t seq;
    (void)snprintf(id, sizeof id, "d-%u", ++w->records);
    struct kt_event ev = { .kind = KT_KIND_DECISION,
                           .source = KT_STR("keytrail"),
                           .instance = KT_STR("test"),
                           .native_id = kt_str_of(id),
                           .operation = kt_str_of(operation),
                           .message = sentence,
                           .time = w->now,
                           .observed = w->now,
                           .raw = raw };
    return kt_store_control(w->store, &ev, w->now, w->now, &seq, err);
}

static const struct kt_life *life_of(void *self, const char *id)
{
    return kt_triage_life(((struct triaged *)self)->triage, id);
}

static void open_life(struct triaged *w)
{
    struct kt_store_options so = { .path = w->db, .create = true, .dedupe_recent = 64 };
    assert_int_equal(kt_store_open(&so, &w->store, NULL), KT_OK);
    const struct kt_triage_options to = {
        .store = w->store, .store_path = w->db, .record = record, .self = w
    };
    assert_int_equal(kt_triage_open(&to, &w->triage, NULL), KT_OK);
    assert_int_equal(kt_routes_new(w->conf, &w->routes, NULL), KT_OK);
    const struct kt_pager_options po = {
        .store = w->store, .routes = w->routes, .life = life_of, .self = w
    };
    w->pager = kt_pager_new(&po);
    w->alerts = kt_alerts_new(w->store, w->conf, w->triage, w->pager);
}

static void close_life(struct triaged *w)
{
    kt_alerts_free(w->alerts);
    kt_pager_free(w->pager);
    kt_routes_free(w->routes);
    kt_triage_free(w->triage);
    kt_store_close(w->store);
}

void triaged_restart(struct triaged *w)
{
    close_life(w);
    open_life(w);
}

static void write_file(struct triaged *w, const char *name, const char *text, char path[128])
{
    (void)snprintf(path, 128, "%s/%s", w->folder, name);
    assert_int_equal(kt_fs_write_atomic(path, kt_str_of(text), 0600, NULL), KT_OK);
}

int triaged_open(void **state)
{
    struct triaged *w = calloc(1, sizeof *w);
    char text[512], path[128];
    *state = w;
    w->now = TRIAGED_T0;
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/keytrail-triage-XXXXXX");
    if (mkdtemp(w->folder) == NULL)
        return -1;
    write_file(w, "url", "http://127.0.0.1:9/hook", path);
    (void)snprintf(text, sizeof text,
                   "alerts:\n  targets:\n"
                   "    one: { type: slack, url_file: %s, allow_private: true }\n",
                   path);
    write_file(w, "keytrail.yaml", text, path);
    (void)snprintf(w->db, sizeof w->db, "%s/store.db", w->folder);
    if (kt_conf_load(path, &w->conf, NULL) != KT_OK)
        return -1;
    open_life(w);
    return 0;
}

static void remove_one(void *arg, const char *path)
{
    (void)arg;
    (void)unlink(path);
}

int triaged_close(void **state)
{
    struct triaged *w = *state;
    char pattern[80];
    close_life(w);
    kt_conf_free(w->conf);
    kt_buf_done(&w->json);
    (void)snprintf(pattern, sizeof pattern, "%s/*", w->folder);
    if (kt_fs_glob(pattern, remove_one, NULL, NULL) != KT_OK)
        return -1;
    int rc = rmdir(w->folder);
    free(w);
    return rc;
}

struct kt_alert triaged_alert(const char *id, enum kt_severity severity)
{
    struct kt_alert a = { .severity = severity,
                          .detector = "unexpected_ip",
                          .state = "open",
                          .time = TRIAGED_T0,
                          .first = TRIAGED_T0,
                          .last = TRIAGED_T0,
                          .raised = TRIAGED_T0,
                          .actor = KT_STR("ana"),
                          .title = KT_STR("ana read 41 secrets") };
    kt_str_copyz(a.id, sizeof a.id, kt_str_of(id));
    return a;
}

void triaged_raise(struct triaged *w, struct kt_alert *a)
{
    w->now += KT_NS_S;
    a->last = w->now;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_alerts_raise(w->alerts, a, false, w->now, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

struct kt_step triaged_step(enum kt_step_what what, const char *id, const char *by)
{
    struct kt_step s = { .what = what, .where = "cli", .reason = "looked at it" };
    if (what == KT_STEP_ASSIGN) {
        s.reason[0] = '\0';
        kt_str_copyz(s.to, sizeof s.to, KT_STR("bob"));
    }
    kt_str_copyz(s.alert, sizeof s.alert, kt_str_of(id));
    kt_str_copyz(s.by, sizeof s.by, kt_str_of(by));
    return s;
}

struct kt_triage_done triaged_take(struct triaged *w, struct kt_step s)
{
    struct kt_triage_done done = { 0 };
    struct kt_error err = { 0 };
    w->now += KT_NS_S;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    if (kt_triage_step(w->triage, &s, w->now, &done, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    return done;
}

static enum kt_status keep_text(void *self, const struct kt_outbox_row *row, struct kt_str json,
                                struct kt_error *err)
{
    struct triaged *w = self;
    (void)row;
    (void)err;
    kt_buf_reset(&w->json);
    kt_buf_add(&w->json, json);
    return KT_OK;
}

static enum kt_status collect(void *self, const struct kt_outbox_row *row, struct kt_error *err)
{
    struct triaged *w = self;
    assert_true(w->n < TRIAGED_ROWS);
    kt_str_copyz(w->action[w->n++], sizeof w->action[0], kt_str_of(row->action));
    return kt_store_outbox_up_to(w->store, row->row, keep_text, w, err);
}

void triaged_told(struct triaged *w, const char *want)
{
    char got[512] = "";
    w->n = 0;
    assert_int_equal(kt_store_outbox_waiting(w->store, 0, collect, w, NULL), KT_OK);
    for (unsigned i = 0; i < w->n; i++) {
        (void)strncat(got, i > 0 ? " " : "", sizeof got - strlen(got) - 1);
        (void)strncat(got, w->action[i], strcspn(w->action[i], ":"));
    }
    assert_string_equal(got, want);
}
