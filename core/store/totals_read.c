/*
 * totals_read: the parts of a stretch's sums.
 *
 * Owns:  nothing beyond a call, but what a struct kt_totals holds.
 * Calls: core/base, core/store (db, together).
 * Holds: what is not as it was written is not taken.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/zip.h"
#include "core/store/chain.h"
#include "core/store/store.h"
#include "core/store/together_int.h"

#define PLAIN_MAX ((size_t)64 << 20) /* of a frame: names, or addresses of 16 bytes */
#define RATIO_MAX ((size_t)32 << 10) /* zstd's own: 128 KiB are a block of 4 bytes at least */

void kt_totals_done(struct kt_totals *s)
{
    kt_free(s->actor);
    kt_free(s->changed);
    kt_free(s->secret);
    kt_free(s->way);
    kt_free(s->thing);
    for (unsigned t = 0; t < KT_TOTALS_TABLES; t++)
        kt_free(s->entry[t]);
    kt_zip_free(s->zip);
    kt_buf_done(&s->bytes);
    kt_buf_done(&s->ids);
    kt_buf_done(&s->block);
    for (unsigned k = 0; k < KT_TOTALS_PARTS; k++)
        kt_buf_done(&s->text[k]);
    *s = (struct kt_totals){ 0 };
}

/* ---- bytes ---- */

bool kt_totals_open(struct kt_str bytes, uint64_t first_seq, uint64_t last_seq, struct kt_str *ret)
{
    struct kt_rd rd = kt_rd_of(bytes);
    bool whole = kt_rd_u32(&rd) == kt_bucket_sum(kt_str_from_index(bytes, bytes.len - rd.left));
    uint64_t first = kt_rd_u64(&rd), last = kt_rd_u64(&rd);
    if (rd.bad || !whole || first != first_seq || last != last_seq)
        return false;
    *ret = kt_rd_bytes(&rd, rd.left);
    return true;
}

bool kt_totals_split(struct kt_str inner, struct kt_str *ret_frame, struct kt_str *ret_rest)
{
    struct kt_rd rd = kt_rd_of(inner);
    uint32_t len = kt_rd_u32(&rd);
    if (rd.bad || len > rd.left)
        return false;
    *ret_frame = kt_rd_bytes(&rd, len);
    *ret_rest = kt_rd_bytes(&rd, rd.left);
    return true;
}

static struct kt_str get_text(struct kt_rd *rd)
{
    uint64_t len = kt_rd_varint(rd);
    rd->bad = rd->bad || len > rd->left;
    return rd->bad ? KT_STR_NONE : kt_rd_bytes(rd, (size_t)len);
}

/* Each of n things takes so many bytes at least: so they can be, before memory is given. */
static uint32_t get_count(struct kt_rd *rd, size_t least, uint32_t most)
{
    uint64_t n = kt_rd_varint(rd);
    rd->bad = rd->bad || n > rd->left / least || n > most;
    return rd->bad ? 0 : (uint32_t)n;
}

/* What is in the frame; *rest: what is behind it. */
static struct kt_rd unpack(struct kt_totals *s, struct kt_str inner, struct kt_buf *text,
                           struct kt_str *rest)
{
    struct kt_str frame;
    if (s->zip == NULL)
        s->zip = kt_zip_new();
    kt_buf_reset(text);
    bool whole = kt_totals_split(inner, &frame, rest) &&
                 kt_zip_unpack(s->zip, frame, PLAIN_MAX, RATIO_MAX, text, NULL) == KT_OK;
    struct kt_rd rd = kt_rd_of(kt_buf_str(text));
    rd.bad = !whole;
    return rd;
}

/* Of a part that is a frame alone. */
static struct kt_rd unpack_part(struct kt_totals *s, struct kt_str inner, enum kt_totals_part part)
{
    struct kt_str rest = KT_STR_NONE;
    struct kt_rd rd = unpack(s, inner, &s->text[part], &rest);
    rd.bad = rd.bad || rest.len > 0;
    return rd;
}

/* ---- actors ---- */

