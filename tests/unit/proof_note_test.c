/* note: published keys, notes and cosignatures verify and are made byte for byte; what is not
 * exactly a checkpoint is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/proof/note.h"

/* golang.org/x/mod/sumdb/note, which C2SP signed-note comes from */
#define PETER        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define PETER_SECRET "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz" /* type, seed */
#define PETER_TEXT                                                                                 \
    "If you think cryptography is the answer to your problem,\n"                                   \
    "then you don't know what your problem is.\n"
#define PETER_BYTES                                                                                \
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="

/* A checkpoint of a public log, with its own signature and a public witness's cosignature
 * (tlog-checkpoint, tlog-cosignature). */
#define ARCHE                                                                                      \
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/"                                 \
    "PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
#define ARCHE_TEXT                                                                                 \
    "arche2025h1.staging.ct.transparency.dev\n1432088532\n"                                        \
    "U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n"
#define ARCHE_BYTES                                                                                \
    "ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ="
#define REMORA "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
#define REMORA_BYTES                                                                               \
    "2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxt" \
    "qB0DrAWfBw=="

static struct kt_note_key key_of(const char *vkey)
{
    struct kt_note_key k = { 0 };
    struct kt_error err = { 0 };
    assert_int_equal(kt_note_key_read(kt_str_of(vkey), &k, &err), KT_OK);
    return k;
}

/* Notes of other logs are no checkpoints of ours: put together by hand. */
static struct kt_checkpoint foreign(const char *text, const struct kt_note_key *key,
                                    const char *base64)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    struct kt_checkpoint c = { .text = kt_str_of(text), .n = 1 };
    struct kt_note_signature *s = &c.signature[0];
    assert_true(kt_base64_decode(kt_str_of(base64), &bytes));
    s->name = kt_str_of(key->name);
    s->len = bytes.len - 4;
    memcpy(s->key_id, bytes.at, 4);
    memcpy(s->bytes, bytes.at + 4, s->len);
    return c;
}

static void published_keys_read_and_write(void **state)
{
    (void)state;
    static const char *const keys[] = { PETER, ARCHE, REMORA };
    for (size_t i = 0; i < KT_ARRAY_LEN(keys); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
        struct kt_note_key k = key_of(keys[i]);
        assert_int_equal(k.type, i == 2 ? KT_NOTE_COSIGNATURE : KT_NOTE_LOG);
        kt_note_key_write(&k, &out);
        assert_string_equal(kt_buf_z(&out), keys[i]);
    }
}

/* As the reference's test does: no part of a key is a key, and no byte may be another. */
static void no_mangled_key_is_read(void **state)
{
    (void)state;
    struct kt_note_key k;
    char text[] = PETER;
    size_t n = strlen(text);
    for (size_t from = 0; from < n; from++)
        for (size_t to = from + 1; to <= n; to++)
            if (from != 0 || to != n)
                assert_int_equal(kt_note_key_read(kt_str_from(text + from, to - from), &k, NULL),
                                 KT_E_INPUT);
    for (size_t i = 0; i < n; i++) {
        text[i]++;
        assert_int_equal(kt_note_key_read(kt_str_of(text), &k, NULL), KT_E_INPUT);
        text[i]--;
    }
    static const char *const bad[] = {
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++)
        assert_int_equal(kt_note_key_read(kt_str_of(bad[i]), &k, NULL), KT_E_INPUT);
    char newline[] = PETER "\n"; /* as a file has it */
    assert_int_equal(kt_note_key_read(kt_str_of(newline), &k, NULL), KT_OK);
}

static void published_signatures_verify(void **state)
{
    (void)state;
    static const struct {
        const char *key, *text, *bytes;
        kt_time_ns when;
    } cases[] = {
        { PETER, PETER_TEXT, PETER_BYTES, 0 },
        { ARCHE, ARCHE_TEXT, ARCHE_BYTES, 0 },
        { REMORA, ARCHE_TEXT, REMORA_BYTES, 1779573024 * KT_NS_S },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_note_key k = key_of(cases[i].key);
        kt_time_ns when = -1;
        char text[256];
        (void)snprintf(text, sizeof text, "%s", cases[i].text);
        struct kt_checkpoint c = foreign(text, &k, cases[i].bytes);
        assert_true(kt_checkpoint_signed(&c, &k, &when));
        assert_int_equal(when, cases[i].when);
        for (size_t at = 0; text[at] != '\0'; at++) { /* every byte of the text is signed */
            text[at] ^= 1;
            assert_false(kt_checkpoint_signed(&c, &k, NULL));
            text[at] ^= 1;
        }
        for (size_t at = 0; at < c.signature[0].len; at++) {
            c.signature[0].bytes[at] ^= 0x40;
            assert_false(kt_checkpoint_signed(&c, &k, NULL));
            c.signature[0].bytes[at] ^= 0x40;
        }
        c.signature[0].name = KT_STR("somebody.else");
        assert_false(kt_checkpoint_signed(&c, &k, NULL));
    }
}

