/*
 * markdown: see the header: the sentence, then the facts in the order of every channel.
 *
 * Owns:  nothing.
 * Calls: exporters/alerts/render (the facts), core/base/md.
 */
#include "exporters/alerts/markdown.h"

#include "core/base/limits.h"
#include "core/base/md.h"
#include "exporters/alerts/render.h"

#define VALUE_MAX 1000u

static void add_fact(struct kt_buf *out, const char *label, struct kt_str value, bool sentence)
{
    if (value.len == 0)
        return;
    kt_buf_addf(out, "- **%s:** ", label);
    if (sentence)
        kt_md_text(out, value);
    else
        kt_md_code(out, value);
    kt_buf_byte(out, '\n');
}

void kt_alert_markdown(const struct kt_alert *a, struct kt_buf *out)
{
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_render_fact fact[KT_RENDER_FACTS_MAX];
    unsigned n = kt_render_facts(a, &arena, fact);
    kt_buf_addz(out, "**");
    kt_buf_add(out, kt_render_severity(&arena, a));
    kt_buf_addz(out, ":** ");
    kt_md_text(out, kt_render_people(&arena, a->title, VALUE_MAX));
    kt_buf_addz(out, "\n\n");
    add_fact(out, "Normal", kt_render_people(&arena, a->normal, VALUE_MAX), true);
    add_fact(out, "Matters", kt_render_people(&arena, a->why, VALUE_MAX), true);
    for (unsigned i = 0; i < n; i++)
        add_fact(out, fact[i].label, kt_render_people(&arena, fact[i].value, VALUE_MAX),
                 fact[i].sentence);
    add_fact(out, "Alert", kt_str_of(a->id), false);
}