/* segments: that there can be. */
static void get_actor(struct kt_rd *rd, uint32_t segments, const struct kt_totals_actor *before,
                      struct kt_totals_actor *ret)
{
    *ret = (struct kt_totals_actor){ .actor = get_text(rd) };
    ret->source = get_text(rd);
    ret->instance = get_text(rd);
    unsigned kind = kt_rd_u8(rd);
    rd->bad = rd->bad || (kind & 0x7f) >= KT_ACTOR_COUNT;
    ret->kind = (enum kt_actor_kind)(kind & 0x7f);
    ret->shadows = kind >= 0x80;
    ret->accesses = kt_rd_varint(rd);
    ret->reads = kt_rd_varint(rd);
    ret->head =
        (kt_time_ns)((before == NULL ? 0 : (uint64_t)before->head) + (uint64_t)kt_rd_zigzag(rd));
    ret->earliest = (kt_time_ns)((uint64_t)ret->head - kt_rd_varint(rd));
    ret->last = (kt_time_ns)((uint64_t)ret->earliest + kt_rd_varint(rd));
    ret->segments = get_text(rd);
    rd->bad = rd->bad || ret->earliest > ret->head || ret->head > ret->last ||
              ret->segments.len > segments / 8;
    for (unsigned t = 0; t < KT_TOTALS_TABLES; t++) {
        uint64_t begins = kt_rd_varint(rd);
        rd->bad = rd->bad || begins > 1 || (before == NULL && begins == 0);
        ret->block[t] = before == NULL ? 0 : before->block[t] + (uint32_t)begins;
    }
}

bool kt_totals_read_actors(struct kt_totals *s, struct kt_str inner)
{
    const uint32_t segments = s->run->joined ? KT_TOTALS_SEGMENTS : KT_TOGETHER_SEGMENTS;
    struct kt_rd rd = unpack_part(s, inner, KT_TOTALS_ACTORS);
    uint32_t n = get_count(&rd, 12, KT_TOTALS_ACTORS_MAX);
    if (n > s->cap_actors) {
        s->cap_actors = n;
        s->actor = kt_realloc_array(s->actor, n, sizeof *s->actor);
    }
    for (uint32_t i = 0; i < n && !rd.bad; i++)
        get_actor(&rd, segments, i == 0 ? NULL : &s->actor[i - 1], &s->actor[i]);
    bool good = !rd.bad && rd.left == 0;
    s->n_actors = good ? n : 0;
    return good;
}

/* ---- secrets, things ---- */

bool kt_totals_read_changes(struct kt_totals *s, struct kt_str inner)
{
    struct kt_rd rd = unpack_part(s, inner, KT_TOTALS_CHANGED);
    s->n_changed = get_count(&rd, 1, KT_TOTALS_SECRETS_MAX);
    if (s->n_changed > s->cap_changed) {
        s->cap_changed = s->n_changed;
        s->changed = kt_realloc_array(s->changed, s->cap_changed, sizeof *s->changed);
    }
    for (uint32_t i = 0; i < s->n_changed && !rd.bad; i++)
        s->changed[i] = get_text(&rd);
    bool good = !rd.bad && rd.left == 0;
    s->n_changed = good ? s->n_changed : 0;
    return good;
}

/* The id, from the one before and what is new of it, into the room that there is. */
static void get_id(struct kt_totals *s, struct kt_str before, struct kt_rd *rd, struct kt_str *ret)
{
    uint64_t shared = kt_rd_varint(rd);
    struct kt_str rest = get_text(rd);
    rd->bad = rd->bad || shared > before.len || shared + rest.len > s->ids.cap - s->ids.len;
    if (rd->bad)
        return;
    const size_t from = s->ids.len;
    kt_buf_add(&s->ids, kt_str_sub(before, 0, (size_t)shared));
    kt_buf_add(&s->ids, rest);
    *ret = kt_str_from_index(kt_buf_str(&s->ids), from);
}

static void get_secrets(struct kt_totals *s, struct kt_rd *rd)
{
    s->n_secrets = get_count(rd, 2, KT_TOTALS_SECRETS_MAX);
    uint64_t bytes = kt_rd_varint(rd);
    rd->bad = rd->bad || bytes > KT_TOTALS_TEXT_MAX;
    if (rd->bad)
        return;
    kt_buf_reset(&s->ids);
    (void)kt_buf_reserve(&s->ids, (size_t)bytes + 1);
    if (s->n_secrets > s->cap_secrets) {
        s->cap_secrets = s->n_secrets;
        s->secret = kt_realloc_array(s->secret, s->cap_secrets, sizeof *s->secret);
    }
    for (uint32_t i = 0; i < s->n_secrets && !rd->bad; i++) {
        s->secret[i] = (struct kt_totals_secret){ 0 };
        get_id(s, i == 0 ? KT_STR_NONE : s->secret[i - 1].id, rd, &s->secret[i].id);
    }
    rd->bad = rd->bad || s->ids.len != bytes;
}

