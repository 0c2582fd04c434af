/*
 * timeline_print: a timeline as sentences and as rows.
 *
 * Owns:  nothing.
 * Calls: core/answer/timeline; stdout.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/timeline.h"
#include "core/answer/timeline_say.h"
#include "core/base/enc.h"
#include "core/base/log.h"

#define OBJECT_MAX 56u
#define ACTOR_MAX  32u

/* ---- sentences ---- */

static void add_cut(struct kt_buf *out, struct kt_str s, size_t most)
{
    struct kt_str cut = kt_utf8_cut(s, most - 1);
    kt_tty_add(out, s.len <= most ? s : cut);
    if (s.len > most)
        kt_buf_addz(out, "…");
}

/* Columns that a terminal shows: code points, which for names of most scripts is right. */
static size_t width_of(const struct kt_buf *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->len; i++)
        n += ((unsigned char)b->at[i] & 0xc0) != 0x80;
    return n;
}

static void pad(struct kt_buf *out, size_t from, size_t width)
{
    struct kt_buf part = { .at = out->at + from, .len = out->len - from };
    for (size_t n = width_of(&part); n < width; n++)
        kt_buf_byte(out, ' ');
    kt_buf_addz(out, "  ");
}

static void add_field(struct kt_buf *out, struct kt_str s, size_t width)
{
    size_t from = out->len;
    add_cut(out, s, width);
    pad(out, from, width);
}

static struct kt_str object_of(const struct kt_event *ev)
{
    if (ev->secret.len > 0)
        return ev->secret;
    return ev->action == KT_ACT_LOGIN || ev->operation.len == 0 ? ev->instance : ev->operation;
}

static struct kt_str outcome_of(const struct kt_event *ev)
{
    static const char *const words[KT_OUT_COUNT] = { [KT_OUT_UNKNOWN] = "?",
                                                     [KT_OUT_SUCCESS] = "ok",
                                                     [KT_OUT_DENIED] = "DENIED",
                                                     [KT_OUT_FAILURE] = "FAILED",
                                                     [KT_OUT_NOT_FOUND] = "not found" };
    return kt_str_of(words[ev->outcome]);
}

/* "first time from there, 22 min after DE": what is remarkable, without the mark. */
static void say_notes(const struct kt_timeline_view *v, const struct kt_moment *m,
                      struct kt_buf *out)
{
    for (unsigned n = 0; n < KT_NOTE_COUNT; n++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf note = { 0 };
        if (!kt_timeline_note_say(m, (enum kt_timeline_note)n, &note))
            continue;
        kt_buf_addz(out, out->len > 0 ? ", " : "");
        kt_buf_add(out, kt_buf_str(&note));
    }
    if (m->alert >= 0)
        kt_buf_addf(out, "%salert %.8s [" KT_STR_FMT "]", out->len > 0 ? ", " : "",
                    v->t->alert[m->alert].id.at, KT_STR_ARG(v->t->alert[m->alert].detector));
}

struct widths {
    size_t actor, object, ip;
};

static void print_access(const struct kt_timeline_view *v, const struct kt_moment *m,
                         const struct kt_record *r, const struct kt_fact *fact,
                         const struct widths *w)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 }, notes = { 0 };
    char when[KT_TIME_TEXT_MAX], ip[KT_IP_TEXT_MAX], span[KT_TIME_TEXT_MAX];
    const struct kt_event *ev = &r->ev;
    kt_buf_addf(&line, "%s  ", kt_asking_when(&v->asking, m->at, when) + 11);
    if (w->actor > 0)
        add_field(&line, ev->actor.len > 0 ? ev->actor : KT_STR("-"), w->actor);
    add_field(
        &line,
        kt_str_of(ev->kind == KT_KIND_ACCESS ? kt_action_word(ev->action) : kt_kind_word(ev->kind)),
        9);
    add_field(&line, object_of(ev), w->object);
    add_field(&line, outcome_of(ev), 6);
    add_field(&line, ev->has_ip ? kt_str_of(kt_ip_format(ev->ip, ip)) : ev->ip_raw, w->ip);
    add_field(&line, fact != NULL ? fact->country : KT_STR_NONE, 2);
    say_notes(v, m, &notes);
    if (notes.len > 0)
        kt_buf_addf(&line, "! %s", kt_buf_z(&notes));
    if (ev->outcome != KT_OUT_SUCCESS && (ev->message.len > 0 || ev->code.len > 0)) {
        kt_buf_addz(&line, notes.len > 0 ? "; " : "");
        add_cut(&line, ev->message.len > 0 ? ev->message : ev->code, 80);
    }
    while (line.len > 0 && line.at[line.len - 1] == ' ')
        line.len--;
    if (m->since != 0 && m->at - m->since > KT_NS_HOUR)
        printf("          … %s\n", kt_coverage_span(m->at - m->since, span));
    printf("%s\n", kt_buf_z(&line));
    if (m->folded == 0)
        return;
    printf("…%" PRIu32 " more of these", m->folded);
    if (m->secrets > 0)
        printf(", %" PRIu32 " %s", m->secrets, m->secrets == 1 ? "secret" : "secrets");
    printf(", until %s%s (--all)\n", kt_asking_when(&v->asking, m->until, when) + 11,
           (m->notes & 1u << KT_NOTE_NEW_SECRET) != 0 ? ", ! new ones for it among them" : "");
}

