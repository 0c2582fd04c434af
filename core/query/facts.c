/*
 * facts: what was known of an address when a record came.
 *
 * Owns:  a copy of every fact record of the store.
 * Calls: core/base, core/event (json), core/store/read.
 * Holds: the facts of one address stand in the order of their numbers.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/map.h"
#include "core/event/json.h"
#include "core/query/query.h"

#define NONE UINT32_MAX

struct entry {
    struct kt_fact fact; /* its strings are owned */
    uint64_t seq;
    uint32_t next; /* of the same address, later */
};
struct kt_facts {
    struct kt_map *addresses; /* 16 bytes each */
    struct kt_json *json;
    uint64_t seen;          /* number of the newest fact */
    uint32_t *first, *last; /* entry, by number of the address */
    struct entry *entry;
    uint32_t n, room, room_addresses;
};

static uint32_t address_number(struct kt_facts *f, struct kt_ip ip)
{
    bool is_new;
    uint32_t at = kt_map_put(f->addresses, kt_str_from(ip.at, sizeof ip.at), &is_new);
    if (at >= f->room_addresses) {
        f->room_addresses = f->room_addresses == 0 ? 64 : 2 * f->room_addresses;
        f->first = kt_realloc_array(f->first, f->room_addresses, sizeof *f->first);
        f->last = kt_realloc_array(f->last, f->room_addresses, sizeof *f->last);
    }
    if (is_new)
        f->first[at] = f->last[at] = NONE;
    return at;
}

static struct kt_str own(struct kt_str s)
{
    return kt_str_from(kt_str_dup(s), s.len);
}

/* A fact that says nothing about an address is none; the log may hold newer forms. */
static void add(struct kt_facts *f, uint64_t seq, struct kt_jval root)
{
    struct kt_ip ip;
    int64_t asn = 0;
    if (!kt_ip_parse(kt_json_str_at(root, "ip"), &ip))
        return;
    if (!kt_json_i64(kt_json_at(root, "asn"), &asn) || asn < 0 || asn > UINT32_MAX)
        asn = 0;
    if (f->n == f->room) {
        f->room = f->room == 0 ? 64 : 2 * f->room;
        f->entry = kt_realloc_array(f->entry, f->room, sizeof *f->entry);
    }
    uint32_t at = address_number(f, ip);
    f->entry[f->n] = (struct entry){
        .fact = { .country = own(kt_json_str_at(root, "country")),
                  .org = own(kt_json_str_at(root, "org")),
                  .asn = (uint32_t)asn,
                  .hosting = kt_json_bool(kt_json_at(root, "hosting"), false) },
        .seq = seq,
        .next = NONE,
    };
    if (f->first[at] == NONE)
        f->first[at] = f->n;
    else
        f->entry[f->last[at]].next = f->n;
    f->last[at] = f->n++;
}

struct kt_facts *kt_facts_new(void)
{
    struct kt_facts *f = kt_alloc(sizeof *f);
    f->addresses = kt_map_new(0);
    f->json = kt_json_new(KT_JSON_SIMDJSON);
    return f;
}

void kt_facts_see(struct kt_facts *f, const struct kt_record *r)
{
    struct kt_jval root;
    unsigned repaired;
    if (r->ev.kind != KT_KIND_FACT || r->seq <= f->seen)
        return;
    f->seen = r->seq;
    if (kt_json_parse(f->json, r->ev.raw, &root, &repaired, NULL) == KT_OK)
        add(f, r->seq, root);
}

enum kt_status kt_facts_follow(struct kt_facts *f, struct kt_reader *r, struct kt_error *err)
{
    struct kt_cursor *c = NULL;
    struct kt_damage damage = { 0 }; /* a lost fact is an address of which nothing is known */
    const struct kt_scan scan = {
        .control = true, .control_kind = KT_KIND_FACT, .from_seq = f->seen + 1, .damage = &damage
    };
    if (kt_cursor_open(r, &scan, &c, err) != KT_OK)
        return kt_wrap(err, "facts");
    struct kt_record rec;
    struct kt_error why = { 0 };
    enum kt_status status;
    while ((status = kt_cursor_next(c, &rec, &why)) == KT_OK)
        kt_facts_see(f, &rec);
    kt_cursor_free(c);
    if (status == KT_E_AGAIN) /* the end is no fault: err says nothing of it */
        return KT_OK;
    if (err != NULL)
        *err = why;
    return status;
}

enum kt_status kt_facts_load(struct kt_reader *r, struct kt_facts **ret, struct kt_error *err)
{
    struct kt_facts *f = kt_facts_new();
    enum kt_status status = kt_facts_follow(f, r, err);
    if (status != KT_OK) {
        kt_facts_free(f);
        return status;
    }
    *ret = f;
    return KT_OK;
}

void kt_facts_free(struct kt_facts *f)
{
    if (f == NULL)
        return;
    for (uint32_t i = 0; i < f->n; i++) {
        kt_free((void *)(uintptr_t)f->entry[i].fact.country.at);
        kt_free((void *)(uintptr_t)f->entry[i].fact.org.at);
    }
    kt_map_free(f->addresses);
    kt_json_free(f->json);
    kt_free(f->first);
    kt_free(f->last);
    kt_free(f->entry);
    kt_free(f);
}

const struct kt_fact *kt_facts_at(const struct kt_facts *f, struct kt_ip ip, uint64_t seq)
{
    uint32_t at = kt_map_get(f->addresses, kt_str_from(ip.at, sizeof ip.at));
    if (at == KT_MAP_NONE)
        return NULL;
    const struct kt_fact *found = NULL;
    for (uint32_t i = f->first[at]; i != NONE; i = f->entry[i].next)
        if (found == NULL || f->entry[i].seq < seq)
            found = &f->entry[i].fact;
    return found;
}