static void get_ways(struct kt_totals *s, struct kt_rd *rd)
{
    s->n_ways = get_count(rd, 3, KT_TOTALS_WAYS_MAX);
    if (s->n_ways > s->cap_ways) {
        s->cap_ways = s->n_ways;
        s->way = kt_realloc_array(s->way, s->cap_ways, sizeof *s->way);
    }
    for (uint32_t i = 0; i < s->n_ways && !rd->bad; i++) {
        unsigned action = kt_rd_u8(rd), outcome = kt_rd_u8(rd);
        rd->bad = rd->bad || action >= KT_ACT_COUNT || (outcome & 0x7f) >= KT_OUT_COUNT;
        s->way[i] = (struct kt_totals_way){ .action = (enum kt_action)action,
                                            .outcome = (enum kt_outcome)(outcome & 0x7f),
                                            .shadow = outcome >= 0x80,
                                            .operation = get_text(rd) };
    }
}

static struct kt_totals_thing *add_thing(struct kt_totals *s)
{
    if (s->n_things == s->cap_things) {
        s->cap_things = s->cap_things == 0 ? 1024 : 2 * s->cap_things;
        s->thing = kt_realloc_array(s->thing, s->cap_things, sizeof *s->thing);
    }
    return &s->thing[s->n_things++];
}

/* The ways of a secret, or of none. */
static void get_things(struct kt_totals *s, uint32_t secret, struct kt_rd *rd)
{
    for (uint32_t n = get_count(rd, 1, s->n_ways); n > 0 && !rd->bad; n--) {
        uint64_t way = kt_rd_varint(rd);
        rd->bad = rd->bad || way >= s->n_ways || s->n_things == KT_TOTALS_SECRETS_MAX;
        if (rd->bad)
            return;
        *add_thing(s) = (struct kt_totals_thing){ secret, (uint32_t)way };
        const struct kt_totals_way *of = &s->way[way];
        if (secret == KT_TOTALS_NONE || of->shadow)
            continue;
        s->secret[secret].read |=
            (1u << of->action & KT_TOTALS_READS) != 0 && of->outcome == KT_OUT_SUCCESS;
    }
}

bool kt_totals_read_secrets(struct kt_totals *s, struct kt_str inner)
{
    struct kt_rd rd = unpack_part(s, inner, KT_TOTALS_SECRETS);
    s->n_secrets = s->n_ways = s->n_things = 0;
    get_secrets(s, &rd);
    if (!rd.bad)
        get_ways(s, &rd);
    if (!rd.bad)
        get_things(s, KT_TOTALS_NONE, &rd);
    for (uint32_t i = 0; i < s->n_secrets && !rd.bad; i++)
        get_things(s, i, &rd);
    bool good = !rd.bad && rd.left == 0;
    if (!good)
        s->n_secrets = s->n_ways = s->n_things = 0;
    return good;
}

/* ---- addresses ---- */

bool kt_totals_read_addresses(struct kt_totals *s, struct kt_str inner)
{
    struct kt_rd rd = unpack_part(s, inner, KT_TOTALS_ADDRESSES);
    uint64_t n = kt_rd_varint(&rd);
    bool good = !rd.bad && n <= KT_TOTALS_SECRETS_MAX && rd.left == n * sizeof(struct kt_ip);
    s->n_addresses = good ? (uint32_t)n : 0;
    s->addresses = good ? kt_rd_bytes(&rd, rd.left) : KT_STR_NONE;
    return good;
}

struct kt_ip kt_totals_address(const struct kt_totals *s, uint32_t n)
{
    struct kt_ip ip;
    for (unsigned k = 0; k < sizeof ip.at; k++)
        ip.at[k] = (uint8_t)s->addresses.at[(size_t)k * s->n_addresses + n];
    return ip;
}

/* ---- tables ---- */

struct times {
    uint64_t base, unit;
    unsigned width;
};

static uint64_t get_time(struct kt_rd *rest, const struct times *how)
{
    uint64_t units = 0;
    if (how->width > rest->left) {
        rest->bad = true;
        return 0;
    }
    struct kt_str bytes = kt_rd_bytes(rest, how->width);
    for (unsigned k = how->width; k > 0; k--)
        units = units << 8 | (uint8_t)bytes.at[k - 1];
    return units * how->unit;
}

