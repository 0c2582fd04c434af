/*
 * prove: that an event is in the log, as one small file (proof_file.h) that anybody can check, with
 * this program or without it (docs/proof.md); and the check.
 *
 * Owns:  nothing.
 * Calls: core/answer (ask, anchors), core/store/proof.h, proof_file; files, stdout, stderr.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/asking.h"
#include "cli/commands.h"
#include "cli/held.h"
#include "cli/proof_file.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include "core/store/proof.h"
#include "core/sys/fs.h"
#include "core/wire/batch.h"

struct prove {
    struct kt_asking asking;
    struct kt_held held;
    const char *check, *out;
    struct kt_proof_file proof;
    bool found; /* the event, whose leaf has this hash */
    uint8_t leaf[32];
};

/* ---- making ---- */

static enum kt_status take(void *self, const struct kt_record *r, const struct kt_fact *fact,
                           struct kt_error *err)
{
    struct prove *p = self;
    uint8_t hash[32];
    (void)fact;
    kt_line_hash(r->line, hash);
    const struct kt_leaf l = { .seq = r->seq,
                               .arrival = r->arrival,
                               .stored = r->stored,
                               .origin = (uint8_t)r->origin,
                               .conflict = r->conflict,
                               .agent = r->agent,
                               .line_hash = hash };
    p->found = true;
    p->proof.seq = r->seq;
    kt_buf_reset(&p->proof.record);
    kt_buf_reset(&p->proof.line);
    kt_leaf_record(&l, &p->proof.record);
    kt_leaf_hash(&l, p->leaf);
    kt_buf_add(&p->proof.line, r->line);
    return kt_fail(err, KT_E_AGAIN, "found");
}

/* A record's number, or the id of an event. */
static enum kt_status find(struct prove *p, const char *what, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    struct kt_cursor *c = NULL;
    struct kt_record r;
    uint64_t seq;
    if (!kt_str_u64(kt_str_of(what), &seq) || strlen(what) >= KT_ID_TEXT - 1) {
        kt_ask_term(&query, "id", kt_str_of(what));
        kt_buf_addz(&query, " kind:*");
        enum kt_status got = kt_ask_records(&p->asking.ask, kt_buf_str(&query), take, p, err);
        if (got == KT_OK && !p->found)
            return kt_fail(err, KT_E_INPUT, "no event has the id '%s'", what);
        return got;
    }
    const struct kt_scan scan = {
        .from_seq = seq, .until_seq = seq, .records = true, .control = true
    };
    enum kt_status status =
        seq == 0 ? KT_E_AGAIN : kt_cursor_open(p->asking.ask.reader, &scan, &c, err);
    if (status == KT_OK)
        status = kt_cursor_next(c, &r, err);
    if (status == KT_OK)
        (void)take(p, &r, NULL, NULL);
    kt_cursor_free(c);
    return status == KT_E_AGAIN ? kt_fail(err, KT_E_INPUT,
                                          "no record has the number %s, or "
                                          "retention took it",
                                          what)
                                : status;
}

/* The checkpoint to prove into: the smallest that holds the record and fits the log, outside ones
 * before the store's own. None: the log as it is now, which nobody signed. */
static const struct kt_anchor *choose(struct prove *p, struct kt_anchors *a,
                                      struct kt_proofs *proofs)
{
    const struct kt_anchor *best = NULL;
    for (unsigned i = 0; i < a->n; i++) {
        const struct kt_anchor *x = &a->at[i];
        struct kt_head is;
        if (x->head.size < p->proof.seq || memcmp(x->log_id, p->proof.log_id, 16) != 0 ||
            (best != NULL && best->where != NULL && x->where == NULL) ||
            kt_proofs_head(proofs, x->head.size, &is, NULL) != KT_OK ||
            memcmp(is.root, x->head.root, 32) != 0)
            continue;
        if (best == NULL || (best->where == NULL && x->where != NULL) ||
            x->head.size < best->head.size)
            best = x;
    }
    return best;
}

static enum kt_status make(struct prove *p, struct kt_anchors *a, struct kt_error *err)
{
    struct kt_reader *r = p->asking.ask.reader;
    struct kt_store_stats stats;
    struct kt_path path;
    if (kt_reader_stats(r, &stats, err) != KT_OK ||
        kt_held_take(&p->held, KT_HELD_KEY, NULL, a, err) != KT_OK ||
        kt_anchors_load(a, r, err) != KT_OK)
        return err->code;
    memcpy(p->proof.log_id, stats.log_id, 16);
    struct kt_proofs *proofs = kt_proofs_new(r);
    enum kt_status status = kt_proofs_grow(proofs, err);
    if (status == KT_OK) {
        const struct kt_anchor *anchor = choose(p, a, proofs);
        status = kt_proofs_head(proofs, anchor != NULL ? anchor->head.size : kt_proofs_size(proofs),
                                &p->proof.head, err);
        if (anchor != NULL)
            kt_buf_add(&p->proof.note, kt_buf_str(&anchor->note));
    }
    if (status == KT_OK)
        status = kt_proofs_includes(proofs, p->proof.seq - 1, p->proof.head.size, &path, err);
    if (status == KT_OK && !kt_merkle_includes(&p->proof.head, p->proof.seq - 1, p->leaf, &path))
        status = kt_fail(err, KT_E_CORRUPT,
                         "record %" PRIu64 " is not the one that the tree holds: it was changed "
                         "(keytrail verify)",
                         p->proof.seq);
    if (status == KT_OK)
        kt_path_pack(&path, &p->proof.path);
    kt_proofs_free(proofs);
    return status;
}