static void a_published_signature_is_made_again(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf secret = { 0 }, out = { 0 };
    assert_true(kt_base64_decode(KT_STR(PETER_SECRET), &secret));
    assert_int_equal(secret.len, 33);
    kt_note_sign(KT_STR(PETER_TEXT), "PeterNeumann", (const uint8_t *)secret.at + 1, &out);
    assert_string_equal(kt_buf_z(&out), "\xe2\x80\x94 PeterNeumann " PETER_BYTES "\n");
}

/* ---- our own ---- */

static const uint8_t log_id[16] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                    0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10 };
#define ORIGIN_TEXT "keytrail/0123456789abcdeffedcba9876543210"
#define ROOT_TEXT   "ERERERERERERERERERERERERERERERERERERERERERE="
static const uint8_t log_seed[32] = { 1 }, agent_seed[32] = { 2 };

static struct kt_note_key public_of(const char *name, enum kt_note_type type,
                                    const uint8_t seed[32])
{
    struct kt_note_key k = { .type = type };
    (void)snprintf(k.name, sizeof k.name, "%s", name);
    kt_sign_public(seed, k.public_key);
    return k;
}

static void make_note(struct kt_buf *out)
{
    struct kt_head head = { .size = 48168 };
    struct kt_buf text = { 0 };
    memset(head.root, 0x11, 32);
    kt_checkpoint_text(log_id, &head, &text);
    kt_buf_add(out, kt_buf_str(&text));
    kt_buf_byte(out, '\n');
    kt_note_sign(kt_buf_str(&text), ORIGIN_TEXT, log_seed, out);
    kt_note_cosign(kt_buf_str(&text), "web-1", agent_seed, 1790000000 * KT_NS_S + 5, out);
    kt_buf_done(&text);
}

static void a_checkpoint_reads_back(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf note = { 0 };
    struct kt_note_key log = public_of(ORIGIN_TEXT, KT_NOTE_LOG, log_seed);
    struct kt_note_key agent = public_of("web-1", KT_NOTE_COSIGNATURE, agent_seed);
    struct kt_note_key stranger = public_of("web-2", KT_NOTE_COSIGNATURE, agent_seed);
    struct kt_note_key other = public_of("web-1", KT_NOTE_COSIGNATURE, log_seed);
    struct kt_checkpoint c;
    struct kt_error err = { 0 };
    kt_time_ns when = 0;
    make_note(&note);
    assert_int_equal(kt_checkpoint_read(kt_buf_str(&note), &c, &err), KT_OK);
    assert_true(kt_str_is(c.text, ORIGIN_TEXT "\n48168\n" ROOT_TEXT "\n"));
    assert_true(kt_str_is(c.origin, ORIGIN_TEXT));
    assert_memory_equal(c.log_id, log_id, 16);
    assert_int_equal(c.head.size, 48168);
    assert_int_equal(c.head.root[31], 0x11);
    assert_int_equal(c.n, 2);
    assert_true(kt_checkpoint_signed(&c, &log, &when));
    assert_true(kt_checkpoint_signed(&c, &agent, &when));
    assert_int_equal(when, 1790000000 * KT_NS_S);
    assert_false(kt_checkpoint_signed(&c, &stranger, NULL));
    assert_false(kt_checkpoint_signed(&c, &other, NULL));
}