static struct times get_times(struct kt_rd *rd)
{
    static const uint64_t units[] = { 1, 1000, 1000000, 1000000000 };
    unsigned t = kt_rd_u8(rd), width = kt_rd_u8(rd);
    uint64_t base = (uint64_t)kt_rd_zigzag(rd);
    rd->bad = rd->bad || t >= KT_ARRAY_LEN(units) || width > 8;
    return (struct times){ base, rd->bad ? 1 : units[t], width };
}

/* One actor's, of things or addresses below `most`, rising; at NULL: passes over them. */
static void get_entries(struct kt_rd *rd, struct kt_rd *rest, uint32_t n, uint32_t most,
                        struct kt_totals_entry *at)
{
    const struct times how = get_times(rd);
    uint64_t of = 0, times = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t step = kt_rd_varint(rd);
        rd->bad = rd->bad || (i > 0 && step == 0) || step >= most - of;
        of += rd->bad ? 0 : step;
        if (at != NULL)
            at[i].of = (uint32_t)of;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint64_t often = kt_rd_varint(rd);
        rd->bad = rd->bad || often == 0 || often > UINT32_MAX;
        times += often > 1 ? 2 : 1;
        if (at != NULL)
            at[i].n = (uint32_t)often;
    }
    if (rd->bad || times * how.width > rest->left) {
        rd->bad = true;
        return;
    }
    if (at == NULL) {
        (void)kt_rd_bytes(rest, (size_t)(times * how.width));
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint64_t first = how.base + get_time(rest, &how);
        at[i].first = (kt_time_ns)first;
        at[i].last = (kt_time_ns)(at[i].n > 1 ? first + get_time(rest, &how) : first);
    }
}

static struct kt_totals_entry *room_for(struct kt_totals *s, enum kt_totals_table table, uint32_t n)
{
    uint32_t cap = s->cap_entries[table], used = s->used[table];
    if (used + n > cap) {
        while (used + n > cap)
            cap = cap == 0 ? 4096 : 2 * cap;
        s->entry[table] = kt_realloc_array(s->entry[table], cap, sizeof *s->entry[table]);
        s->cap_entries[table] = cap;
    }
    return &s->entry[table][used];
}
/* The actor's entries, which are kept where it is wanted. */
static void get_table(struct kt_totals *s, enum kt_totals_table table, struct kt_totals_actor *a,
                      struct kt_rd *rd, struct kt_rd *rest)
{
    const uint32_t most = table == KT_TOTALS_DEEDS ? s->n_things : s->n_addresses;
    uint32_t n = get_count(rd, 2, KT_TOTALS_ENTRIES_MAX - s->used[table]);
    if (n > 0)
        get_entries(rd, rest, n, most, a->wanted ? room_for(s, table, n) : NULL);
    if (!a->wanted || rd->bad)
        return;
    a->at[table] = s->used[table];
    a->n[table] = n;
    s->used[table] += n;
}

bool kt_totals_read_block(struct kt_totals *s, enum kt_totals_table table, struct kt_str inner,
                          uint32_t *actor)
{
    struct kt_str behind = KT_STR_NONE;
    struct kt_rd rd = unpack(s, inner, &s->block, &behind), rest = kt_rd_of(behind);
    const uint32_t block = s->actor[*actor].block[table];
    while (*actor < s->n_actors && s->actor[*actor].block[table] == block && !rd.bad)
        get_table(s, table, &s->actor[(*actor)++], &rd, &rest);
    return !rd.bad && !rest.bad && rd.left == 0 && rest.left == 0;
}

static bool load_block(struct kt_totals *s, enum kt_totals_table table, uint32_t *actor)
{
    char name[KT_TOTALS_NAME];
    struct kt_str inner;
    const struct kt_totals_run *run = s->run;
    (void)kt_totals_block_name(run, table, s->actor[*actor].block[table], name);
    return kt_blob_get(s->db, name, &s->bytes, NULL) == KT_OK &&
           kt_totals_open(kt_buf_str(&s->bytes), run->first_seq, run->last_seq, &inner) &&
           kt_totals_read_block(s, table, inner, actor);
}

/* The first actor of its block. */
static uint32_t first_of_block(const struct kt_totals *s, enum kt_totals_table table,
                               uint32_t actor)
{
    while (actor > 0 && s->actor[actor - 1].block[table] == s->actor[actor].block[table])
        actor--;
    return actor;
}

static bool load_table(struct kt_totals *s, enum kt_totals_table table)
{
    s->used[table] = 0;
    for (uint32_t i = 0; i < s->n_actors; i++) {
        if (!s->actor[i].wanted)
            continue;
        uint32_t next = first_of_block(s, table, i);
        if (!load_block(s, table, &next))
            return false;
        i = next - 1;
    }
    for (uint32_t i = 0; i < s->n_actors; i++) {
        struct kt_totals_actor *a = &s->actor[i];
        if (a->wanted)
            a->entry[table] = a->n[table] == 0 ? NULL : s->entry[table] + a->at[table];
    }
    return true;
}

