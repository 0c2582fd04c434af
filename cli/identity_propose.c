/*
 * identity_propose: `keytrail identity suggest`: reads the log and prints what could be merged, as
 * YAML to paste, with the reason for each.
 *
 * Owns:  nothing.
 * Calls: cli/identity_suggest, core/store/read; stdout, stderr.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/identity.h"
#include "cli/identity_suggest.h"
#include "core/base/log.h"
#include "core/store/read.h"
#include "core/sys/clock.h"
#include "core/sys/proc.h"

#define WINDOW (90 * KT_NS_DAY)

static const char *confidence(int score)
{
    return score >= KT_CONFIDENT_HIGH ? "high" : score >= KT_CONFIDENT_MEDIUM ? "medium" : "low";
}

/* ---- words ---- */
static void add_reason(struct kt_buf *b, const char *text)
{
    kt_buf_addf(b, "%s%s", b->len > 0 ? "; " : "", text);
}

static void say_why(const struct kt_suggestion *g, struct kt_buf *b)
{
    static const struct {
        unsigned reason;
        const char *text;
    } table[] = {
        { KT_REASON_ID, "its source has one id for both" },
        { KT_REASON_MAIL, "the records of one name the other" },
        { KT_REASON_LOCAL | KT_REASON_ONLY, "the same name, and no other e-mail has it" },
        { KT_REASON_LOCAL, "the same name" },
        { KT_REASON_DISPLAY, "the display name fits" },
        { KT_REASON_INITIAL, "initial and surname fit" },
    };
    unsigned said = 0;
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++)
        if ((g->reasons & table[i].reason) == table[i].reason && !(said & table[i].reason)) {
            add_reason(b, table[i].text);
            said |= table[i].reason;
        }
    if (g->reasons & KT_REASON_TOGETHER) {
        add_reason(b, "");
        kt_buf_addf(b, "%u hour%s together at ", g->together_hours,
                    g->together_hours == 1 ? "" : "s");
        if (g->together_addresses == 1)
            kt_buf_addf(b, "1 address that %u names use", g->address_users);
        else
            kt_buf_addf(b, "%u addresses, one of which %u names use", g->together_addresses,
                        g->address_users);
    }
    if (g->reasons & KT_REASON_CLIENT)
        add_reason(b, "the same client");
    if (g->reasons & KT_REASON_APART) {
        add_reason(b, "");
        kt_buf_addf(b, "but %u hour%s at different addresses", g->apart_hours,
                    g->apart_hours == 1 ? "" : "s");
    }
}

/* ---- the two forms ---- */
/* What a terminal must not get stands as an escape, which is also one of YAML (THREATS O2). */
static void add_scalar(struct kt_buf *out, struct kt_str s)
{
    kt_buf_byte(out, '"');
    while (s.len > 0) {
        size_t n = 0;
        while (n < s.len && s.at[n] != '"' && s.at[n] != '\\' && (unsigned char)s.at[n] != 0xF3)
            n++;
        kt_tty_add(out, kt_str_sub(s, 0, n));
        s = kt_str_from_index(s, n);
        if (s.len == 0)
            break;
        bool tag = s.len >= 4 && (s.at[1] & 0xFF) == 0xA0 && (s.at[2] & 0xFE) == 0x80;
        n = (unsigned char)s.at[0] != 0xF3 ? 1 : s.len < 4 ? s.len : 4;
        if (n == 1 && (unsigned char)s.at[0] != 0xF3)
            kt_buf_addf(out, "\\%c", s.at[0]);
        else if (tag) /* U+E0000 to U+E007F: four digits are too few */
            kt_buf_addf(out, "\\U%08x",
                        0xE0000u | ((unsigned char)s.at[2] & 1u) << 6 |
                            ((unsigned char)s.at[3] & 0x3Fu));
        else
            kt_tty_add(out, kt_str_sub(s, 0, n));
        s = kt_str_from_index(s, n);
    }
    kt_buf_byte(out, '"');
}

static void print_yaml(const struct kt_suggestion *g, size_t n)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 }, why = { 0 };
    kt_buf_addz(&out, "identities:\n");
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || !kt_str_eq(g[i - 1].name, g[i].name)) {
            kt_buf_addz(&out, "  - name: ");
            add_scalar(&out, g[i].name);
            kt_buf_addz(&out, g[i].known ? "   # is there: add the aliases to it\n"
                                         : "\n    kind: human\n");
            kt_buf_addz(&out, "    aliases:\n");
        }
        kt_buf_reset(&why);
        say_why(&g[i], &why);
        kt_buf_addz(&out, "      - ");
        add_scalar(&out, g[i].alias);
        kt_buf_addf(&out, "   # %s, %d: %s", confidence(g[i].score), g[i].score, kt_buf_z(&why));
        if (!kt_str_eq(g[i].beside, g[i].name)) {
            kt_buf_addz(&out, " (beside ");
            add_scalar(&out, g[i].beside);
            kt_buf_addz(&out, ")");
        }
        kt_buf_byte(&out, '\n');
    }
    if (n > 0)
        fwrite(out.at, 1, out.len, stdout);
}

