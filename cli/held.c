/*
 * held: see the header.
 *
 * Owns:  nothing.
 * Calls: core/answer/anchors, collector/auth, core/sys/fs.
 */
#include "cli/held.h"

#include <string.h>

#include "core/sys/fs.h"

#define FILE_MAX (64u << 20)

/* A file that is not there is KT_E_AGAIN below, which here means: mend the option. */
static enum kt_status read_file(const char *option, const char *path, struct kt_buf *ret,
                                struct kt_error *err)
{
    enum kt_status status = kt_fs_read_all(path, FILE_MAX, ret, err);
    if (status == KT_E_AGAIN)
        return kt_fail(err, KT_E_INPUT, "%s: there is no file '%s'", option, path);
    return status == KT_OK ? KT_OK : kt_wrap(err, "%s", option);
}

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
    if (read_file(option, given, &text, err) != KT_OK)
        return err->code;
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
    if (read_file("--checkpoint", path, &text, err) != KT_OK)
        return err->code;
    struct kt_str rest = kt_buf_str(&text);
    for (; kt_note_next(&rest, &note); taken++)
        if (kt_anchors_add(a, path, note, err) != KT_OK)
            return kt_wrap(err, "--checkpoint %s", path);
    return taken > 0
               ? KT_OK
               : kt_fail(err, KT_E_INPUT, "--checkpoint %s: there is no checkpoint in it", path);
}

static void take_agents(const struct kt_auth *agents, struct kt_anchors *a)
{
    for (unsigned i = 0; i < kt_auth_count(agents); i++) {
        const struct kt_agent_entry *e = kt_auth_at(agents, i);
        for (unsigned k = 0; k < e->n_keys; k++) {
            struct kt_note_key key = { .type = KT_NOTE_COSIGNATURE };
            kt_str_copyz(key.name, sizeof key.name, kt_str_of(e->name));
            memcpy(key.public_key, e->signing[k], 32);
            if (kt_anchors_key(a, &key, KT_KEEPER_AGENT, NULL) != KT_OK)
                return; /* so many agents: those that were taken are enough to say by whom */
        }
    }
}

enum kt_status kt_held_take(const struct kt_held *h, const char *key_option,
                            const struct kt_auth *agents, struct kt_anchors *a,
                            struct kt_error *err)
{
    enum kt_status status = KT_OK;
    for (unsigned i = 0; i < h->keys.n && status == KT_OK; i++)
        status = take_keys(key_option, h->keys.at[i], KT_KEEPER_LOG, a, err);
    for (unsigned i = 0; i < h->witnesses.n && status == KT_OK; i++)
        status = take_keys("--witness", h->witnesses.at[i], KT_KEEPER_WITNESS, a, err);
    if (agents != NULL && status == KT_OK)
        take_agents(agents, a);
    for (unsigned i = 0; i < h->checkpoints.n && status == KT_OK; i++)
        status = take_checkpoints(h->checkpoints.at[i], a, err);
    return status;
}

unsigned kt_held_signing_key(const struct kt_auth *agents, struct kt_str name, uint8_t (*ret)[32],
                             unsigned max)
{
    const struct kt_agent_entry *e = agents != NULL ? kt_auth_named(agents, name) : NULL;
    unsigned n = 0;
    for (; e != NULL && n < e->n_keys && n < max; n++)
        memcpy(ret[n], e->signing[n], 32);
    return n;
}
