/* accesses: see the header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/event/line.h"
#include "tests/support/accesses.h"

void accesses_must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

int accesses_set_up(void **state)
{
    struct kt_error err = { 0 };
    static struct accesses w;
    w = (struct accesses){ .make = make_new() };
    make_folder(w.folder, w.path);
    const struct kt_store_options o = {
        .path = w.path, .create = true, .segment_events = 60, .seal_here = true
    };
    accesses_must(kt_store_open(&o, &w.store, &err), &err);
    *state = &w;
    return 0;
}

int accesses_tear_down(void **state)
{
    struct accesses *w = *state;
    kt_store_close(w->store);
    make_free(w->make);
    make_folder_drop(w->folder);
    return 0;
}

void accesses_add(struct accesses *w, const struct access *a)
{
    struct kt_event ev;
    struct kt_error err = { 0 };
    char id[32];
    bool aws = a->secret != NULL && strncmp(a->secret, "aws", 3) == 0;
    kt_event_clear(&ev);
    (void)snprintf(id, sizeof id, "e-%u", ++w->ids);
    ev.kind = KT_KIND_ACCESS;
    ev.source = aws ? KT_STR("cloudtrail") : KT_STR("vault");
    ev.instance = aws ? KT_STR("aws-main") : KT_STR("vault-prod");
    ev.scope = KT_STR("s");
    ev.native_id = kt_str_of(id);
    ev.actor = kt_str_of(a->actor);
    ev.actor_kind = KT_ACTOR_SERVICE;
    ev.secret = kt_str_of(a->secret != NULL ? a->secret : "");
    ev.secret_native = kt_str_of(a->native != NULL ? a->native : "secret/data/prod/db");
    ev.operation = kt_str_of(a->operation != NULL ? a->operation : "read");
    ev.version = kt_str_of(a->version != NULL ? a->version : "");
    ev.stage = kt_str_of(a->stage != NULL ? a->stage : "");
    ev.credential = kt_str_of(a->credential != NULL ? a->credential : "");
    ev.session = kt_str_of(a->session != NULL ? a->session : "");
    ev.role = kt_str_of(a->role != NULL ? a->role : "");
    ev.raw = kt_str_of(a->raw != NULL ? a->raw : "");
    ev.has_ip = a->ip != NULL && kt_ip_parse(kt_str_of(a->ip), &ev.ip);
    ev.code = kt_str_of(a->code != NULL ? a->code : "");
    ev.action = a->action;
    ev.outcome = a->outcome;
    ev.time = a->at;
    ev.observed = a->at != 0 ? a->at : ACCESSES_NOW;
    accesses_must(kt_line_write(&ev, &w->make->lines, &err), &err);
    kt_buf_byte(&w->make->lines, '\n');
    w->make->n++;
}

void accesses_flush(struct accesses *w)
{
    struct kt_error err = { 0 };
    struct kt_store_result r;
    if (w->make->n == 0)
        return;
    const struct kt_store_batch b = make_import(w->make, ACCESSES_NOW);
    accesses_must(kt_store_begin(w->store, &err), &err);
    accesses_must(kt_store_append(w->store, &b, &r, &err), &err);
    accesses_must(kt_store_commit(w->store, &err), &err);
    accesses_must(kt_store_housekeep(w->store, true, &err), &err);
    make_reset(w->make);
}

void accesses_read(struct accesses *w, kt_time_ns at, const char *actor, const char *version)
{
    accesses_add(w, &(struct access){ .at = at,
                                      .actor = actor,
                                      .secret = ACCESSES_KV,
                                      .version = version,
                                      .action = KT_ACT_READ,
                                      .outcome = KT_OUT_SUCCESS });
}

void accesses_write(struct accesses *w, kt_time_ns at, const char *version)
{
    accesses_add(w, &(struct access){ .at = at,
                                      .actor = "ops",
                                      .secret = ACCESSES_KV,
                                      .version = version,
                                      .operation = "update",
                                      .action = KT_ACT_WRITE,
                                      .outcome = KT_OUT_SUCCESS });
}

void accesses_ask(struct accesses *w, struct kt_ask *a)
{
    struct kt_error err = { 0 };
    accesses_flush(w);
    accesses_must(kt_ask_open(a, w->path, NULL, ACCESSES_NOW, &err), &err);
}
