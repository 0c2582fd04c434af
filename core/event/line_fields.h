/* line_fields: the order and the types of the line's fields, for its reader and writer. Private to
 * core/event. */
#pragma once
#include "core/base/err.h"
#include "core/event/event.h"
#include "core/event/words.h"

enum kt_line_type {
    KT_LINE_STR,   /* struct kt_str; absent when empty */
    KT_LINE_U32,   /* absent when 0 */
    KT_LINE_I64,   /* absent when 0 */
    KT_LINE_WORD,  /* of a closed set; absent when 0, but see kt_line_wants */
    KT_LINE_MFA,   /* true, false; absent when 0 */
    KT_LINE_GUESS, /* true; absent when not */
    KT_LINE_IP,    /* canonical text; absent without has_ip */
    KT_LINE_LIST,  /* array of strings; absent when empty */
    KT_LINE_FLAGS, /* array of words in the order of their bits; absent when none */
    KT_LINE_RAW    /* one compact JSON object; absent when empty */
};

#define KT_LINE_KEY_MAX 24
struct kt_line_field {
    char key[KT_LINE_KEY_MAX];  /* ,"name": and for strings the opening quote */
    uint8_t key_len, type, set; /* enum kt_line_type, enum kt_words_set */
    uint16_t at;                /* offset in struct kt_event */
};
#define KT_LINE_FIELDS 49
extern const struct kt_line_field kt_line_fields[KT_LINE_FIELDS];

/* What an access did and how it ended is written even when unknown. */
static inline bool kt_line_wants(const struct kt_event *ev, const struct kt_line_field *f)
{
    return (f->set == KT_WORDS_ACTION || f->set == KT_WORDS_OUTCOME) &&
           (ev->kind == KT_KIND_ACCESS || ev->kind == KT_KIND_AMEND);
}

/* Four bytes of the name of the field at `at` tell most of them apart; 0: there is none. */
static inline uint32_t kt_line_name_at(const char *at, const char *end)
{
    uint32_t name = 0;
    if (end - at > 6) /* no field is shorter */
        memcpy(&name, at + 2, sizeof name);
    return name;
}

/* Reads the usual line into ev, which was cleared; false, and something in ev: the strict reader,
 * which is kt_line_read without this, judges it. */
bool kt_line_plain_read(struct kt_str line, struct kt_event *ev);
KT_MUST_USE enum kt_status kt_line_strict_read(struct kt_str line, struct kt_arena *arena,
                                               struct kt_event *ret, struct kt_error *err);

/* The byte behind the compact JSON object that starts here, NULL when there is none: RFC 8259
 * without white space, the escapes of kt_json_quote, depth <= KT_JSON_DEPTH_MAX. UTF-8 is the
 * caller's. */
const char *kt_line_skip_object(const char *at, const char *end);

/* The short escapes; 0 for a byte that has none. */
static inline char kt_line_short_escape(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

/* The byte that the canonical escape at p stands for and its length; 0 when it is none. */
size_t kt_line_unescape(const char *p, const char *end, char *ret);

/* The canonical text of an address, in buf. */
struct kt_str kt_line_ip(struct kt_ip ip, char buf[KT_IP_TEXT_MAX]);