static const struct kt_column columns[] = {
    { "name", "NAME", 36, false },       { "alias", "IS ALSO", 36, false },
    { "sources", "IN", 24, false },      { "confidence", "SURE", 0, false },
    { "score", "OF 99", 0, true },       { "reasons", "WHY", 90, false },
    { "beside", NULL, 0, false },        { "events", NULL, 0, true },
    { "together_hours", NULL, 0, true }, { "together_addresses", NULL, 0, true },
    { "address_users", NULL, 0, true },  { "apart_hours", NULL, 0, true },
};

static void print_rows(const struct kt_identity_args *a, const struct kt_suggestion *g, size_t n)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf why = { 0 };
    struct kt_rows *rows = kt_rows_new(a->how, columns, KT_ARRAY_LEN(columns), !a->no_header);
    for (size_t i = 0; i < n; i++) {
        kt_buf_reset(&why);
        say_why(&g[i], &why);
        const struct kt_cell cells[] = {
            kt_cell_str(g[i].name),
            kt_cell_str(g[i].alias),
            kt_cell_str(kt_str_of(g[i].sources)),
            kt_cell_str(kt_str_of(confidence(g[i].score))),
            kt_cell_int(g[i].score),
            kt_cell_str(kt_buf_str(&why)),
            kt_cell_str(g[i].beside),
            kt_cell_int((int64_t)g[i].events),
            kt_cell_int(g[i].together_hours),
            kt_cell_int(g[i].together_addresses),
            kt_cell_int(g[i].address_users),
            kt_cell_int(g[i].apart_hours),
        };
        kt_rows_add(rows, cells);
    }
    kt_rows_end(rows);
}

/* ---- the log ---- */
static enum kt_status read_log(struct kt_identity_args *a, struct kt_suggest *s,
                               struct kt_damage *damage, struct kt_error *err)
{
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    struct kt_scan scan = { .records = true, .damage = damage };
    struct kt_cursor *c = NULL;
    struct kt_record r;
    char from[KT_TIME_TEXT_MAX], to[KT_TIME_TEXT_MAX];
    int zone = isatty(STDOUT_FILENO) ? kt_local_offset_s(now) : 0;
    if (kt_window_resolve(&a->window, a->reader, now, zone, &scan.since, &scan.until, err) != KT_OK)
        return err->code;
    if (scan.since == 0 && scan.until == 0 && a->window.since == NULL)
        scan.since = now - WINDOW;
    if (!a->quiet)
        fprintf(stderr, "window: %s%s to %s%s; --since and --until choose another\n",
                scan.since == 0 ? "the beginning" : kt_time_format_short(scan.since, from),
                scan.since == 0 ? "" : " UTC",
                scan.until == 0 ? "now" : kt_time_format_short(scan.until, to),
                scan.until == 0 ? "" : " UTC");
    enum kt_status st = kt_cursor_open(a->reader, &scan, &c, err);
    while (st == KT_OK && (st = kt_cursor_next(c, &r, err)) == KT_OK)
        kt_suggest_add(s, &r.ev);
    kt_cursor_free(c);
    return st == KT_E_AGAIN ? KT_OK : st;
}

static bool least_of(const char *word, int *ret)
{
    static const struct {
        const char *word;
        int score;
    } words[] = { { "low", 30 }, { "medium", KT_CONFIDENT_MEDIUM }, { "high", KT_CONFIDENT_HIGH } };
    for (size_t i = 0; i < KT_ARRAY_LEN(words); i++) {
        *ret = words[i].score;
        if (strcmp(word, words[i].word) == 0)
            return true;
    }
    return false;
}

static void say(const struct kt_identity_args *a, const struct kt_suggest *s, size_t n)
{
    if (a->quiet)
        return;
    if (n == 0)
        fprintf(stderr,
                "nothing to merge: no two names of people are related and as sure as that\n");
    else
        fprintf(stderr, "%zu name%s to add. Read each before you paste it: nothing was changed\n",
                n, n == 1 ? "" : "s");
    if (kt_suggest_lost(s) > 0)
        fprintf(stderr, "too much to hold: %llu records were left out; give a shorter time\n",
                (unsigned long long)kt_suggest_lost(s));
}

int kt_identity_suggest(struct kt_identity_args *a)
{
    int least;
    size_t n;
    struct kt_error err = { 0 };
    struct kt_damage damage = { 0 };
    if (!least_of(a->least, &least)) {
        fprintf(stderr, "keytrail identity: --least takes low, medium or high\n");
        return KT_EXIT_USAGE;
    }
    struct kt_suggest *s = kt_suggest_new(a->ids);
    int code = KT_EXIT_OK;
    if (read_log(a, s, &damage, &err) != KT_OK) {
        code = kt_cli_fail("identity", &err);
    } else {
        const struct kt_suggestion *g = kt_suggest_make(s, least, &n);
        if (a->output == NULL)
            print_yaml(g, n);
        else
            print_rows(a, g, n);
        say(a, s, n);
    }
    kt_suggest_free(s);
    if (damage.places > 0 && code == KT_EXIT_OK) {
        fprintf(stderr, "keytrail identity: %u damaged places were left out: %s\n", damage.places,
                damage.first.text);
        code = KT_EXIT_STORE;
    }
    return code;
}
