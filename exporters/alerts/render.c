/*
 * render: what alert targets share.
 *
 * Owns:  nothing.
 * Calls: core (arena, buf, str, time), jansson. No I/O, no clock.
 */
#include "exporters/alerts/render.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    uint32_t from, to;
} hidden[] = {
    { 0x0000, 0x001F }, { 0x007F, 0x009F }, { 0x061C, 0x061C }, { 0x200B, 0x200F },
    { 0x2028, 0x202E }, { 0x2060, 0x2060 }, { 0x2066, 0x2069 }, { 0xFEFF, 0xFEFF },
};

static bool is_hidden(uint32_t c)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(hidden); i++)
        if (c >= hidden[i].from && c <= hidden[i].to)
            return true;
    return false;
}

/* Length of the code point at s (1-4) and its value; 0 when the bytes are no UTF-8. */
static size_t code_point(struct kt_str s, uint32_t *ret)
{
    unsigned char c = (unsigned char)s.at[0];
    size_t n = c < 0x80                ? 1
               : c >= 0xC2 && c < 0xE0 ? 2
               : (c & 0xF0) == 0xE0    ? 3
               : c >= 0xF0 && c < 0xF5 ? 4
                                       : 0;
    if (n == 0 || n > s.len || !kt_utf8_valid(kt_str_sub(s, 0, n)))
        return 0;
    uint32_t v = n == 1 ? c : n == 2 ? c & 0x1Fu : n == 3 ? c & 0x0Fu : c & 0x07u;
    for (size_t i = 1; i < n; i++)
        v = v << 6 | ((unsigned char)s.at[i] & 0x3Fu);
    *ret = v;
    return n;
}

/* Printable ASCII shows itself. */
static bool shows_itself(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < ' ' || s.at[i] > '~')
            return false;
    return true;
}

/* How the first code point of s is shown; *ret_len bytes of piece. Returns the bytes of s. */
static size_t show_piece(struct kt_str s, char piece[16], size_t *ret_len)
{
    uint32_t c = 0;
    size_t n = code_point(s, &c);
    *ret_len = n;
    if (n == 0) {
        *ret_len = (size_t)snprintf(piece, 16, "\\x%02X", (unsigned char)s.at[0]);
        n = 1;
    } else if (c == '\n' || c == '\t') {
        piece[0] = ' ';
    } else if (is_hidden(c)) {
        *ret_len = (size_t)snprintf(piece, 16, "\\u{%04" PRIX32 "}", c);
    } else {
        memcpy(piece, s.at, n);
    }
    return n;
}

/* Does all of it fit into max bytes as it is shown? */
static bool fits(struct kt_str s, size_t max)
{
    size_t used = 0, len = 0;
    char piece[16];
    while (s.len > 0 && used <= max) {
        s = kt_str_from_index(s, show_piece(s, piece, &len));
        used += len;
    }
    return used <= max;
}

struct kt_str kt_render_people(struct kt_arena *arena, struct kt_str s, size_t max)
{
    const struct kt_str dots = KT_STR("…");
    if (s.len <= max && shows_itself(s))
        return s; /* the usual case */
    size_t room = (s.len < max ? s.len : max) * 8 + 16, used = 0;
    if (room > max + 16)
        room = max + 16;
    char *out = kt_arena_alloc(arena, room);
    if (out == NULL)
        return KT_STR_NONE;
    size_t kept = fits(s, max) ? 0 : dots.len; /* a cut needs room for its mark */
    while (s.len > 0) {
        char piece[16];
        size_t len = 0, n = show_piece(s, piece, &len);
        if (used + len + kept > max) {
            if (used + dots.len <= max) {
                memcpy(out + used, dots.at, dots.len);
                used += dots.len;
            }
            break;
        }
        memcpy(out + used, piece, len);
        used += len;
        s = kt_str_from_index(s, n);
    }
    return kt_str_from(out, used);
}