static void print_other(const struct kt_timeline_view *v, const struct kt_moment *m)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, safe = { 0 };
    char when[KT_TIME_TEXT_MAX];
    kt_timeline_other_say(v->t, m, v->asking.zone_offset_s, &text);
    kt_tty_add(&safe, kt_buf_str(&text));
    if (m->kind == KT_MOMENT_GAP)
        printf("--- %s ---\n", kt_buf_z(&safe));
    else
        printf("%s  ── %s\n", kt_asking_when(&v->asking, m->at, when) + 11, kt_buf_z(&safe));
}

static void widen(size_t *width, size_t len, size_t most)
{
    len = len < most ? len : most;
    *width = len > *width ? len : *width;
}

static enum kt_status measure(const struct kt_timeline_view *v, struct widths *w,
                              struct kt_error *err)
{
    for (size_t i = 0; i < v->t->n; i++) {
        struct kt_record r;
        const struct kt_fact *fact;
        char ip[KT_IP_TEXT_MAX];
        if (v->t->moment[i].kind != KT_MOMENT_ACCESS)
            continue;
        if (kt_timeline_record(v->t, &v->asking.ask, &v->t->moment[i], &r, &fact, err) != KT_OK)
            return err->code;
        widen(&w->object, object_of(&r.ev).len, OBJECT_MAX);
        widen(&w->ip, r.ev.has_ip ? strlen(kt_ip_format(r.ev.ip, ip)) : r.ev.ip_raw.len, 39);
        if (v->t->actors > 1)
            widen(&w->actor, r.ev.actor.len, ACTOR_MAX);
    }
    return KT_OK;
}

/* What one asks next of what is shown last. */
static void print_next(const struct kt_timeline_view *v, const struct kt_record *last)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 }, safe = { 0 };
    char ip[KT_IP_TEXT_MAX];
    if (last->ev.secret.len > 0)
        kt_buf_addf(&b, "keytrail who '" KT_STR_FMT "'", KT_STR_ARG(last->ev.secret));
    if (last->ev.has_ip)
        kt_buf_addf(&b, "%skeytrail timeline %s", b.len > 0 ? " · " : "",
                    kt_ip_format(last->ev.ip, ip));
    if (v->t->actors > 1 && last->ev.actor.len > 0)
        kt_buf_addf(&b, "%skeytrail timeline '" KT_STR_FMT "'", b.len > 0 ? " · " : "",
                    KT_STR_ARG(last->ev.actor));
    if (v->t->n_alerts > 0)
        kt_buf_addf(&b, "%skeytrail alerts explain %.8s", b.len > 0 ? " · " : "",
                    v->t->alert[0].id.at);
    kt_tty_add(&safe, kt_buf_str(&b));
    if (safe.len > 0)
        printf("\nnext: %s\n", kt_buf_z(&safe));
}

enum kt_status kt_timeline_sentences(const struct kt_timeline_view *v, struct kt_error *err)
{
    struct widths w = { 0 };
    char day[KT_TIME_TEXT_MAX] = "", when[KT_TIME_TEXT_MAX];
    struct kt_record r;
    const struct kt_fact *fact;
    bool any = false;
    if (measure(v, &w, err) != KT_OK)
        return err->code;
    for (size_t i = 0; i < v->t->n; i++) {
        const struct kt_moment *m = &v->t->moment[i];
        (void)kt_asking_when(&v->asking, m->at, when);
        when[10] = '\0';
        if (strcmp(day, when) != 0 && !v->asking.no_header)
            printf("%s%s %s\n", i > 0 ? "\n" : "", when, kt_asking_zone(&v->asking));
        memcpy(day, when, sizeof day);
        if (m->kind != KT_MOMENT_ACCESS) {
            print_other(v, m);
            continue;
        }
        if (kt_timeline_record(v->t, &v->asking.ask, m, &r, &fact, err) != KT_OK)
            return err->code;
        print_access(v, m, &r, fact, &w);
        any = true;
    }
    if (any)
        print_next(v, &r);
    else
        printf("no accesses in this time\n");
    return KT_OK;
}

/* ---- rows ---- */

