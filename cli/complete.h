/*
 * complete: what may stand at the place of the cursor, for the completion of a shell: the words,
 * options and values of the tables that also make --help and the manual (cli.h). Values are named
 * by the words in capitals of those tables.
 */
#pragma once
#include "cli/cli.h"

struct kt_complete; /* of one call */
struct kt_values {
    const char *word; /* "ALERT", as the tables write it; NULL ends the list */
    /* One of three: words parted by blanks, a folder or a file (the shell knows them), or a
     * function that offers them. */
    const char *fixed;
    bool files, folders;
    void (*offer)(struct kt_complete *c);
};
/*
 * Offers a value, with a word or two about it (either may hold anything that strangers wrote). Left
 * out are values that do not begin with what is typed, and those that a shell would read as more
 * than a word: it types them as they stand. false: enough were offered.
 */
bool kt_complete_offer(struct kt_complete *c, struct kt_str value, struct kt_str about);
struct kt_str kt_complete_typed(const struct kt_complete *c); /* the part of the word so far */
const char *kt_complete_config(const struct kt_complete *c);  /* -c of the line; NULL: none */
const char *kt_complete_db(const struct kt_complete *c);      /* --db */

/*
 * `__complete WORD…`: argv[1…] are the words behind the program's name, the last one as far as it
 * is typed. Prints one candidate a line, behind a tab what it is; ":file" and ":folder" when the
 * shell shall add those. Never fails, says nothing on stderr, and ends within a second with what it
 * has.
 */
int kt_complete_main(int (*program)(int argc, char **argv), const struct kt_values *values,
                     int argc, char **argv);
/* `completion SHELL` of a program: prints what the shell reads. */
int kt_completion_main(const char *program, int argc, char **argv);
/* clang-format off */
/* What is the same in every program. */
#define KT_VALUES_COMMON                                                                           \
    { "FILE", NULL, true, false, NULL }, { "DIR", NULL, false, true, NULL },                       \
    { "FORM", "table json ndjson csv md", false, false, NULL },                                    \
    { "TIME", "1h 24h 7d 30d 90d today yesterday this-week last-week this-month last-month",       \
      false, false, NULL },                                                                        \
    { "SPAN", "15m 1h 4h 24h 7d", false, false, NULL },                                            \
    { "SEVERITY", "info low medium high critical", false, false, NULL },                           \
    { "STATUS", "open acknowledged closed all", false, false, NULL },                              \
    { "VERDICT", "true false expected", false, false, NULL },                                      \
    { "PROVIDER", "dbip maxmind iptoasn", false, false, NULL },                                    \
    { "TABLE", "city country asn", false, false, NULL },                                          \
    { "ROLE", "viewer responder auditor admin", false, false, NULL },                               \
    { "SURE", "low medium high", false, false, NULL },                                             \
    { "KIND", "alert secret credential session actor ip", false, false, NULL },                    \
    { "unix:PATH", "unix:/run/keytrail/control.sock", false, false, NULL }
/* clang-format on */
