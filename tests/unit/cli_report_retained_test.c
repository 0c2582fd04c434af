/* cli/report_proof: what a package says of a log that retention took records of, and what `report
 * verify` makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>

#include "cli/report_proof.h"
#include "cli/report_verify.h"
#include "core/base/enc.h"
#include "core/proof/note.h"
#include "core/store/proof.h"
#include "core/sys/fs.h"
#include "tests/support/store_make.h"

#define RECORDS 1500u

static const uint8_t seed[32] = { 1 };

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

static void fill(struct kt_store *s)
{
    struct make *m = make_new();
    struct kt_error err = { 0 };
    struct kt_store_result got;
    for (uint64_t batch = 1, n = 0; n < RECORDS; batch++) {
        make_reset(m);
        for (unsigned i = 0; i < 50; i++)
            make_numbered(m, n++);
        const struct kt_store_batch b =
            make_batch(m, "agent-a", batch, MAKE_T0 + (kt_time_ns)batch * KT_NS_MIN);
        must(kt_store_begin(s, &err), &err);
        make_claims(s, &b);
        must(kt_store_append(s, &b, &got, &err), &err);
        must(kt_store_commit(s, &err), &err);
    }
    make_free(m);
}

/* The store's own checkpoint at a size, as its signer makes it. */
static void sign_at(struct kt_store *s, const char *path, uint64_t size)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, note = { 0 };
    struct kt_reader *r;
    struct kt_error err = { 0 };
    struct kt_head head;
    uint8_t id[16];
    char name[40], origin[KT_NOTE_NAME];
    must(kt_reader_open(path, &r, &err), &err);
    struct kt_proofs *p = kt_proofs_new(r);
    must(kt_proofs_grow(p, &err), &err);
    must(kt_proofs_head(p, size, &head, &err), &err);
    kt_proofs_free(p);
    kt_reader_close(r);
    kt_store_log_id(s, id);
    kt_note_origin(id, &text);
    kt_str_copyz(origin, sizeof origin, kt_buf_str(&text));
    kt_buf_reset(&text);
    kt_checkpoint_text(id, &head, &text);
    kt_buf_addf(&note, KT_STR_FMT "\n", KT_STR_ARG(kt_buf_str(&text)));
    kt_note_sign(kt_buf_str(&text), origin, seed, &note);
    (void)snprintf(name, sizeof name, "checkpoint/%" PRIu64, size);
    must(kt_store_begin(s, &err), &err);
    must(kt_store_put(s, name, kt_buf_str(&note), &err), &err);
    must(kt_store_commit(s, &err), &err);
}

static void remove_first(struct kt_store *s)
{
    struct kt_error err = { 0 };
    struct kt_old old;
    must(kt_store_old(s, 1, &old, &err), &err);
    must(kt_store_begin(s, &err), &err);
    must(kt_store_remove(s, old.first_seq, KT_STR("too old"), MAKE_T0, &err), &err);
    must(kt_store_commit(s, &err), &err);
}

/* Makes <out>/p/integrity of the store, and the manifest's part about the log. */
static void make_package(const char *path, const char *out, struct kt_buf *manifest)
{
    struct kt_report_evidence *e;
    struct kt_package *p;
    struct kt_error err = { 0 };
    struct kt_anchors anchors = { 0 };
    const struct kt_report_proof_wish wish = { .store = path,
                                               .anchors = &anchors,
                                               .since = MAKE_T0 - KT_NS_DAY,
                                               .until = MAKE_T0 + KT_NS_DAY,
                                               .hash_all = true,
                                               .now = MAKE_T0 + KT_NS_DAY };
    must(kt_report_evidence_load(&wish, &e, &err), &err);
    struct kt_head head = kt_report_evidence_head(e);
    const struct kt_report_proof *proof = kt_report_evidence_proof(e);
    assert_false(proof->failed);
    char root[65];
    kt_hex(root, head.root, 32);
    const struct kt_package_about about = { .package = "p",
                                            .report = "soc2",
                                            .organisation = "o",
                                            .program = "keytrail",
                                            .host = "h",
                                            .operator_name = "o",
                                            .log_id = proof->log_id.at,
                                            .root = root,
                                            .size = head.size };
    must(kt_package_begin(&kt_fs_real, out, "p", &p, &err), &err);
    must(kt_report_evidence_write(e, p, &err), &err);
    must(kt_package_seal(p, &about, NULL, &err), &err);
    kt_buf_addf(manifest,
                "{\"log\":{\"id\":\"" KT_STR_FMT "\",\"size\":%" PRIu64 ",\"root\":\"%s\"}}",
                KT_STR_ARG(proof->log_id), head.size, root);
    kt_package_free(p);
    kt_report_evidence_free(e);
    kt_anchors_done(&anchors);
}

static unsigned faults_of(const char *folder, struct kt_buf *manifest)
{
    struct kt_bundle b = { .folder = folder, .json = kt_json_new(KT_JSON_SIMDJSON) };
    const struct kt_bundle_keys keys = { .n_log = 0 };
    struct kt_error err = { 0 };
    unsigned repaired;
    must(kt_json_parse(b.json, kt_buf_str(manifest), &b.manifest, &repaired, &err), &err);
    assert_int_equal(kt_bundle_log(&b, &keys, NULL, 0), 0);
    kt_json_free(b.json);
    return b.faults;
}

static void drop_package(const char *out)
{
    static const char *const paths[] = { "p/integrity/checkpoints.json",
                                         "p/integrity/consistency.json",
                                         "p/integrity/inclusion.json",
                                         "p/integrity/tombstones.ndjson",
                                         "p/integrity/verify.txt",
                                         "p/integrity",
                                         "p/SHA256SUMS",
                                         "p/manifest.json",
                                         "p",
                                         "" };
    char path[200];
    for (size_t i = 0; i < KT_ARRAY_LEN(paths); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", out, paths[i]);
        assert_int_equal(remove(path), 0);
    }
}

static void a_log_that_retention_took_records_of_is_sound(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf manifest = { 0 }, file = { 0 }, out = { 0 };
    char folder[64], path[96], package[160], text[200];
    struct kt_error err = { 0 };
    struct kt_store *s;
    make_folder(folder, path);
    const struct kt_store_options o = {
        .path = path, .create = true, .segment_events = 300, .seal_here = true
    };
    must(kt_store_open(&o, &s, &err), &err);
    fill(s);
    sign_at(s, path, 101); /* inside what goes, */
    sign_at(s, path, 900); /* and behind it */
    remove_first(s);
    kt_store_close(s);
    kt_buf_addf(&out, "%s/out", folder);
    make_package(path, kt_buf_z(&out), &manifest);
    (void)snprintf(package, sizeof package, "%s/p", kt_buf_z(&out));
    (void)snprintf(text, sizeof text, "%s/integrity/checkpoints.json", package);
    must(kt_fs_read_all(text, 1u << 20, &file, &err), &err);
    ptrdiff_t not = kt_str_find(kt_buf_str(&file), KT_STR("\"comparable\": false"), 0);
    assert_true(not > 0 && not < kt_str_find(kt_buf_str(&file), KT_STR("\"size\": 900,"), 0));
    assert_true(kt_str_find(kt_buf_str(&file), KT_STR("\"comparable\""), (size_t) not +1) < 0);
    assert_int_equal(faults_of(package, &manifest), 0);
    drop_package(kt_buf_z(&out));
    make_folder_drop(folder);
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_that_retention_took_records_of_is_sound),
    };
    return cmocka_run_group_tests_name("cli_report_retained", tests, NULL, NULL);
}
