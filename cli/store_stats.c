/*
 * store_stats: `keytrail store stats`: what is in a store, and what its bytes are for.
 *
 * Owns:  nothing.
 * Calls: core/store/figures.h; stdout.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cli/store_cmd.h"
#include "core/base/enc.h"

enum unit { TEXT, COUNT, TIME, BYTES };
struct figure {
    const char *name;
    enum unit unit;
    int64_t value;
    const char *text; /* of a TEXT */
    bool share;       /* of the file, and an event's part of it */
};
struct out {
    enum kt_output how;
    struct kt_rows *rows;
    const struct kt_store_figures *f;
};

static const char *const unit_words[] = { "text", "records", "time", "bytes" };
static const struct kt_column for_people[] = {
    { "figure", "FIGURE", 0, false },
    { "value", "VALUE", 0, true },
    { "share", "OF THE FILE", 0, true },
    { "an_event", "BYTES/EVENT", 0, true },
};
static const struct kt_column for_programs[] = {
    { "figure", "FIGURE", 0, false },
    { "unit", "UNIT", 0, false },
    { "value", "VALUE", 0, true },
};

static struct kt_cell cell_of(const struct figure *g)
{
    if (g->unit == TEXT)
        return kt_cell_str(kt_str_of(g->text));
    return g->unit == TIME ? kt_cell_time(g->value) : kt_cell_int(g->value);
}

static void add_for_people(const struct out *o, const struct figure *g)
{
    char value[KT_COUNT_TEXT], share[16] = "", each[16] = "";
    struct kt_cell cells[] = { kt_cell_str(kt_str_of(g->name)), cell_of(g), { 0 }, { 0 } };
    if (g->unit == COUNT)
        cells[1] = kt_cell_str(kt_str_of(kt_count_text((uint64_t)g->value, value)));
    if (g->unit == BYTES)
        cells[1] = kt_cell_str(kt_str_of(kt_bytes_text((double)g->value, value)));
    if (g->share && o->f->file_bytes > 0)
        (void)snprintf(share, sizeof share, "%.1f %%",
                       100.0 * (double)g->value / (double)o->f->file_bytes);
    if (g->share && o->f->stats.events > 0)
        (void)snprintf(each, sizeof each, "%.1f", (double)g->value / (double)o->f->stats.events);
    cells[2] = kt_cell_str(kt_str_of(share));
    cells[3] = kt_cell_str(kt_str_of(each));
    kt_rows_add(o->rows, cells);
}

static void add(const struct out *o, const struct figure *g)
{
    const struct kt_cell cells[] = { kt_cell_str(kt_str_of(g->name)),
                                     kt_cell_str(kt_str_of(unit_words[g->unit])), cell_of(g) };
    if (o->how == KT_OUT_TABLE || o->how == KT_OUT_MD)
        add_for_people(o, g);
    else
        kt_rows_add(o->rows, cells);
}

static void add_counts(const struct out *o, const struct kt_store_segments *s)
{
    const struct kt_store_stats *st = &o->f->stats;
    char id[KT_ID_TEXT];
    const struct figure all[] = {
        { "log", TEXT, 0, kt_id_format(st->log_id, id), false },
        { "records", COUNT, (int64_t)st->records, NULL, false },
        { "events", COUNT, (int64_t)st->events, NULL, false },
        { "control records", COUNT, (int64_t)st->control, NULL, false },
        { "duplicates left out", COUNT, (int64_t)st->duplicates, NULL, false },
        { "conflicts kept", COUNT, (int64_t)st->conflicts, NULL, false },
        { "segments", COUNT, (int64_t)st->segments, NULL, false },
        { "batches in the tail", COUNT, (int64_t)o->f->tail_batches, NULL, false },
        { "events in the tail", COUNT, (int64_t)o->f->tail_events, NULL, false },
        { "holds", COUNT, s->holds, NULL, false },
        { "held segments", COUNT, (int64_t)s->held, NULL, false },
        { "removed segments", COUNT, (int64_t)st->removed_segments, NULL, false },
        { "removed events", COUNT, (int64_t)st->removed_events, NULL, false },
        { "first event", TIME, st->first_time, NULL, false },
        { "last event", TIME, st->last_time, NULL, false },
        { "first stored", TIME, o->f->first_stored, NULL, false },
        { "last stored", TIME, st->last_stored, NULL, false },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(all); i++)
        add(o, &all[i]);
}

static void add_bytes(const struct out *o, const struct kt_store_args *a)
{
    uint64_t room = 0, all = 0;
    for (int i = 0; i < KT_ROOM_COUNT; i++) {
        const struct figure g = { kt_room_words[i], BYTES, (int64_t)o->f->room[i], NULL, true };
        add(o, &g);
    }
    kt_store_disk(a->path, &room, &all);
    const struct figure rest[] = {
        { "file", BYTES, (int64_t)o->f->file_bytes, NULL, true },
        { "write-ahead log", BYTES, (int64_t)o->f->wal_bytes, NULL, false },
        { "disk", BYTES, (int64_t)all, NULL, false },
        { "room on the disk", BYTES, (int64_t)room, NULL, false },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rest); i++)
        add(o, &rest[i]);
}

int kt_store_stats(struct kt_store_args *a)
{
    struct kt_store_figures f;
    struct kt_store_segments s = { 0 };
    struct kt_error err = { 0 };
    if (kt_reader_figures(a->reader, &f, &err) != KT_OK ||
        kt_store_segments_load(a->reader, &s, &err) != KT_OK) {
        kt_store_segments_done(&s);
        return kt_cli_fail("store stats", &err);
    }
    bool people = a->how == KT_OUT_TABLE || a->how == KT_OUT_MD;
    const struct out o = {
        .how = a->how,
        .f = &f,
        .rows = people ? kt_rows_new(a->how, for_people, KT_ARRAY_LEN(for_people), true)
                       : kt_rows_new(a->how, for_programs, KT_ARRAY_LEN(for_programs), true),
    };
    add_counts(&o, &s);
    add_bytes(&o, a);
    kt_rows_end(o.rows);
    kt_store_segments_done(&s);
    return KT_EXIT_OK;
}
