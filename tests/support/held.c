/*
 * held: the rows of an engine's state, in memory.
 *
 * Owns:  rows by (table, key), the newest head and settings.
 * Calls: collector/detect, core/base.
 */
#include "tests/support/held.h"

#include <assert.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/map.h"

struct held_row {
    uint64_t born, used;
    struct kt_buf state; /* empty: the row is gone */
};
struct held {
    struct kt_map *names;
    struct held_row *row;
    uint32_t n;
    struct kt_buf head, settings;
    struct kt_backing backing;
    uint64_t loads;
    size_t memory;
    struct org_rows rows;
};

static struct kt_str name_of(uint32_t table, const struct kt_key *key, uint8_t ret[17])
{
    ret[0] = (uint8_t)table;
    memcpy(ret + 1, key, 16);
    return kt_str_from((const char *)ret, 17);
}

static bool load(void *self, uint32_t table, struct kt_key key, struct kt_buf *ret)
{
    struct held *h = self;
    uint8_t name[17];
    uint32_t i = kt_map_get(h->names, name_of(table, &key, name));
    h->loads++;
    if (i == KT_MAP_NONE || h->row[i].state.len == 0)
        return false;
    kt_buf_add(ret, kt_buf_str(&h->row[i].state));
    return true;
}

struct held *held_new(void)
{
    struct held *h = kt_alloc(sizeof *h);
    h->names = kt_map_new(3);
    h->backing = (struct kt_backing){ load, h };
    h->memory = SIZE_MAX;
    return h;
}

void held_free(struct held *h)
{
    if (h == NULL)
        return;
    for (uint32_t i = 0; i < h->n; i++)
        kt_buf_done(&h->row[i].state);
    kt_free(h->row);
    kt_buf_done(&h->head);
    kt_buf_done(&h->settings);
    kt_map_free(h->names);
    kt_free(h);
}

const struct kt_backing *held_backing(struct held *h)
{
    return &h->backing;
}

static void take(struct held *h, const struct kt_table_row *r)
{
    uint8_t name[17];
    bool fresh;
    uint32_t i = kt_map_put(h->names, name_of(r->table, &r->key, name), &fresh);
    if (fresh) {
        h->row = kt_realloc_array(h->row, h->n + 1, sizeof *h->row);
        h->row[h->n++] = (struct held_row){ .born = 0 };
    }
    struct held_row *to = &h->row[i];
    bool is_new = to->state.len == 0;
    kt_buf_reset(&to->state);
    if (r->op == KT_ROW_REMOVE)
        return;
    kt_buf_add(&to->state, r->state);
    if (is_new)
        to->born = r->born;
    if (is_new || r->used != 0)
        to->used = r->used;
}

void held_memory(struct held *h, size_t memory)
{
    h->memory = memory;
}

void held_save(struct held *h, struct kt_detect *d)
{
    struct kt_buf rows = { 0 }, settings = { 0 };
    struct kt_table_row r;
    kt_buf_reset(&h->head);
    kt_detect_changes(d, &h->head, &rows);
    kt_detect_settings(d, &settings);
    if (settings.len > 0) {
        kt_buf_done(&h->settings);
        h->settings = settings;
    }
    struct kt_rd in = kt_rd_of(kt_buf_str(&rows));
    while (kt_table_row_read(&in, &r))
        take(h, &r);
    assert(!in.bad);
    kt_detect_saved(d);
    kt_detect_trim(d, h->memory);
    kt_buf_done(&rows);
}

static enum kt_status each(void *self, void (*row)(void *to, const struct kt_table_row *r),
                           void *to, struct kt_error *err)
{
    struct held *h = self;
    (void)err;
    for (uint32_t i = 0; i < h->n; i++) {
        struct kt_str name = kt_map_key(h->names, i);
        struct kt_table_row r = { .op = KT_ROW_PUT,
                                  .table = (uint8_t)name.at[0],
                                  .born = h->row[i].born,
                                  .used = h->row[i].used };
        memcpy(&r.key, name.at + 1, sizeof r.key);
        if (h->row[i].state.len > 0)
            row(to, &r);
    }
    return KT_OK;
}

enum kt_status held_resume(struct held *h, struct kt_detect *d, struct kt_error *err)
{
    const struct kt_detect_rows rows = { each, h };
    return kt_detect_resume(d, kt_buf_str(&h->head), kt_buf_str(&h->settings), &rows, err);
}

static void save_org(void *self, struct kt_detect *d)
{
    held_save(self, d);
}

static enum kt_status resume_org(void *self, struct kt_detect *d, struct kt_error *err)
{
    return held_resume(self, d, err);
}

void held_org(struct held *h, struct org *o, uint64_t save_every)
{
    struct kt_error err = { 0 };
    h->rows = (struct org_rows){ .backing = &h->backing,
                                 .save = save_org,
                                 .resume = resume_org,
                                 .self = h,
                                 .save_every = save_every };
    enum kt_status st = org_hold(o, &h->rows, &err);
    assert(st == KT_OK);
    (void)st;
}

uint64_t held_loads(const struct held *h)
{
    return h->loads;
}

uint32_t held_rows(const struct held *h)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < h->n; i++)
        n += h->row[i].state.len > 0;
    return n;
}

void held_lose(struct held *h, uint32_t number)
{
    kt_buf_reset(&h->row[number].state);
}

void held_lose_settings(struct held *h)
{
    kt_buf_reset(&h->settings);
}

void held_spoil(struct held *h, uint32_t number)
{
    if (h->row[number].state.len > 0)
        h->row[number].state.at[h->row[number].state.len / 2] ^= 1;
}
