/*
 * asking: what every command that asks a question of the store shares: its options, opening, the
 * deadline, times for people, and the end, which says what the answer covers and what was damaged.
 */
#pragma once
#include "cli/cli.h"
#include "cli/window.h"
#include "core/answer/ask.h"
#include "core/config/config.h"

struct kt_asking {
    /* options */
    const char *db, *config, *output, *timeout;
    struct kt_window window;
    bool no_header, quiet, utc, explain;
    /* after kt_asking_open */
    struct kt_ask ask;
    struct kt_conf *conf; /* by -c, else the newest of the log; NULL: it has none */
    enum kt_output how;
    kt_time_ns deadline; /* mono */
    int zone_offset_s;   /* of times for people */
    bool covered;        /* says itself what its answer covers: kt_asking_end does not */
};
/* clang-format off */
#define KT_ASKING_FLAGS(a)                                                                         \
    { "--db", 0, KT_FLAG_STRING, "FILE", "the store (or -c: the one of a configuration)",          \
      &(a).db, NULL },                                                                             \
    { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration that names the store",               \
      &(a).config, NULL },                                                                         \
    KT_WINDOW_FLAGS((a).window),                                                                   \
    { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &(a).output, NULL },               \
    { "--utc", 0, KT_FLAG_BOOL, NULL, "times in UTC (local on a terminal, UTC elsewhere)",         \
      &(a).utc, NULL },                                                                            \
    { "--explain", 0, KT_FLAG_BOOL, NULL, "say on stderr what was opened to find the answer",      \
      &(a).explain, NULL },                                                                        \
    { "--timeout", 0, KT_FLAG_STRING, "TIME", "give up after (5m); exit 7", &(a).timeout, NULL },  \
    { "--no-header", 0, KT_FLAG_BOOL, NULL, "no head line", &(a).no_header, NULL },                \
    { "--quiet", 'q', KT_FLAG_BOOL, NULL, "no talk on stderr", &(a).quiet, NULL }
/* clang-format on */

/* Opens the store, who is who and the window: what the options say, else the last `span` (0: all
 * that is stored), said on stderr. */
KT_MUST_USE enum kt_status kt_asking_open(struct kt_asking *a, kt_time_ns span,
                                          struct kt_error *err);
/*
 * What the answer covers, in a sentence, ready for a terminal: "coverage 100 %". instance: of that
 * source only, or empty. Every answer has it: where it prints one, in its last line, and then
 * kt_asking_end does not say it again; else kt_asking_end says on stderr, unless quiet, what is
 * missing. A walk that fails here is said in the sentence.
 */
void kt_asking_coverage(struct kt_asking *a, struct kt_str instance, struct kt_buf *out);
/* The same over a window of a's that is opened in another way. */
void kt_coverage_sentence(const struct kt_ask *a, struct kt_str instance, struct kt_buf *out);
/* Says on stderr, unless quiet, what the answer does not cover, the cost (--explain) and the
 * damage; frees all; gives the exit code. err: what the command failed with, or code KT_OK. */
int kt_asking_end(struct kt_asking *a, const char *cmd, const struct kt_error *err);
/* Says on stderr what of the window the log cannot speak about; nothing where there is no gap.
 * Gives up after so many milliseconds, and says that. */
void kt_asking_say_missing(const struct kt_ask *a, unsigned patience_ms);
/* "2026-11-22 20:00:05" in the zone for people. Returns buf. */
const char *kt_asking_when(const struct kt_asking *a, kt_time_ns t, char buf[KT_TIME_TEXT_MAX]);
/* A time in a row: of a table in the zone of its reader, of the other forms in UTC; NULL when 0. */
struct kt_cell kt_asking_cell(const struct kt_asking *a, kt_time_ns t);
const char *kt_asking_zone(const struct kt_asking *a); /* "UTC", "local time" */