static void what_is_no_checkpoint_is_refused(void **state)
{
    (void)state;
#define SIGNED "\n\xe2\x80\x94 a AAAAAAAA\n"
    static const char *const bad[] = {
        "",
        "\n\n",
        ORIGIN_TEXT "\n1\n" ROOT_TEXT "\n",
        ORIGIN_TEXT "\n1\n" ROOT_TEXT "\n\n",
        "example.com/log\n1\n" ROOT_TEXT "\n" SIGNED,
        "keytrail/0123\n1\n" ROOT_TEXT "\n" SIGNED,
        "keytrail/0123456789ABCDEFFEDCBA9876543210\n1\n" ROOT_TEXT "\n" SIGNED, /* another name */
        ORIGIN_TEXT "\n01\n" ROOT_TEXT "\n" SIGNED,
        ORIGIN_TEXT "\n-1\n" ROOT_TEXT "\n" SIGNED,
        ORIGIN_TEXT "\n\n" ROOT_TEXT "\n" SIGNED,
        ORIGIN_TEXT "\n18014398509481985\n" ROOT_TEXT "\n" SIGNED, /* 2^54 + 1 */
        ORIGIN_TEXT "\n99999999999999999999\n" ROOT_TEXT "\n" SIGNED,
        ORIGIN_TEXT "\n1\nAAAA\n" SIGNED,
        ORIGIN_TEXT "\n1\nERERERERERERERERERERERERERERERERERERERERERE\n" SIGNED,
        ORIGIN_TEXT "\n1\nERERERERERERERERERERERERERERERERERERERERERF=\n" SIGNED,
        ORIGIN_TEXT "\r\n1\n" ROOT_TEXT "\n" SIGNED,
        ORIGIN_TEXT "\n1\n" ROOT_TEXT "\nan extension\x07\n" SIGNED,
        ORIGIN_TEXT "\n1\n" ROOT_TEXT "\nan extension\xff\n" SIGNED,
        ORIGIN_TEXT "\n1\n" ROOT_TEXT "\n\n- a AAAAAAAA\n",
        ORIGIN_TEXT "\n1\n" ROOT_TEXT "\n\n\xe2\x80\x94 a AAAAAAAA", /* no last newline */
        ORIGIN_TEXT "\n1\n" ROOT_TEXT "\n\n\xe2\x80\x94 a AAAA\n",   /* a key id alone */
        ORIGIN_TEXT "\n1\n" ROOT_TEXT "\n\n\xe2\x80\x94 a b AAAAAAAA\n",
        ORIGIN_TEXT "\n1\n" ROOT_TEXT "\n\n\xe2\x80\x94  AAAAAAAA\n",
        ORIGIN_TEXT "\n1\n" ROOT_TEXT "\n\n\xe2\x80\x94 a\xff AAAAAAAA\n",
        ORIGIN_TEXT "\n1\n" ROOT_TEXT "\n\n\xe2\x80\x94 a AAAAAAAA\n\n\xe2\x80\x94 a AAAAAAAA\n",
    };
    struct kt_checkpoint c;
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++)
        assert_int_equal(kt_checkpoint_read(kt_str_of(bad[i]), &c, NULL), KT_E_INPUT);
    static const char *const good[] = {
        ORIGIN_TEXT "\n0\n" ROOT_TEXT "\n" SIGNED,
        ORIGIN_TEXT "\n18014398509481984\n" ROOT_TEXT "\n" SIGNED,
        ORIGIN_TEXT "\n1\n" ROOT_TEXT "\nan extension\n" SIGNED,
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(good); i++)
        assert_int_equal(kt_checkpoint_read(kt_str_of(good[i]), &c, NULL), KT_OK);
}

static void a_note_is_bounded(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf note = { 0 };
    struct kt_checkpoint c;
    kt_buf_addz(&note, ORIGIN_TEXT "\n1\n" ROOT_TEXT "\n\n");
    for (unsigned i = 0; i < KT_NOTE_SIGNATURES; i++)
        kt_buf_addz(&note, "\xe2\x80\x94 a AAAAAAAA\n");
    assert_int_equal(kt_checkpoint_read(kt_buf_str(&note), &c, NULL), KT_OK);
    assert_int_equal(c.n, KT_NOTE_SIGNATURES);
    kt_buf_addz(&note, "\xe2\x80\x94 a AAAAAAAA\n");
    assert_int_equal(kt_checkpoint_read(kt_buf_str(&note), &c, NULL), KT_E_INPUT);
}

/* ---- many in one file ---- */

#define NOTE(size) ORIGIN_TEXT "\n" size "\n" ROOT_TEXT "\n" SIGNED

/* Sizes of the notes that are found, in a row: "1 2 ". */
static void sizes_in(const char *file, char *ret, size_t n)
{
    struct kt_str rest = kt_str_of(file), note;
    struct kt_checkpoint c;
    size_t at = 0;
    ret[0] = '\0';
    while (kt_note_next(&rest, &note)) {
        assert_int_equal(kt_checkpoint_read(note, &c, NULL), KT_OK);
        at += (size_t)snprintf(ret + at, n - at, "%llu ", (unsigned long long)c.head.size);
    }
}