struct kt_str kt_render_time(struct kt_arena *arena, kt_time_ns t)
{
    char text[KT_TIME_TEXT_MAX];
    kt_time_format(t, text); /* nine digits of fraction: keep three */
    return kt_arena_fmt(arena, "%.23sZ", text);
}

struct kt_str kt_render_words(struct kt_arena *arena, const char *name)
{
    struct kt_str s = kt_arena_str(arena, kt_str_of(name));
    char *out = kt_arena_alloc(arena, s.len + 1);
    for (size_t i = 0; out != NULL && i < s.len; i++)
        out[i] = s.at[i] == '_' ? ' ' : s.at[i];
    return kt_str_from(out, out != NULL ? s.len : 0);
}

struct kt_str kt_render_severity(struct kt_arena *arena, const struct kt_alert *a)
{
    char up[16];
    size_t n = 0;
    for (const char *w = kt_severity_words[a->severity].word; *w != '\0' && n < sizeof up - 1; w++)
        up[n++] = (char)(*w - 'a' + 'A');
    up[n] = '\0';
    return kt_arena_fmt(arena, "%s%s", a->test ? "TEST " : "", up);
}

struct kt_str kt_render_head(struct kt_arena *arena, const struct kt_target_turn *t)
{
    static const char *const what[KT_SEND_COUNT] = {
        [KT_SEND_TRIGGER] = "",
        [KT_SEND_UPDATE] = "update: ",
        [KT_SEND_REPEAT] = "not acknowledged yet: ",
        [KT_SEND_ESCALATE] = "escalated: ",
        [KT_SEND_ACKNOWLEDGE] = "acknowledged: ",
        [KT_SEND_RESOLVE] = "closed: ",
        [KT_SEND_REMARK] = "update: ",
        [KT_SEND_RESEND] = "",
        [KT_SEND_CHANGE] = "",
        [KT_SEND_TEST] = "",
    };
    return kt_arena_fmt(arena, KT_STR_FMT " · %s" KT_STR_FMT,
                        KT_STR_ARG(kt_render_severity(arena, t->alert)), what[t->send],
                        KT_STR_ARG(kt_render_words(arena, t->alert->detector)));
}

/* ---- facts ---- */

struct facts {
    struct kt_render_fact *at;
    unsigned n;
};

static void add(struct facts *f, const char *label, struct kt_str value, bool sentence)
{
    if (value.len > 0 && f->n < KT_RENDER_FACTS_MAX)
        f->at[f->n++] = (struct kt_render_fact){ label, value, sentence };
}

static struct kt_str joined(struct kt_arena *arena, const struct kt_str *at, unsigned n,
                            unsigned shown, uint64_t all)
{
    struct kt_str s = KT_STR_NONE;
    for (unsigned i = 0; i < n && i < shown; i++)
        s = i == 0 ? at[i] : kt_arena_cat3(arena, s, KT_STR(", "), at[i]);
    unsigned named = n < shown ? n : shown;
    if (s.len > 0 && all > named)
        s = kt_arena_fmt(arena, KT_STR_FMT " +%" PRIu64, KT_STR_ARG(s), all - named);
    return s;
}

static struct kt_str place(struct kt_arena *arena, const struct kt_alert *a)
{
    struct kt_str s = a->ip, extra = KT_STR_NONE;
    if (s.len == 0)
        return a->network;
    if (a->country.len > 0 && a->network.len > 0)
        extra = kt_arena_cat3(arena, a->country, KT_STR(", "), a->network);
    else
        extra = a->country.len > 0 ? a->country : a->network;
    if (extra.len > 0)
        s = kt_arena_fmt(arena, KT_STR_FMT " (" KT_STR_FMT ")", KT_STR_ARG(s), KT_STR_ARG(extra));
    return s;
}