static const struct kt_column columns[] = {
    { "time", "TIME (UTC)", 0, false }, { "what", "WHAT", 0, false },
    { "actor", "ACTOR", 36, false },    { "action", "ACTION", 0, false },
    { "object", "OBJECT", 70, false },  { "outcome", "OUTCOME", 0, false },
    { "ip", "ADDRESS", 0, false },      { "country", "CC", 0, false },
    { "instance", "SOURCE", 0, false }, { "folded", "MORE", 0, true },
    { "until", NULL, 0, false },        { "late_s", NULL, 0, true },
    { "alert", NULL, 0, false },        { "id", NULL, 0, false },
    { "notes", "NOTES", 0, false },
};

static void add_access_row(const struct kt_timeline_view *v, struct kt_rows *rows,
                           const struct kt_moment *m, const struct kt_record *r,
                           const struct kt_fact *fact)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf notes = { 0 };
    const struct kt_event *ev = &r->ev;
    char ip[KT_IP_TEXT_MAX], id[KT_ID_TEXT];
    uint8_t raw[16];
    struct kt_cell null = { .type = KT_CELL_NULL };
    kt_event_id(ev, raw);
    say_notes(v, m, &notes);
    const struct kt_cell cells[] = {
        kt_cell_time(m->at),
        kt_cell_str(kt_str_of(kt_kind_word(ev->kind))),
        kt_cell_str(ev->actor),
        kt_cell_str(kt_str_of(kt_action_word(ev->action))),
        kt_cell_str(object_of(ev)),
        kt_cell_str(kt_str_of(kt_outcome_word(ev->outcome))),
        kt_cell_str(ev->has_ip ? kt_str_of(kt_ip_format(ev->ip, ip)) : KT_STR_NONE),
        fact != NULL ? kt_cell_str(fact->country) : null,
        kt_cell_str(ev->instance),
        kt_cell_int(m->folded),
        kt_cell_time(m->folded > 0 ? m->until : 0),
        kt_cell_int(m->late / KT_NS_S),
        m->alert >= 0 ? kt_cell_str(v->t->alert[m->alert].id) : null,
        kt_cell_str(kt_str_of(kt_id_format(raw, id))),
        kt_cell_str(kt_buf_str(&notes)),
    };
    kt_rows_add(rows, cells);
}

static void add_other_row(const struct kt_timeline_view *v, struct kt_rows *rows,
                          const struct kt_moment *m)
{
    static const char *const words[] = { [KT_MOMENT_ACCESS] = "access",
                                         [KT_MOMENT_GAP] = "gap",
                                         [KT_MOMENT_ALERT] = "alert",
                                         [KT_MOMENT_STEP] = "step" };
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_cell null = { .type = KT_CELL_NULL };
    const struct kt_timeline *t = v->t;
    struct kt_str alert = m->kind == KT_MOMENT_ALERT  ? t->alert[m->index].id
                          : m->kind == KT_MOMENT_STEP ? kt_str_of(t->step[m->index].alert)
                                                      : KT_STR_NONE;
    const struct kt_coverage_gap *g = m->kind == KT_MOMENT_GAP ? &t->coverage->gap[m->index] : NULL;
    kt_timeline_other_say(v->t, m, v->asking.zone_offset_s, &text);
    const struct kt_cell cells[] = {
        kt_cell_time(m->at),
        kt_cell_str(kt_str_of(words[m->kind])),
        kt_cell_str(m->kind == KT_MOMENT_ALERT  ? t->alert[m->index].actor
                    : m->kind == KT_MOMENT_STEP ? kt_str_of(t->step[m->index].by)
                                                : KT_STR_NONE),
        null,
        null,
        null,
        null,
        null,
        g != NULL ? kt_cell_str(g->instance) : null,
        null,
        kt_cell_time(g != NULL ? g->until : 0),
        null,
        kt_cell_str(alert),
        null,
        kt_cell_str(kt_buf_str(&text)),
    };
    kt_rows_add(rows, cells);
}

enum kt_status kt_timeline_rows(const struct kt_timeline_view *v, struct kt_error *err)
{
    struct kt_rows *rows =
        kt_rows_new(v->asking.how, columns, KT_ARRAY_LEN(columns), !v->asking.no_header);
    enum kt_status status = KT_OK;
    for (size_t i = 0; i < v->t->n && status == KT_OK; i++) {
        const struct kt_moment *m = &v->t->moment[i];
        struct kt_record r;
        const struct kt_fact *fact;
        if (m->kind != KT_MOMENT_ACCESS) {
            add_other_row(v, rows, m);
            continue;
        }
        status = kt_timeline_record(v->t, &v->asking.ask, m, &r, &fact, err);
        if (status == KT_OK)
            add_access_row(v, rows, m, &r, fact);
    }
    kt_rows_end(rows);
    return status;
}
