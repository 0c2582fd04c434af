/*
 * parsed: see the header.
 *
 * An event has 2.7 KB, most of it room for lists. Here it has 0.4 KB: its texts are places in the
 * lines, and the few lists that are not empty stand behind all events.
 *
 * Owns:  the lines, the places.
 * Calls: core/base, event, line (of an event with a text that is escaped in its line).
 */
#include "core/event/parsed.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/fetch.h"
#include "core/base/limits.h"
#include "core/event/line.h"

#define HEAD  offsetof(struct kt_event, source) /* what comes before the texts */
#define TEXTS ((offsetof(struct kt_event, groups) - HEAD) / sizeof(struct kt_str))
#define RAW   ((offsetof(struct kt_event, raw) - HEAD) / sizeof(struct kt_str))

_Static_assert(offsetof(struct kt_event, groups) == HEAD + TEXTS * sizeof(struct kt_str),
               "between them there is nothing but texts");
_Static_assert(KT_BATCH_RAW_MAX <= UINT32_MAX, "a place has 32 bits");

struct span {
    uint32_t at, len; /* in the lines */
};
struct one {
    unsigned char head[HEAD];
    struct span line, text[TEXTS];
    uint32_t list; /* number of its first span of lists: of groups, then of fields */
    uint8_t n_groups, n_fields;
    bool whole; /* all its texts are in the lines; else the line is read again */
    uint8_t id[KT_EVENT_ID];
};
_Static_assert(KT_LIST_MAX <= UINT8_MAX, "a list's length has a byte");

struct kt_parsed {
    atomic_uint refs;
    uint32_t n, cap;
    uintptr_t from; /* where the lines are while it is made, and how many bytes */
    size_t len;
    struct kt_buf lines;
    struct one *event;
    struct span *list;
    uint32_t n_list, cap_list;
};

/* ---- making ---- */

struct kt_parsed *kt_parsed_new(struct kt_str lines, uint32_t n)
{
    assert(lines.len <= KT_BATCH_RAW_MAX);
    struct kt_parsed *p = kt_alloc(sizeof *p);
    atomic_init(&p->refs, 1);
    p->cap = n;
    p->from = (uintptr_t)lines.at;
    p->len = lines.len;
    p->event = kt_realloc_array(NULL, n, sizeof *p->event);
    return p;
}

/* Absent ones are of length 0 at whatever place. */
static bool place(const struct kt_parsed *p, struct kt_str s, struct span *ret)
{
    const size_t at = s.len == 0 ? 0 : (uintptr_t)s.at - p->from;
    *ret = (struct span){ (uint32_t)at, (uint32_t)s.len };
    return at <= p->len && s.len <= p->len - at;
}

static bool place_list(struct kt_parsed *p, const struct kt_list *list)
{
    bool whole = true;
    if (p->cap_list - p->n_list < list->n) {
        p->cap_list = 2 * p->cap_list + KT_LIST_MAX;
        p->list = kt_realloc_array(p->list, p->cap_list, sizeof *p->list);
    }
    for (unsigned i = 0; i < list->n; i++)
        whole = place(p, list->at[i], &p->list[p->n_list++]) && whole;
    return whole;
}

void kt_parsed_add(struct kt_parsed *p, struct kt_str line, const struct kt_event *ev)
{
    assert(p->n < p->cap);
    struct one *to = &p->event[p->n++];
    memcpy(to->head, ev, HEAD);
    bool whole = place(p, line, &to->line);
    assert(whole);
    for (size_t i = 0; i < TEXTS; i++) {
        struct kt_str text;
        memcpy(&text, (const char *)ev + HEAD + i * sizeof text, sizeof text);
        whole = place(p, text, &to->text[i]) && whole;
    }
    to->list = p->n_list;
    to->n_groups = (uint8_t)ev->groups.n;
    to->n_fields = (uint8_t)ev->fields.n;
    whole = place_list(p, &ev->groups) && whole;
    to->whole = place_list(p, &ev->fields) && whole;
    kt_event_id(ev, to->id);
}

void kt_parsed_close(struct kt_parsed *p, struct kt_buf *lines)
{
    assert(p->n == p->cap && p->from == (uintptr_t)lines->at && p->len == lines->len);
    if (lines->cap / 2 > lines->len) {
        kt_buf_add(&p->lines, kt_buf_str(lines));
        return;
    }
    p->lines = *lines;
    *lines = (struct kt_buf){ 0 };
}

struct kt_parsed *kt_parsed_share(struct kt_parsed *p)
{
    (void)atomic_fetch_add(&p->refs, 1);
    return p;
}

void kt_parsed_free(struct kt_parsed *p)
{
    if (p == NULL || atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    kt_buf_done(&p->lines);
    kt_free(p->event);
    kt_free(p->list);
    kt_free(p);
}

/* ---- reading ---- */

uint32_t kt_parsed_count(const struct kt_parsed *p)
{
    return p->n;
}

size_t kt_parsed_bytes(const struct kt_parsed *p)
{
    return sizeof *p + p->lines.cap + p->cap * sizeof *p->event + p->cap_list * sizeof *p->list;
}

static inline struct kt_str text_of(const struct kt_parsed *p, struct span s)
{
    return s.len == 0 ? KT_STR_NONE : kt_str_from(p->lines.at + s.at, s.len);
}

struct kt_str kt_parsed_line(const struct kt_parsed *p, uint32_t i)
{
    assert(i < p->n);
    return text_of(p, p->event[i].line);
}

const uint8_t *kt_parsed_id(const struct kt_parsed *p, uint32_t i)
{
    assert(i < p->n);
    return p->event[i].id;
}

static void read_list(const struct kt_parsed *p, uint32_t from, unsigned n, struct kt_list *ret)
{
    ret->n = n;
    for (unsigned i = 0; i < n; i++)
        ret->at[i] = text_of(p, p->list[from + i]);
}

/* Another thread read the lines and made these, so they are in no near cache; whoever takes an
 * event takes the next ones soon. Where a line is has to be known before it can be asked for, so
 * events are asked for one earlier. */
static KT_FETCHES void fetch(const struct kt_parsed *p, uint32_t i)
{
    if (i + 1 < p->n)
        kt_fetch(kt_str_from(&p->event[i + 1], sizeof p->event[i + 1]));
    if (i >= p->n)
        return;
    const struct one *e = &p->event[i];
    const struct span raw = e->text[RAW]; /* stands last, and few want it */
    const size_t end = raw.len > 0 ? raw.at : (size_t)e->line.at + e->line.len;
    kt_fetch(kt_str_from(p->lines.at + e->line.at, end - e->line.at));
}

enum kt_status kt_parsed_event(const struct kt_parsed *p, uint32_t i, struct kt_arena *arena,
                               struct kt_event *ret, struct kt_error *err)
{
    assert(i < p->n);
    const struct one *e = &p->event[i];
    char *to = (char *)ret + HEAD;
    fetch(p, i + 1);
    if (!e->whole)
        return kt_line_read(text_of(p, e->line), arena, ret, err);
    memcpy(ret, e->head, HEAD);
    for (size_t k = 0; k < TEXTS; k++, to += sizeof(struct kt_str)) {
        const struct kt_str text = text_of(p, e->text[k]);
        memcpy(to, &text, sizeof text);
    }
    read_list(p, e->list, e->n_groups, &ret->groups);
    read_list(p, e->list + e->n_groups, e->n_fields, &ret->fields);
    return KT_OK;
}
