/*
 * render: what the targets share: visible escapes for people (O2), cuts on code points, and the
 * facts of an alert in one order on every channel (EXPORTS §0). Pure.
 */
#pragma once
#include "exporters/alerts/alert.h"
#include <jansson.h>

#define KT_RENDER_FACTS_MAX 14

struct kt_render_fact {
    const char *label;
    struct kt_str value; /* raw: the target's own encoder escapes it */
    bool sentence;       /* made by a detector in plain words; else a value out of events */
};
/* Facts that the alert has, most useful first; values live in arena or in the alert. */
unsigned kt_render_facts(const struct kt_alert *a, struct kt_arena *arena,
                         struct kt_render_fact ret[KT_RENDER_FACTS_MAX]);
/* s itself where nothing is to be done; else in arena: s with C0, C1, DEL, bidi controls,
 * zero-width and broken UTF-8 as \u{202E}; line feeds become blanks. At most max bytes; a cut one
 * ends in "…". */
struct kt_str kt_render_people(struct kt_arena *arena, struct kt_str s, size_t max);
/* "2026-11-22T20:00:00.123Z", in arena. */
struct kt_str kt_render_time(struct kt_arena *arena, kt_time_ns t);
/* "unexpected_ip" -> "unexpected ip". */
struct kt_str kt_render_words(struct kt_arena *arena, const char *name);
/* "HIGH", "TEST HIGH". */
struct kt_str kt_render_severity(struct kt_arena *arena, const struct kt_alert *a);
/* "HIGH · update: unexpected ip": what a message is headed with. */
struct kt_str kt_render_head(struct kt_arena *arena, const struct kt_target_turn *t);
/* A JSON string; bytes that JSON cannot hold become visible escapes. New reference, never NULL. */
json_t *kt_render_json(struct kt_arena *arena, struct kt_str s);
/* Appends the compact form of root. */
void kt_render_dump(const json_t *root, struct kt_buf *out);
/* The judgement that most targets share: 2xx, 408, 425, 429, 5xx, 410, the rest. */
enum kt_verdict kt_render_judge(int http_status);
/* Short word out of an answer: [A-Za-z0-9_ .,-] of s, else "status_500". */
void kt_render_word(struct kt_str s, int http_status, char word[64]);