static void notes_of_one_file_are_taken_one_by_one(void **state)
{
    (void)state;
    static const struct {
        const char *file, *sizes;
    } cases[] = {
        { "", "" },
        { "\n\n\n", "" },
        { "no note", "" },
        { NOTE("1"), "1 " },
        { NOTE("1") "\n", "1 " }, /* as the collector appends it */
        { NOTE("1") NOTE("2"), "1 2 " },
        { NOTE("1") "\n" NOTE("2") "\n\n" NOTE("3") "\n", "1 2 3 " },
        { NOTE("01") "\n" NOTE("2"), "2 " }, /* no checkpoint, and one behind it */
        /* appends that were torn: in the origin, the size, the text, before the signature, in it */
        { NOTE("1") "\nkeytra" NOTE("3") "\n", "1 3 " },
        { NOTE("1") "\n" ORIGIN_TEXT "\n2" NOTE("3") "\n", "1 3 " },
        { NOTE("1") "\n" ORIGIN_TEXT "\n2\n" ROOT_TEXT "\n" NOTE("3") "\n", "1 3 " },
        { NOTE("1") "\n" ORIGIN_TEXT "\n2\n" ROOT_TEXT "\n\n" NOTE("3") "\n", "1 3 " },
        { NOTE("1") "\n" ORIGIN_TEXT "\n2\n" ROOT_TEXT "\n\n\xe2\x80" NOTE("3") "\n", "1 3 " },
        { NOTE("1") "\n" ORIGIN_TEXT "\n2\n" ROOT_TEXT "\n\n\xe2\x80\x94 a AAA\n" NOTE("3"),
          "1 3 " },
        { NOTE("1") ORIGIN_TEXT "\n2\n" ROOT_TEXT "\n\n\xe2\x80\x94 keytrail/01 AAA", "1 " },
        { NOTE("1") ORIGIN_TEXT "\n2\n" ROOT_TEXT "\n" SIGNED "\xe2\x80\x94 b AAA" NOTE("3"),
          "1 2 3 " }, /* torn in a cosignature: the log's stands */
        { NOTE("1") ORIGIN_TEXT "\n2\n" ROOT_TEXT "\n\n\xe2\x80\x94 example.com/" ORIGIN_TEXT
                                " AAAAAAAA\n",
          "1 2 " },
    };
    char sizes[64];
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        sizes_in(cases[i].file, sizes, sizeof sizes);
        assert_string_equal(sizes, cases[i].sizes);
    }
}

/* Among other lines, with one that does not read before it and a torn one behind. */
static void a_vouch_is_found_and_checked(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, all = { 0 };
    struct kt_note_key fresh = { .name = ORIGIN_TEXT, .type = KT_NOTE_LOG }, old = fresh, got;
    struct kt_checkpoint note;
    const uint8_t seed[32] = { 7 }, next[32] = { 9 };
    kt_sign_public(seed, old.public_key);
    kt_sign_public(next, fresh.public_key);
    kt_vouch_text(&fresh, &text);
    kt_buf_addz(&all, "a+b+c\n" KT_VOUCH_HEAD "no key\n\n\xe2\x80\x94 a AAAAAAAA\n\n");
    kt_buf_add(&all, kt_buf_str(&text));
    kt_buf_byte(&all, '\n');
    kt_note_sign(kt_buf_str(&text), old.name, seed, &all);
    kt_buf_byte(&all, '\n');
    kt_buf_add(&all, kt_buf_str(&text));
    kt_buf_addz(&all, "\nnobody has signed this one\n");
    kt_buf_add(&all, kt_buf_str(&text));
    struct kt_str rest = kt_buf_str(&all);
    assert_true(kt_vouch_next(&rest, &got, &note));
    assert_memory_equal(got.public_key, fresh.public_key, 32);
    assert_true(kt_str_is(note.origin, ORIGIN_TEXT));
    assert_true(kt_checkpoint_signed(&note, &old, NULL));
    assert_false(kt_checkpoint_signed(&note, &fresh, NULL));
    assert_false(kt_vouch_next(&rest, &got, &note));
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_keys_read_and_write),
        cmocka_unit_test(no_mangled_key_is_read),
        cmocka_unit_test(published_signatures_verify),
        cmocka_unit_test(a_published_signature_is_made_again),
        cmocka_unit_test(a_checkpoint_reads_back),
        cmocka_unit_test(what_is_no_checkpoint_is_refused),
        cmocka_unit_test(a_note_is_bounded),
        cmocka_unit_test(notes_of_one_file_are_taken_one_by_one),
        cmocka_unit_test(a_vouch_is_found_and_checked),
    };
    return cmocka_run_group_tests_name("proof_note", tests, NULL, NULL);
}
