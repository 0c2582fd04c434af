/* signed_log: see signed_log.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "core/base/alloc.h"
#include "tests/support/signed_log.h"

static void must(enum kt_status st, const struct kt_error *err)
{
    if (st != KT_OK)
        fail_msg("%s", err->text);
}

static enum kt_status keep(void *self, struct kt_str state, struct kt_error *err)
{
    const struct signed_log *w = self;
    struct kt_signing back = { 0 };
    if (w->disk_full)
        return kt_fail(err, KT_E_IO, "No space left on device");
    must(kt_signing_read(state, &back, err), err);
    kt_signing_done(&back);
    return KT_OK;
}

static enum kt_status ask(void *self, const struct kt_sign_order *o, struct kt_sign_answer *ret,
                          struct kt_error *err)
{
    struct signed_log *w = self;
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    if (w->gone)
        return kt_fail(err, KT_E_IO, "the signer has ended");
    kt_sign_order_write(o, &bytes);
    kt_signing_take(&w->signing, kt_buf_str(&bytes), ret);
    return KT_OK;
}

void signed_log_open_store(struct signed_log *w)
{
    struct kt_error err = { 0 };
    const struct kt_store_options o = {
        .path = w->path, .create = true, .segment_events = 100, .seal_here = true
    };
    must(kt_store_open(&o, &w->store, &err), &err);
}

void signed_log_begin(struct signed_log *w)
{
    w->making = (struct kt_making){
        .store_path = w->path, .clock = kt_clock_memory(&w->clock), .ask = ask, .ask_self = w
    };
    kt_store_log_id(w->store, w->making.log_id);
}

int signed_log_open(void **state)
{
    struct signed_log *w = kt_alloc(sizeof *w);
    make_folder(w->folder, w->path);
    w->make = make_new();
    w->clock.wall = MAKE_T0;
    w->signing =
        (struct kt_signing){ .keys = { .n = 1, .seed = { { 7 } } }, .keep = keep, .self = w };
    signed_log_open_store(w);
    signed_log_begin(w);
    *state = w;
    return 0;
}

int signed_log_close(void **state)
{
    struct signed_log *w = *state;
    kt_making_done(&w->making);
    kt_signing_done(&w->signing);
    kt_store_close(w->store);
    make_free(w->make);
    make_folder_drop(w->folder);
    kt_free(w);
    return 0;
}

void signed_log_append(struct signed_log *w, unsigned batches)
{
    struct kt_error err = { 0 };
    struct kt_store_result r;
    for (unsigned i = 0; i < batches; i++) {
        make_reset(w->make);
        for (uint64_t k = 0; k < SIGNED_LOG_BATCH; k++)
            make_numbered(w->make, w->batches * SIGNED_LOG_BATCH + k);
        const struct kt_store_batch b = make_batch(
            w->make, "agent-a", w->batches + 1, MAKE_T0 + (kt_time_ns)(w->batches + 1) * KT_NS_MIN);
        w->batches++;
        must(kt_store_begin(w->store, &err), &err);
        make_claims(w->store, &b);
        must(kt_store_append(w->store, &b, &r, &err), &err);
        must(kt_store_commit(w->store, &err), &err);
    }
}

struct kt_note_key signed_log_key(const struct signed_log *w)
{
    struct kt_note_key k = { .type = KT_NOTE_LOG };
    KT_CLEANUP(kt_buf_done) struct kt_buf origin = { 0 };
    kt_note_origin(w->making.log_id, &origin);
    kt_str_copyz(k.name, sizeof k.name, kt_buf_str(&origin));
    kt_sign_public(w->signing.keys.seed[0], k.public_key);
    return k;
}