/* ---- of a run ---- */

bool kt_totals_same(struct kt_str a, struct kt_str b, uint64_t first_seq, uint64_t last_seq)
{
    struct kt_totals x = { 0 }, y = { 0 };
    struct kt_str in_a, in_b, rest_a, rest_b;
    if (kt_str_eq(a, b))
        return true;
    if (!kt_totals_open(a, first_seq, last_seq, &in_a) ||
        !kt_totals_open(b, first_seq, last_seq, &in_b))
        return false;
    bool same = !unpack(&x, in_a, &x.block, &rest_a).bad &&
                !unpack(&y, in_b, &y.block, &rest_b).bad &&
                kt_str_eq(kt_buf_str(&x.block), kt_buf_str(&y.block)) && kt_str_eq(rest_a, rest_b);
    kt_totals_done(&x);
    kt_totals_done(&y);
    return same;
}

static bool load_part(struct kt_totals *s, enum kt_totals_part part,
                      bool (*read)(struct kt_totals *s, struct kt_str inner))
{
    char name[KT_TOTALS_NAME];
    struct kt_str inner;
    const struct kt_totals_run *run = s->run;
    return kt_blob_get(s->db, kt_totals_name(run, part, name), &s->bytes, NULL) == KT_OK &&
           kt_totals_open(kt_buf_str(&s->bytes), run->first_seq, run->last_seq, &inner) &&
           read(s, inner);
}

void kt_totals_begin(struct kt_totals *s, const struct kt_totals_run *run, sqlite3 *db)
{
    s->run = run;
    s->db = db;
    s->n_actors = s->n_changed = s->n_secrets = s->n_ways = s->n_things = s->n_addresses = 0;
}

bool kt_totals_load(struct kt_totals *s, unsigned with)
{
    static const struct {
        unsigned with;
        enum kt_totals_part part;
        bool (*read)(struct kt_totals *s, struct kt_str inner);
    } parts[] = { { KT_TOTALS_WITH_ACTORS, KT_TOTALS_ACTORS, kt_totals_read_actors },
                  { KT_TOTALS_WITH_CHANGES, KT_TOTALS_CHANGED, kt_totals_read_changes },
                  { KT_TOTALS_WITH_SECRETS, KT_TOTALS_SECRETS, kt_totals_read_secrets },
                  { KT_TOTALS_WITH_ADDRESSES, KT_TOTALS_ADDRESSES, kt_totals_read_addresses } };
    bool good = true;
    for (size_t i = 0; i < KT_ARRAY_LEN(parts) && good; i++)
        good = (with & parts[i].with) == 0 || load_part(s, parts[i].part, parts[i].read);
    if (good && (with & KT_TOTALS_WITH_DEEDS) != 0)
        good = load_table(s, KT_TOTALS_DEEDS);
    if (good && (with & KT_TOTALS_WITH_PLACES) != 0)
        good = load_table(s, KT_TOTALS_PLACES);
    return good;
}

uint32_t kt_totals_views(const struct kt_totals *s, struct kt_reader *r)
{
    struct kt_reader *file = kt_reader_file(r, s->run->number);
    uint8_t bits[KT_TOTALS_SEGMENTS / 8] = { 0 };
    uint32_t views = 0, number = 0;
    /* it was opened anew when a successor came: what cannot be read the next walk tells of */
    if (file == NULL || (file->directory.n == 0 && kt_reader_directory(file, NULL) != KT_OK))
        return 0;
    const struct kt_directory *d = &file->directory;
    for (uint32_t i = 0; i < s->n_actors; i++)
        for (size_t k = 0; s->actor[i].wanted && k < s->actor[i].segments.len; k++)
            bits[k] = (uint8_t)(bits[k] | (uint8_t)s->actor[i].segments.at[k]);
    for (uint32_t at = kt_directory_from(d, s->run->first_seq);
         at < d->n && d->at[at].last_seq <= s->run->last_seq; at++) {
        bool has = false;
        for (uint32_t n = kt_segment_pieces(&d->at[at]); n > 0; n--, number++)
            has = has || (number < KT_TOTALS_SEGMENTS && (bits[number / 8] >> number % 8 & 1) != 0);
        views += has;
    }
    return views;
}
