/*
 * enrich: which addresses have a fact in the log, and what a fact says.
 *
 * Owns:  a fixed table of known addresses (4-way sets, oldest out).
 * Calls: core (geo, json, rng, store/read), detectors/hosting_asns. No clock.
 * Holds: its memory never grows.
 */
#include "collector/enrich.h"
#include "core/base/alloc.h"
#include "core/event/json.h"
#include "core/event/line.h"
#include "core/store/read.h"
#include "core/sys/rng.h"
#include "detectors/hosting_asns.h"
#include <math.h>
#include <string.h>

#define SETS 65536u /* 262,144 addresses, 7 MiB */
#define WAYS 4u

struct known {
    struct kt_ip ip;
    uint64_t build; /* of the database plus one; 0 = free slot */
};
struct kt_enrich {
    const struct kt_geo *geo;
    uint64_t build;
    uint64_t salt;    /* random: nobody can send addresses that all fall into one set */
    struct known *at; /* SETS * WAYS, newest of a set first */
};

struct kt_enrich *kt_enrich_new(const struct kt_geo *geo)
{
    struct kt_enrich *e = kt_alloc(sizeof *e);
    e->geo = geo;
    e->build = geo != NULL ? kt_geo_build(geo) : 0;
    e->salt = kt_rng_u64(&kt_rng_real);
    e->at = kt_alloc_array((size_t)SETS * WAYS, sizeof *e->at);
    return e;
}

void kt_enrich_take(struct kt_enrich *e, const struct kt_geo *geo)
{
    e->geo = geo;
    e->build = geo != NULL ? kt_geo_build(geo) : 0;
}

void kt_enrich_free(struct kt_enrich *e)
{
    if (e == NULL)
        return;
    kt_free(e->at);
    kt_free(e);
}

/* Only a look-up can change with the database: other classes are what they are. */
static bool looked_up(struct kt_ip ip)
{
    enum kt_ip_class c = kt_ip_class(ip);
    return c == KT_IP_PUBLIC || c == KT_IP_DOCUMENTATION;
}

/* Multipliers of MurmurHash3's finalizer; the upper bits depend on all others. */
static struct known *set_of(const struct kt_enrich *e, struct kt_ip ip)
{
    uint64_t half[2];
    _Static_assert(sizeof half == sizeof ip.at, "an address has two halves");
    memcpy(half, ip.at, sizeof half);
    uint64_t h = (half[0] ^ e->salt) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 32 ^ half[1]) * UINT64_C(0xc4ceb9fe1a85ec53);
    h = (h ^ h >> 32) * UINT64_C(0xff51afd7ed558ccd);
    return e->at + (h >> 32) % SETS * (size_t)WAYS;
}

/* Where ip is in its set; else a free place, or that of the oldest. */
static unsigned place_of(const struct known *set, struct kt_ip ip)
{
    unsigned i = 0;
    while (i < WAYS - 1 && set[i].build != 0 && !kt_ip_eq(set[i].ip, ip))
        i++;
    return i;
}

/* Has ip a fact at least as new as that build? */
static bool has_fact(const struct known *k, struct kt_ip ip, uint64_t build)
{
    return k->build != 0 && kt_ip_eq(k->ip, ip) && (!looked_up(ip) || k->build >= build + 1);
}

static void put_first(struct known *set, unsigned i, struct known now)
{
    memmove(set + 1, set, i * sizeof *set);
    set[0] = now;
}

void kt_enrich_expect(const struct kt_enrich *e, struct kt_ip ip)
{
    const struct known *set = set_of(e, ip);
    __builtin_prefetch(&set[0]);
    __builtin_prefetch(&set[WAYS / 2]);
}

/* Notes that ip has a fact of that build, if it has none at least as new. */
static void note(struct kt_enrich *e, struct kt_ip ip, uint64_t build)
{
    struct known *set = set_of(e, ip);
    unsigned i = place_of(set, ip);
    put_first(set, i, has_fact(&set[i], ip, build) ? set[i] : (struct known){ ip, build + 1 });
}

static enum kt_status load_all(struct kt_enrich *e, struct kt_cursor *c, struct kt_json *json,
                               struct kt_error *err)
{
    for (;;) {
        struct kt_record r;
        enum kt_status st = kt_cursor_next(c, &r, err);
        if (st == KT_E_AGAIN)
            return KT_OK;
        if (st != KT_OK)
            return st;
        struct kt_jval root;
        unsigned repaired = 0;
        int64_t build = 0;
        struct kt_ip ip;
        if (r.ev.kind != KT_KIND_FACT ||
            kt_json_parse(json, r.ev.raw, &root, &repaired, err) != KT_OK ||
            !kt_ip_parse(kt_json_str_at(root, "ip"), &ip))
            continue;
        (void)kt_json_i64(kt_json_at(root, "build"), &build);
        note(e, ip, build > 0 ? (uint64_t)build : 0);
    }
}

