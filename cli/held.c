/*
 * held: see the header.
 *
 * Owns:  nothing.
 * Calls: core/answer/anchors, core/sys/fs.
 */
#include "cli/held.h"

#include "core/sys/fs.h"

#define FILE_MAX (64u << 20)

static bool is_key(struct kt_str text)
{
    struct kt_note_key key;
    return kt_note_key_read(text, &key, NULL) == KT_OK;
}

static enum kt_status take_key(struct kt_str text, enum kt_anchor_keeper keeper,
                               struct kt_anchors *a, struct kt_error *err)
{
    struct kt_note_key key;
    return kt_note_key_read(text, &key, err) == KT_OK ? kt_anchors_key(a, &key, keeper, err)
                                                      : kt_wrap(err, "key");
}

/* A key itself, or a file with one a line; blank lines and those that begin with # say nothing. */
static enum kt_status take_keys(const char *option, const char *given, enum kt_anchor_keeper keeper,
                                struct kt_anchors *a, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    if (is_key(kt_str_of(given)))
        return take_key(kt_str_of(given), keeper, a, err);
    if (kt_fs_read_all(given, FILE_MAX, &text, err) != KT_OK)
        return kt_wrap(err, "%s", option);
    struct kt_str rest = kt_buf_str(&text), line;
    while (rest.len > 0 && kt_str_split(&rest, '\n', &line)) {
        line = kt_str_trim(line);
        if (line.len > 0 && line.at[0] != '#' && take_key(line, keeper, a, err) != KT_OK)
            return kt_wrap(err, "%s %s", option, given);
    }
    return KT_OK;
}

static enum kt_status take_checkpoints(const char *path, struct kt_anchors *a, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    unsigned taken = 0;
    struct kt_str note;
    if (kt_fs_read_all(path, FILE_MAX, &text, err) != KT_OK)
        return kt_wrap(err, "--checkpoint");
    struct kt_str rest = kt_buf_str(&text);
    for (; kt_note_next(&rest, &note); taken++)
        if (kt_anchors_add(a, path, note, err) != KT_OK)
            return kt_wrap(err, "--checkpoint %s", path);
    return taken > 0
               ? KT_OK
               : kt_fail(err, KT_E_INPUT, "--checkpoint %s: there is no checkpoint in it", path);
}

enum kt_status kt_held_take(const struct kt_held *h, struct kt_anchors *a, struct kt_error *err)
{
    enum kt_status status = KT_OK;
    for (unsigned i = 0; i < h->keys.n && status == KT_OK; i++)
        status = take_keys("--key", h->keys.at[i], KT_KEEPER_LOG, a, err);
    for (unsigned i = 0; i < h->witnesses.n && status == KT_OK; i++)
        status = take_keys("--witness", h->witnesses.at[i], KT_KEEPER_WITNESS, a, err);
    for (unsigned i = 0; i < h->checkpoints.n && status == KT_OK; i++)
        status = take_checkpoints(h->checkpoints.at[i], a, err);
    return status;
}
