/*
 * page: what the pages for responders share: the line on top, the line at the end, the next command
 * ready to paste, and numbers as people read them.
 */
#pragma once
#include "cli/asking.h"

/* Is it for people (a table, Markdown)? Then head, foot and sections are printed. */
bool kt_page_for_people(const struct kt_asking *a);
/* "WORD subject (notes)    7 days to 2026-11-22 20:00:05 UTC": subject and notes are data. */
void kt_page_head(const struct kt_asking *a, const char *word, struct kt_str subject,
                  struct kt_str notes);
/* "also      alice@main, asmith@web": a line of facts; nothing when text is empty. */
void kt_page_fact(const struct kt_asking *a, const char *name, struct kt_str text);
/* A heading over a table: in Markdown, where tables have none. */
void kt_page_heading(const struct kt_asking *a, const char *title);
/*
 * The end of every answer: "3 actors · coverage 100 % · next: keytrail actor alice --since 7d".
 * count and next are ready for a terminal; next: a command a line, or empty. instance: of whose
 * records the answer is made, or empty. For machine formats nothing of it is printed on stdout:
 * kt_asking_end says on stderr what is missing.
 */
void kt_page_foot(struct kt_asking *a, struct kt_str instance, struct kt_str count,
                  struct kt_str next);
/* A command that asks the same store about something else, quoted for a shell: "keytrail actor
 * 'a b' --db x.db --since 7d". window: with the options of this one. */
void kt_page_command(const struct kt_asking *a, const char *verb, struct kt_str argument,
                     bool window, struct kt_buf *out);
/* The same for names of the whole log that have the last part of this one in them: of an actor what
 * stands before its @, of a secret what stands behind its last slash. Adds nothing where that is no
 * plain word. field: "actor" or "secret". */
void kt_page_near(const struct kt_asking *a, const char *field, struct kt_str value,
                  struct kt_buf *out);
/* "none in 28 days": of a span that is as long as the log allows, with the word in front. */
void kt_page_none(const char *word, double days, struct kt_buf *out);
/* "57/day", "0.4/day", "2 in 28 days"; "" where n is 0. days: how long the span was. */
void kt_page_rate(uint64_t n, double days, struct kt_buf *out);