enum kt_status kt_enrich_load(struct kt_enrich *e, const char *store_path, struct kt_error *err)
{
    struct kt_reader *reader = NULL;
    enum kt_status st = kt_reader_open(store_path, &reader, err);
    if (st == KT_E_AGAIN)
        return KT_OK;
    if (st != KT_OK)
        return kt_wrap(err, "known addresses");
    struct kt_damage damage = { 0 }; /* a fact that was lost is made again */
    struct kt_scan scan = { .control = true, .control_kind = KT_KIND_FACT, .damage = &damage };
    struct kt_cursor *cursor = NULL;
    st = kt_cursor_open(reader, &scan, &cursor, err);
    if (st == KT_OK) {
        struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
        st = load_all(e, cursor, json, err);
        kt_json_free(json);
        kt_cursor_free(cursor);
    }
    kt_reader_close(reader);
    return st == KT_OK ? KT_OK : kt_wrap(err, "known addresses");
}

void kt_enrich_body(struct kt_ip ip, const struct kt_geo_fact *f, uint64_t build,
                    struct kt_buf *raw)
{
    char text[KT_IP_TEXT_MAX];
    kt_buf_reset(raw);
    kt_buf_addz(raw, "{\"ip\":\"");
    kt_buf_addz(raw, kt_ip_format(ip, text));
    kt_buf_addz(raw, "\",\"country\":");
    kt_json_quote(raw, kt_str_of(f->country));
    kt_buf_addz(raw, ",\"asn\":");
    kt_buf_u64_dec(raw, f->asn);
    kt_buf_addz(raw, ",\"org\":");
    kt_json_quote(raw, kt_str_of(f->org));
    kt_buf_addz(raw, ",\"hosting\":");
    kt_buf_addz(raw, kt_hosting_network(f->asn, kt_str_of(f->org)) ? "true" : "false");
    if (f->has_place) /* hundredths of a degree: numbers of a line are integers */
        kt_buf_addf(raw, ",\"lat_e2\":%ld,\"lon_e2\":%ld,\"radius_km\":%u", lround(f->lat * 100),
                    lround(f->lon * 100), f->radius_km);
    kt_buf_addz(raw, ",\"class\":\"");
    kt_buf_addz(raw, kt_ip_class_word(kt_ip_class(ip)));
    kt_buf_addz(raw, "\",\"build\":");
    kt_buf_u64_dec(raw, build);
    kt_buf_byte(raw, '}');
}

static void write_fact(const struct kt_enrich *e, struct kt_ip ip, const struct kt_geo_fact *f,
                       kt_time_ns now, struct kt_buf *raw, struct kt_event *ret)
{
    char text[KT_IP_TEXT_MAX];
    kt_enrich_body(ip, f, e->build, raw);
    size_t len = raw->len; /* its id stands behind the record in the same memory */
    kt_buf_addz(raw, kt_ip_format(ip, text));
    kt_buf_byte(raw, '@');
    kt_buf_u64_dec(raw, e->build);
    struct kt_str all = kt_buf_str(raw);
    *ret = (struct kt_event){ .kind = KT_KIND_FACT,
                              .source = KT_STR("keytrail"),
                              .native_id = kt_str_from_index(all, len),
                              .time = now,
                              .observed = now,
                              .has_ip = true,
                              .ip = ip,
                              .raw = kt_str_sub(all, 0, len) };
}

bool kt_enrich_fact(struct kt_enrich *e, struct kt_ip ip, kt_time_ns now, struct kt_buf *raw,
                    struct kt_event *ret)
{
    struct known *set = set_of(e, ip);
    unsigned i = place_of(set, ip);
    if (has_fact(&set[i], ip, e->build)) {
        put_first(set, i, set[i]);
        return false;
    }
    struct kt_geo_fact f = { 0 };
    if (looked_up(ip)) {
        kt_geo_find(e->geo, ip, &f);
        if (kt_geo_is_stale(e->geo)) /* behind the look-up: it may have become so meanwhile */
            return false;
    }
    put_first(set, i, (struct known){ ip, e->build + 1 });
    write_fact(e, ip, &f, now, raw, ret);
    return true;
}
