/*
 * report_proof_write: the files of integrity/, in forms that a short program checks.
 *
 *   checkpoints.json   {"log","size","root","checkpoints":[{"size","root","note"}]}; with
 *                      "comparable":false where retention took records, and the root with them
 *   consistency.json   {"proofs":[{"from","to","path":[hex]}]}, RFC 9162 §2.1.4
 *   inclusion.json     {"proofs":[{"seq","size","record","line","path":[hex]}]}, RFC 9162 §2.1.3:
 *                      leaf seq - 1; its hash is SHA-256(0x00 ‖ record), the last 32 bytes of the
 *                      record SHA-256(0x00 ‖ line)
 *   tombstones.ndjson  what retention removed, as it stands in the log
 *   verify.txt         what was found, in sentences
 *
 * Owns:  nothing.
 * Calls: report_package.h, core/base/enc, core/event (JSON strings).
 */
#include <inttypes.h>

#include "cli/report_proof_int.h"
#include "core/base/enc.h"
#include "core/event/line.h"

static void add_root(const struct kt_head *head, struct kt_buf *out)
{
    kt_buf_addf(out, "\"size\": %" PRIu64 ", \"root\": \"", head->size);
    kt_hex_add(out, head->root, 32);
    kt_buf_byte(out, '"');
}

static void add_path(struct kt_str packed, struct kt_buf *out)
{
    kt_buf_addz(out, "\"path\": [");
    for (size_t i = 0; i + 32 <= packed.len; i += 32) {
        kt_buf_addz(out, i > 0 ? ", \"" : "\"");
        kt_hex_add(out, packed.at + i, 32);
        kt_buf_byte(out, '"');
    }
    kt_buf_addz(out, "] }");
}

static void checkpoints(const struct kt_report_evidence *e, struct kt_buf *out)
{
    kt_buf_addf(out, "{ \"log\": \"%s\", ", e->log_id);
    add_root(&e->head, out);
    kt_buf_addz(out, ", \"checkpoints\": [");
    for (unsigned i = 0; i < e->n_notes; i++) {
        kt_buf_addz(out, i > 0 ? ",\n  { " : "\n  { ");
        add_root(&e->notes[i]->head, out);
        if (e->notes[i]->state == KT_ANCHOR_REMOVED)
            kt_buf_addz(out, ", \"comparable\": false");
        kt_buf_addz(out, ", \"note\": ");
        kt_json_quote(out, kt_buf_str(&e->notes[i]->note));
        kt_buf_addz(out, " }");
    }
    kt_buf_addz(out, "\n] }\n");
}

static void consistency(const struct kt_report_evidence *e, struct kt_buf *out)
{
    kt_buf_addz(out, "{ \"proofs\": [");
    for (unsigned i = 0; i < e->n_steps; i++) {
        kt_buf_addf(out, "%s\n  { \"from\": %" PRIu64 ", \"to\": %" PRIu64 ", ", i > 0 ? "," : "",
                    e->steps[i].from, e->steps[i].to);
        add_path(kt_buf_str(&e->steps[i].path), out);
    }
    kt_buf_addz(out, "\n] }\n");
}

static void inclusion(const struct kt_report_evidence *e, struct kt_buf *out)
{
    kt_buf_addz(out, "{ \"proofs\": [");
    for (unsigned i = 0; i < e->n_items; i++) {
        const struct kt_evidence_item *it = &e->items[i];
        kt_buf_addf(out, "%s\n  { \"seq\": %" PRIu64 ", \"size\": %" PRIu64 ", \"record\": \"",
                    i > 0 ? "," : "", it->seq, it->size);
        kt_hex_add(out, it->record.at, it->record.len);
        kt_buf_addz(out, "\", \"line\": ");
        if (it->line.len > 0)
            kt_json_quote(out, kt_buf_str(&it->line));
        else
            kt_buf_addz(out, "null");
        kt_buf_addz(out, ", ");
        add_path(kt_buf_str(&it->path), out);
    }
    kt_buf_addz(out, "\n] }\n");
}

static void verdict(const struct kt_report_evidence *e, struct kt_buf *out)
{
    kt_buf_addf(out, "verdict: " KT_STR_FMT "\nlog: %s, %" PRIu64 " records, root ",
                KT_STR_ARG(e->proof.verdict), e->log_id, e->head.size);
    kt_hex_add(out, e->head.root, 32);
    kt_buf_addf(out, "\ncheckpoints: %u\n", e->n_notes);
    kt_buf_add(out, e->proof.text);
}

enum kt_status kt_report_evidence_write(const struct kt_report_evidence *e, struct kt_package *p,
                                        struct kt_error *err)
{
    static const struct {
        const char *path;
        void (*write)(const struct kt_report_evidence *e, struct kt_buf *out);
    } files[] = {
        { "integrity/checkpoints.json", checkpoints },
        { "integrity/consistency.json", consistency },
        { "integrity/inclusion.json", inclusion },
        { "integrity/verify.txt", verdict },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(files); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
        files[i].write(e, &out);
        if (kt_package_put(p, files[i].path, kt_buf_str(&out), -1, err) != KT_OK)
            return err->code;
    }
    return kt_package_put(p, "integrity/tombstones.ndjson", kt_buf_str(&e->tombstones), -1, err);
}
