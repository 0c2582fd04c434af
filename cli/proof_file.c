/*
 * proof_file: the form of the file of `keytrail prove`, and the arithmetic of its check.
 *
 * Owns:  nothing.
 * Calls: core/event (json, line), core/wire/batch.h, core/proof/merkle.h. No files, no store.
 */
#include "cli/proof_file.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/event/json.h"
#include "core/event/line.h"
#include "core/wire/batch.h"

void kt_proof_file_done(struct kt_proof_file *f)
{
    if (f == NULL)
        return;
    kt_buf_done(&f->record);
    kt_buf_done(&f->line);
    kt_buf_done(&f->path);
    kt_buf_done(&f->note);
}

void kt_proof_file_write(const struct kt_proof_file *f, struct kt_buf *out)
{
    kt_buf_addz(out, "{ \"log\": \"");
    kt_hex_add(out, f->log_id, 16);
    kt_buf_addf(out, "\", \"seq\": %" PRIu64 ", \"size\": %" PRIu64 ", \"root\": \"", f->seq,
                f->head.size);
    kt_hex_add(out, f->head.root, 32);
    kt_buf_addz(out, "\",\n  \"record\": \"");
    kt_hex_add(out, f->record.at, f->record.len);
    kt_buf_addz(out, "\",\n  \"line\": ");
    kt_json_quote(out, kt_buf_str(&f->line));
    kt_buf_addz(out, ",\n  \"path\": [");
    for (size_t i = 0; i < f->path.len; i += 32) {
        kt_buf_addz(out, i > 0 ? ",\n    \"" : "\n    \"");
        kt_hex_add(out, f->path.at + i, 32);
        kt_buf_byte(out, '"');
    }
    kt_buf_addz(out, "],\n  \"note\": ");
    if (f->note.len > 0)
        kt_json_quote(out, kt_buf_str(&f->note));
    else
        kt_buf_addz(out, "null");
    kt_buf_addz(out, " }\n");
}

static bool take_hex(struct kt_jval root, const char *name, struct kt_buf *ret)
{
    struct kt_str hex = kt_json_str_at(root, name);
    uint8_t *to = (uint8_t *)kt_buf_reserve(ret, hex.len / 2 + 1);
    if (hex.len == 0 || hex.len % 2 != 0 || !kt_hex_decode(hex, to, hex.len / 2))
        return false;
    ret->len = hex.len / 2;
    return true;
}

static bool take_path(struct kt_jval root, struct kt_buf *ret)
{
    struct kt_jval list = kt_json_at(root, "path"), item;
    uint8_t hash[32];
    struct kt_json_iter it = kt_json_iter(list);
    while (kt_json_next(&it, NULL, &item)) {
        if (!kt_hex_decode(kt_json_str(item), hash, 32) || ret->len >= 32 * (size_t)KT_PATH_MAX)
            return false;
        kt_buf_add_bytes(ret, hash, 32);
    }
    return true;
}

static bool take_all(struct kt_jval root, struct kt_proof_file *f)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf hash = { 0 };
    int64_t seq, size;
    if (!kt_json_i64(kt_json_at(root, "seq"), &seq) ||
        !kt_json_i64(kt_json_at(root, "size"), &size) || seq <= 0 || size < seq ||
        !take_hex(root, "record", &f->record) || !take_path(root, &f->path) ||
        !take_hex(root, "root", &hash) || hash.len != 32 ||
        !kt_hex_decode(kt_json_str_at(root, "log"), f->log_id, 16))
        return false;
    f->seq = (uint64_t)seq;
    f->head.size = (uint64_t)size;
    memcpy(f->head.root, hash.at, 32);
    kt_buf_add(&f->line, kt_json_str_at(root, "line"));
    kt_buf_add(&f->note, kt_json_str_at(root, "note"));
    return true;
}

enum kt_status kt_proof_file_read(struct kt_str text, struct kt_proof_file *ret,
                                  struct kt_error *err)
{
    struct kt_jval root;
    unsigned repaired;
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    bool good = kt_json_parse(json, text, &root, &repaired, err) == KT_OK && take_all(root, ret);
    kt_json_free(json);
    return good ? KT_OK : kt_fail(err, KT_E_INPUT, "no proof of `keytrail prove`");
}

const char *kt_proof_file_fault(const struct kt_proof_file *f)
{
    uint8_t line[32], leaf[32];
    struct kt_path path;
    const struct kt_str record = kt_buf_str(&f->record);
    const struct kt_str parts[] = { kt_str_from("\0", 1), record };
    struct kt_rd rd = kt_rd_of(kt_str_from_index(record, 4));
    kt_line_hash(kt_buf_str(&f->line), line);
    if (record.len < 64 || !kt_str_starts(record, KT_STR("KTL1")) ||
        memcmp(record.at + record.len - 32, line, 32) != 0)
        return "the line is not the one that the record was made of";
    if (kt_rd_u64(&rd) != f->seq)
        return "the record has another number";
    kt_sha256_of(parts, KT_ARRAY_LEN(parts), leaf);
    if (!kt_path_read(kt_buf_str(&f->path), &path) ||
        !kt_merkle_includes(&f->head, f->seq - 1, leaf, &path))
        return "the path does not lead from the record to the root";
    return NULL;
}