static enum kt_status give(const struct prove *p, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    kt_proof_file_write(&p->proof, &text);
    if (p->out == NULL) {
        fputs(kt_buf_z(&text), stdout);
    } else if (kt_fs_write_atomic(p->out, kt_buf_str(&text), 0644, err) != KT_OK) {
        return kt_wrap(err, "--out");
    }
    if (p->proof.note.len == 0 && !p->asking.quiet)
        fprintf(stderr,
                "unanchored: the log has signed no checkpoint that holds record %" PRIu64
                " yet; the proof leads to a root that only this store knows\n",
                p->proof.seq);
    else if (p->out != NULL && !p->asking.quiet)
        fprintf(stderr,
                "record %" PRIu64 " proven into a checkpoint of %" PRIu64
                " records; next: keytrail prove --check %s --key KEY\n",
                p->proof.seq, p->proof.head.size, p->out);
    return KT_OK;
}

/* ---- checking ---- */

static enum kt_status read_proof(struct prove *p, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    if (kt_fs_read_all(p->check, KT_PROOF_FILE_MAX, &text, err) != KT_OK)
        return kt_wrap(err, "--check");
    return kt_proof_file_read(kt_buf_str(&text), &p->proof, err) == KT_OK
               ? KT_OK
               : kt_wrap(err, "%s", p->check);
}

/* Is the head that the proof leads to one that was signed, or that whoever checks holds? */
static bool held_by(struct prove *p, struct kt_anchors *a, struct kt_buf *ret_why)
{
    struct kt_error err = { 0 };
    if (p->proof.note.len > 0 && kt_anchors_add(a, NULL, kt_buf_str(&p->proof.note), &err) != KT_OK)
        return kt_buf_addz(ret_why, err.text), false;
    for (unsigned i = 0; i < a->n; i++) {
        const struct kt_anchor *x = &a->at[i];
        if (x->head.size != p->proof.head.size || memcmp(x->log_id, p->proof.log_id, 16) != 0)
            continue;
        if (memcmp(x->head.root, p->proof.head.root, 32) != 0)
            return kt_buf_addz(ret_why, "a checkpoint of that size has another root"), false;
        if (x->where != NULL || x->log_signed || x->witnesses > 0) {
            kt_buf_addf(ret_why, "%s%s", x->where != NULL ? "your checkpoint " : "signed by ",
                        x->where != NULL ? x->where
                        : x->log_signed  ? "the log"
                                         : "");
            if (x->by.len > 0)
                kt_buf_addf(ret_why, "%s" KT_STR_FMT, x->log_signed ? ", cosigned by " : "",
                            KT_STR_ARG(kt_buf_str(&x->by)));
            return true;
        }
    }
    kt_buf_addz(ret_why, "no key or checkpoint of yours vouches for the root (--key, --witness, "
                         "--checkpoint)");
    return false;
}

static int check(struct prove *p, struct kt_anchors *a, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf why = { 0 }, line = { 0 };
    if (kt_held_take(&p->held, KT_HELD_KEY, NULL, a, err) != KT_OK || read_proof(p, err) != KT_OK)
        return kt_cli_fail("prove", err);
    const char *fault = kt_proof_file_fault(&p->proof);
    if (fault != NULL) {
        printf("verdict  TAMPERED: %s\n", fault);
        return KT_EXIT_NO;
    }
    kt_tty_add(&line, kt_buf_str(&p->proof.line));
    bool held = held_by(p, a, &why);
    printf("record   %" PRIu64 " of %" PRIu64 "\nline     %s\nverdict  %s: %s\n", p->proof.seq,
           p->proof.head.size, kt_buf_z(&line),
           held ? "in the log" : "UNANCHORED: the proof is whole, and nobody vouches for its root",
           kt_buf_z(&why));
    return held ? KT_EXIT_OK : KT_EXIT_NO;
}

int kt_cmd_prove(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "prove",
        "EVENT [--out FILE] | --check FILE [--key KEY]",
        "a proof that an event is in the log, and its check",
        "keytrail prove 6DYE0000000000000000000000 --out proof.json",
        NULL,
        NULL
    };
    struct prove p = { 0 };
    const struct kt_flag flags[] = {
        KT_ASKING_FLAGS(p.asking),
        KT_HELD_FLAGS(p.held, KT_HELD_KEY),
        { "--check", 0, KT_FLAG_STRING, "FILE", "check a proof; needs no store", &p.check, NULL },
        { "--out", 0, KT_FLAG_STRING, "FILE", "write it there", &p.out, NULL },
        { 0 },
    };
    int n;
    bool finished;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &finished);
    if (finished)
        return code;
    struct kt_error err = { 0 };
    struct kt_anchors anchors = { 0 };
    if (p.check == NULL && n != 1) {
        fprintf(stderr, "keytrail prove: which event? Give its id, or the number of its record\n");
        return KT_EXIT_USAGE;
    }
    if (p.check != NULL) {
        code = check(&p, &anchors, &err);
    } else {
        (void)!(kt_asking_open(&p.asking, 0, &err) == KT_OK && find(&p, argv[1], &err) == KT_OK &&
                make(&p, &anchors, &err) == KT_OK && give(&p, &err) == KT_OK);
        code = kt_asking_end(&p.asking, "prove", &err);
    }
    kt_anchors_done(&anchors);
    kt_proof_file_done(&p.proof);
    return code;
}
