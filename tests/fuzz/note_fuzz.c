/* kt_note_key_read, kt_checkpoint_read and kt_note_next over any bytes. The first byte chooses.
 * What is read of a key is written back alike, a checkpoint's text is made again from what was read
 * of it, and a file's notes are checkpoints, one behind the other, each found again when it is
 * alone. */
#include <assert.h>

#include "core/base/hash.h"
#include "core/proof/note.h"

static void key(struct kt_str in)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf again = { 0 };
    struct kt_note_key k;
    if (kt_note_key_read(in, &k, NULL) != KT_OK)
        return;
    kt_note_key_write(&k, &again);
    assert(kt_str_eq(kt_buf_str(&again), kt_str_trim(in)));
}

static void checkpoint(struct kt_str in)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf again = { 0 };
    struct kt_checkpoint c;
    struct kt_note_key k = { .name = "a", .type = KT_NOTE_COSIGNATURE };
    kt_time_ns when;
    if (kt_checkpoint_read(in, &c, NULL) != KT_OK)
        return;
    assert(c.n > 0 && c.n <= KT_NOTE_SIGNATURES);
    kt_checkpoint_text(c.log_id, &c.head, &again);
    assert(kt_str_starts(c.text, kt_buf_str(&again))); /* extensions may follow */
    for (unsigned i = 0; i < c.n; i++) { /* whoever says to be him, nobody has signed this */
        kt_str_copyz(k.name, sizeof k.name, c.signature[i].name);
        k.type = c.signature[i].len == 64 ? KT_NOTE_LOG : KT_NOTE_COSIGNATURE;
        (void)kt_checkpoint_signed(&c, &k, &when);
    }
}

static void file(struct kt_str in)
{
    struct kt_str rest = in, note, again;
    const char *end = in.at;
    while (kt_note_next(&rest, &note)) {
        struct kt_str alone = note;
        assert(note.len > 0 && note.at >= end && rest.at == note.at + note.len &&
               rest.at + rest.len == in.at + in.len);
        assert(kt_note_next(&alone, &again) && kt_str_eq(again, note) && alone.len == 0);
        checkpoint(note);
        end = rest.at;
    }
}

static void vouches(struct kt_str in)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf again = { 0 };
    struct kt_checkpoint c;
    struct kt_note_key k;
    while (kt_vouch_next(&in, &k, &c)) {
        assert(kt_str_is(c.origin, k.name) && c.n > 0);
        kt_buf_reset(&again);
        kt_vouch_text(&k, &again);
        assert(kt_str_is(c.text, kt_buf_z(&again)));
        (void)kt_checkpoint_signed(&c, &k, NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    if (!ready)
        kt_hash_init();
    ready = true;
    if (size == 0)
        return 0;
    struct kt_str in = kt_str_from(data + 1, size - 1);
    if ((data[0] & 1) != 0)
        key(in);
    else if ((data[0] & 2) != 0)
        file(in);
    else
        checkpoint(in);
    vouches(in);
    return 0;
}
