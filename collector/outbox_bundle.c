/*
 * outbox_bundle: the words for many alerts at once.
 *
 * Owns:  the bundle's lists.
 * Calls: exporters/alerts/alert, core/base. No clock.
 * Holds: no alert's text; at most KT_BUNDLE_ROWS_MAX rows, which its owner sees to.
 */
#include "collector/outbox_bundle.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include <inttypes.h>
#include <string.h>

struct kt_str kt_bundle_kind(const struct kt_alert *a)
{
    return kt_alert_is_own(a) && a->n_parts > 0 ? a->parts[0].text : kt_str_of(a->detector);
}

static struct kt_str verb_of(const struct kt_outbox_row *row)
{
    struct kt_str rest = kt_str_of(row->action), verb = rest;
    (void)kt_str_split(&rest, ':', &verb);
    return verb;
}

uint64_t kt_bundle_key(const struct kt_outbox_row *row, struct kt_str kind)
{
    return kt_hash64(kind, kt_hash64(verb_of(row), (uint64_t)(row->created / KT_NS_MIN)));
}

struct kt_bundle *kt_bundle_new(const struct kt_outbox_row *row, const struct kt_alert *a)
{
    struct kt_bundle *b = kt_alloc(sizeof *b);
    struct kt_str kind = kt_bundle_kind(a);
    *b = (struct kt_bundle){ .key = kt_bundle_key(row, kind),
                             .minute = row->created - row->created % KT_NS_MIN,
                             .alerts = kt_map_new(0),
                             .actors = kt_map_new(0) };
    kt_str_copyz(b->kind, sizeof b->kind, kind);
    kt_str_copyz(b->detector, sizeof b->detector, kt_str_of(a->detector));
    return b;
}

void kt_bundle_free(struct kt_bundle *b)
{
    if (b == NULL)
        return;
    kt_map_free(b->alerts);
    kt_map_free(b->actors);
    kt_free(b->rows);
    kt_free(b);
}

void kt_bundle_add(struct kt_bundle *b, const struct kt_outbox_row *row, const struct kt_alert *a)
{
    if ((b->n & (b->n - 1)) == 0) /* full at each power of two */
        b->rows = kt_realloc_array(b->rows, b->n == 0 ? 1 : 2 * (size_t)b->n, sizeof *b->rows);
    b->rows[b->n++] = (struct kt_bundle_row){ row->row, row->attempts };
    (void)kt_map_put(b->alerts, kt_str_of(row->alert), NULL);
    if (a->actor.len > 0)
        (void)kt_map_put(b->actors, a->actor, NULL);
    b->closed += kt_str_is(kt_str_of(a->state), "closed");
    b->events += a->events_count;
    if (row->severity > b->severity)
        b->severity = row->severity;
    if (b->first == 0 || a->first < b->first)
        b->first = a->first;
    if (a->last > b->last)
        b->last = a->last;
}

bool kt_bundle_has(const struct kt_bundle *b, const char *alert)
{
    return kt_map_get(b->alerts, kt_str_of(alert)) != KT_MAP_NONE;
}

static void say_title(const struct kt_bundle *b, struct kt_buf *out)
{
    char when[KT_TIME_TEXT_MAX];
    kt_buf_addf(out, "%u alerts of ", (unsigned)kt_map_count(b->alerts));
    for (const char *c = b->kind; *c != '\0'; c++)
        kt_buf_byte(out, *c == '_' ? ' ' : *c);
    kt_buf_addf(out, " in one minute (%.16s UTC)", kt_time_format_short(b->minute, when));
    if (b->closed > 0)
        kt_buf_addf(out, "; %u messages say that one is over", b->closed);
}

static void say_actors(const struct kt_bundle *b, struct kt_buf *out)
{
    uint32_t n = kt_map_count(b->actors);
    uint32_t named = n > KT_BUNDLE_ACTORS_MAX ? KT_BUNDLE_ACTORS_MAX : n;
    for (uint32_t i = 0; i < named; i++) {
        kt_buf_addz(out, i > 0 ? ", " : "By ");
        kt_buf_add(out, kt_map_key(b->actors, i));
    }
    if (n > named)
        kt_buf_addf(out, " and %u others", n - named);
    if (n > 0)
        kt_buf_addz(out, ". ");
    kt_buf_addz(out, "They came faster than this channel takes messages, so they are one; the "
                     "first of a kind and all that is critical come alone.");
}

void kt_bundle_write(const struct kt_bundle *b, const char *target, char id[27],
                     struct kt_buf *json)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf title = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf who = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf command = { 0 };
    char since[KT_TIME_TEXT_MAX];
    uint8_t raw[16];
    const struct kt_str parts[] = { KT_STR("bundle/"), kt_str_of(target),
                                    kt_str_from(&b->rows[0].row, sizeof b->rows[0].row) };
    kt_blake2b(parts, KT_ARRAY_LEN(parts), raw, sizeof raw);
    (void)kt_id_format(raw, id);
    say_title(b, &title);
    say_actors(b, &who);
    kt_buf_addf(&command, "keytrail alerts list --since %s", kt_time_format(b->first, since));
    struct kt_alert a = { .severity = (enum kt_severity)b->severity,
                          .detector = b->detector,
                          .state = "open",
                          .time = b->first,
                          .first = b->first,
                          .last = b->last,
                          .raised = b->minute,
                          .title = kt_buf_str(&title),
                          .normal = kt_buf_str(&who),
                          .command = kt_buf_str(&command),
                          .source = KT_STR("keytrail"),
                          .events_count = b->events,
                          .group = true };
    memcpy(a.id, id, sizeof a.id);
    kt_buf_reset(json);
    kt_alert_write(&a, json);
}