/* As the explanation has it, in words. */
static struct kt_str contributions(struct kt_arena *arena, const struct kt_alert *a)
{
    struct kt_buf sum = { 0 };
    if (a->n_parts == 0 || kt_alert_is_own(a))
        return KT_STR_NONE;
    kt_alert_add_score(a, &sum);
    struct kt_str s = kt_render_words(arena, kt_buf_z(&sum));
    kt_buf_done(&sum);
    return s;
}

static struct kt_str window(struct kt_arena *arena, const struct kt_alert *a)
{
    char from[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    if (a->first == 0)
        return KT_STR_NONE;
    kt_time_format_short(a->first, from);
    kt_time_format_short(a->last, until);
    return kt_arena_fmt(arena, "%s to %s UTC", from, until);
}

unsigned kt_render_facts(const struct kt_alert *a, struct kt_arena *arena,
                         struct kt_render_fact ret[KT_RENDER_FACTS_MAX])
{
    struct facts f = { ret, 0 };
    struct kt_str actor = a->actor;
    if (actor.len > 0 && a->actor_kind.len > 0)
        actor = kt_arena_fmt(arena, KT_STR_FMT " (" KT_STR_FMT ")", KT_STR_ARG(actor),
                             KT_STR_ARG(a->actor_kind));
    if (actor.len > 0 && a->actor_written.len > 0)
        actor = kt_arena_fmt(arena, KT_STR_FMT ", in the log " KT_STR_FMT, KT_STR_ARG(actor),
                             KT_STR_ARG(a->actor_written));
    struct kt_str secrets =
        a->n_secrets > 0 ? joined(arena, a->secrets, a->n_secrets, 3, a->secrets_count) : a->secret;
    add(&f, "Status", kt_alert_life_say(&a->life, arena), false);
    add(&f, "Actor", actor, false);
    add(&f, "Address", place(arena, a), false);
    add(&f, "Secrets", secrets, false);
    add(&f, "Source", a->instance.len > 0 ? a->instance : a->source, false);
    add(&f, "Window", window(arena, a), true);
    add(&f, "Why it fired", contributions(arena, a), true);
    add(&f, "Events", joined(arena, a->events, a->n_events, 3, a->events_count), false);
    add(&f, "Next", a->command, false);
    add(&f, "Client", a->user_agent, false);
    add(&f, "Considered", a->considered, true);
    add(&f, "Would have kept it quiet", a->quiet, true);
    add(&f, "Merged into", a->merged_into, false);
    return f.n;
}

/* ---- JSON and verdicts ---- */

json_t *kt_render_json(struct kt_arena *arena, struct kt_str s)
{
    json_t *j = json_stringn(s.at != NULL ? s.at : "", s.len);
    if (j == NULL) {
        struct kt_str shown = kt_render_people(arena, s, s.len * 4);
        j = json_stringn(shown.at != NULL ? shown.at : "", shown.len);
    }
    return j != NULL ? j : json_string("");
}

static int append(const char *at, size_t n, void *to)
{
    kt_buf_add_bytes(to, at, n);
    return 0;
}

void kt_render_dump(const json_t *root, struct kt_buf *out)
{
    (void)json_dump_callback(root, append, out, JSON_COMPACT | JSON_REAL_PRECISION(6));
}

enum kt_verdict kt_render_judge(int http_status)
{
    if (http_status >= 200 && http_status < 300)
        return KT_DELIVERED;
    if (http_status == 410)
        return KT_DISABLED;
    if (http_status <= 0 || http_status == 408 || http_status == 425 || http_status == 429 ||
        http_status >= 500)
        return KT_RETRY;
    return KT_REFUSED;
}

void kt_render_word(struct kt_str s, int http_status, char word[64])
{
    size_t n = 0;
    for (size_t i = 0; i < s.len && n < 60; i++) {
        char c = s.at[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    kt_str_find_byte(KT_STR("_ .,-"), c, 0) >= 0;
        if (fine)
            word[n++] = c;
    }
    word[n] = '\0';
    if (n == 0)
        (void)snprintf(word, 64, "status_%d", http_status);
}
