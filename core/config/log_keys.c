/*
 * log_keys: the file of the log's keys, which sign its checkpoints.
 *
 * Owns:  nothing; secrets pass through buffers that are wiped.
 * Calls: core/base, core/sys/fs.
 */
#include <string.h>

#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/config/tree.h"
#include "core/sys/fs.h"

#define LOG_KEYS_MAX 1024u /* bytes of the file */

static const char comment[] =
    "# signs the log's checkpoints: keep it secret; keytrail store rotate-log-key exchanges it\n";

static void wipe_buf(struct kt_buf *b)
{
    kt_wipe(b->at, b->cap);
    kt_buf_done(b);
}

static bool take_line(struct kt_str line, struct kt_log_keys *k)
{
    KT_CLEANUP(wipe_buf) struct kt_buf seed = { 0 };
    static const struct kt_str head = KT_STR_INIT("log ");
    line = kt_str_trim(line);
    if (line.len == 0 || line.at[0] == '#')
        return true;
    if (k->n == KT_LOG_SEEDS || !kt_str_starts(line, head) ||
        !kt_base64url_decode(kt_str_trim(kt_str_from_index(line, head.len)), &seed) ||
        seed.len != 32)
        return false;
    memcpy(k->seed[k->n++], seed.at, 32);
    return true;
}

enum kt_status kt_log_keys_read(const char *path, struct kt_log_keys *ret, struct kt_error *err)
{
    KT_CLEANUP(wipe_buf) struct kt_buf text = { 0 };
    enum kt_status st = kt_fs_read_secret(path, LOG_KEYS_MAX, &text, err);
    if (st != KT_OK)
        return st == KT_E_AGAIN ? st : kt_wrap(err, "log key file");
    struct kt_log_keys k = { 0 };
    struct kt_str rest = kt_buf_str(&text), line;
    bool fine = true;
    while (fine && kt_str_split(&rest, '\n', &line))
        fine = take_line(line, &k);
    fine = fine && k.n > 0;
    if (fine)
        *ret = k;
    kt_wipe(&k, sizeof k);
    if (fine)
        return KT_OK;
    /* The line is a secret: it is not repeated. */
    return kt_fail(err, KT_E_CONFIG,
                   "'%s': a log key file has one line, or two while the key is exchanged: 'log' "
                   "and 43 characters of base64url; keytrail collector keygen writes one",
                   path);
}

enum kt_status kt_log_keys_write(const char *path, const struct kt_log_keys *k, bool replace,
                                 struct kt_error *err)
{
    KT_CLEANUP(wipe_buf) struct kt_buf text = { 0 };
    (void)kt_buf_reserve(&text, LOG_KEYS_MAX); /* once: growing would leave copies behind */
    kt_buf_addz(&text, comment);
    for (unsigned i = 0; i < k->n; i++) {
        kt_buf_addz(&text, "log ");
        kt_base64url_add(&text, kt_str_from(k->seed[i], sizeof k->seed[i]));
        kt_buf_byte(&text, '\n');
    }
    enum kt_status st = replace ? kt_fs_replace(path, kt_buf_str(&text), err)
                                : kt_key_write_new(path, kt_buf_str(&text), err);
    return st == KT_OK ? st : kt_wrap(err, "log key file");
}
