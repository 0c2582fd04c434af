/*
 * redact_looked: what the look at a record spares at the event that is made of it
 * (docs/decisions/0116).
 *
 * Nearly all strings of an event are strings of its record, where no shape was seen. So only what a
 * decoder put together, or took a part of, is looked at: such strings are written behind each
 * other, with the quotes that are around them in a line, and there is one look at all of them.
 *
 * Owns:  nothing.
 * Calls: redact_shapes, scan.
 */
#include <string.h>

#include "core/event/redact.h"
#include "core/event/redact_shapes.h"
#include "core/event/scan.h"

#define OWN_MAX 1024u /* bytes; an event that has more is looked at as a line */

/* The strings of an event that are none of its records', and what is odd about the others. */
struct own {
    const struct kt_str *records;
    size_t n_records, len;
    bool unsure;
    char text[OWN_MAX];
};

bool kt_redact_record_clean(struct kt_str json)
{
    return !kt_redact_may(json, true, false);
}

static bool is_within(struct kt_str text, struct kt_str s)
{
    const uintptr_t at = (uintptr_t)s.at, from = (uintptr_t)text.at;
    return at > from && at + s.len < from + text.len;
}

/* Is s a whole string of a record? What begins amid one has lost the letter that told it from a
 * token, and what ends amid one the end of a value that says nothing. */
static bool is_of_record(const struct own *o, struct kt_str s)
{
    for (size_t i = 0; i < o->n_records; i++)
        if (is_within(o->records[i], s))
            return s.at[-1] == '"' && s.at[s.len] == '"';
    return false;
}

/* What is said of a key id in `text` goes by what stands before it there, which may be anything. */
static void add(struct own *o, struct kt_str s)
{
    if (kt_redact_begins_key_id(s) || o->len + s.len + 1 > OWN_MAX ||
        !kt_scan_copy_plain(o->text + o->len + 1, s.at, s.len)) {
        o->unsure = true;
        return;
    }
    o->text[o->len] = '"';
    o->len += s.len + 1;
}

static void look_at(struct own *o, const struct kt_str *s)
{
    if (!is_of_record(o, *s))
        add(o, *s);
    else if (kt_redact_is_odd(*s))
        o->unsure = true;
}

/* A key id in `credential` stays, as it did in the record. */
static void look_at_credential(struct own *o, const struct kt_str *s)
{
    if (!is_of_record(o, *s))
        add(o, *s);
    else if (s->len >= KT_REDACT_RUN && kt_redact_random(*s))
        o->unsure = true;
}

static void look_at_list(struct own *o, const struct kt_list *list)
{
    for (unsigned i = 0; i < list->n; i++)
        look_at(o, &list->at[i]);
}

/* What its strings are copies of, and the part that is not only that; before all others. */
static void look_at_raw(struct own *o, const struct kt_event *ev)
{
    const struct kt_str own = ev->raw_own;
    bool of_record = ev->raw_of.len == 0;
    for (size_t i = 0; i < o->n_records; i++)
        of_record = of_record || is_within(o->records[i], ev->raw_of);
    if (ev->raw.len > 0 && (!of_record || !kt_event_raw_is_sound(ev)))
        o->unsure = true;
    if (o->unsure || own.len == 0)
        return;
    if (own.len > OWN_MAX || memchr(own.at, '\\', own.len) != NULL) {
        o->unsure = true;
        return;
    }
    memcpy(o->text, own.at, own.len);
    o->len = own.len;
}

bool kt_redact_event_clean(const struct kt_event *ev, const struct kt_str *records, size_t n)
{
    struct own o; /* its text is not cleared */
    o.records = records;
    o.n_records = n;
    o.len = 0;
    o.unsure = false;
    look_at_raw(&o, ev);
    if (o.unsure)
        return false;
#define X(name)                                                                                    \
    if (ev->name.len > 0) {                                                                        \
        if (offsetof(struct kt_event, name) == offsetof(struct kt_event, credential))              \
            look_at_credential(&o, &ev->name);                                                     \
        else                                                                                       \
            look_at(&o, &ev->name);                                                                \
    }
    KT_EVENT_STRINGS(X)
#undef X
    look_at_list(&o, &ev->groups);
    look_at_list(&o, &ev->fields);
    const struct kt_str text = kt_str_from(o.text, o.len);
    return !o.unsure && !kt_redact_may(text, true, true) && !kt_redact_random(text);
}
