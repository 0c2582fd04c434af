/*
 * geo: country and network of an address from .mmdb files. With geo_write.c the only place that
 * knows the format; the only includer of maxminddb.h.
 *
 * Owns:  the mapped files. One that is written over in place is not asked any more: where a mapped
 *        file shrinks, the next look into it ends the process.
 * Calls: core/base, fs (glob).
 * Holds: files are hostile input. What a record is good for is decided by its keys, never by
 *        database_type (INTERFACE §4).
 */
#include "core/sys/geo.h"

#include <errno.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/buf.h"
#include "core/sys/fs.h"
#include "core/sys/proc.h"

enum {
    SURVEY_RECORDS = 64, /* looked at when a file is opened, to know what it holds */
    SURVEY_NODES = 4096,
    TREE_DEPTH = 128,
    RADIUS_MAX_KM = 20000,
};

struct geo_file {
    MMDB_s db;
    struct kt_file *file; /* the same, to see whether it stays as it was */
    struct kt_stat there; /* when it was opened */
    bool has_country, has_asn, has_place;
};
struct kt_geo {
    struct geo_file *files;
    unsigned n;
    char *describe;
};

/* ---- one record ---- */

#define PATH_MAX_KEYS 4
typedef const char *const key_path[PATH_MAX_KEYS]; /* keys from the outside in, NULL-ended */

static const key_path country_paths[] = {
    { "country", "iso_code" },
    { "registered_country", "iso_code" },
    { "country_code" },
    { "country" }, /* IPinfo writes a whole name here: only two letters count */
};
static const key_path asn_paths[] = { { "autonomous_system_number" }, { "asn" } };
static const key_path org_paths[] = {
    { "autonomous_system_organization" }, { "as_name" }, { "asn", "org" }, { "org" }
};
static const key_path lat_paths[] = { { "location", "latitude" }, { "latitude" } };
static const key_path lon_paths[] = { { "location", "longitude" }, { "longitude" } };
static const key_path radius_paths[] = { { "location", "accuracy_radius" }, { "accuracy_radius" } };

static bool get(const MMDB_entry_s *entry, const key_path path, MMDB_entry_data_s *ret)
{
    MMDB_entry_s start = *entry;
    return MMDB_aget_value(&start, ret, path) == MMDB_SUCCESS && ret->has_data;
}

static struct kt_str text_of(const MMDB_entry_data_s *d)
{
    if (d->type != MMDB_DATA_TYPE_UTF8_STRING)
        return KT_STR_NONE;
    return kt_str_from(d->utf8_string, d->data_size);
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static void read_country(const MMDB_entry_s *e, char ret[3])
{
    for (size_t i = 0; i < KT_ARRAY_LEN(country_paths); i++) {
        MMDB_entry_data_s d;
        struct kt_str s = get(e, country_paths[i], &d) ? text_of(&d) : KT_STR_NONE;
        if (s.len != 2 || !is_letter(s.at[0]) || !is_letter(s.at[1]))
            continue;
        ret[0] = (char)(s.at[0] & ~0x20);
        ret[1] = (char)(s.at[1] & ~0x20);
        ret[2] = '\0';
        return;
    }
}

static bool number_of(const MMDB_entry_data_s *d, uint64_t *ret)
{
    struct kt_str s;

    switch (d->type) {
    case MMDB_DATA_TYPE_UINT16:
        *ret = d->uint16;
        return true;
    case MMDB_DATA_TYPE_UINT32:
        *ret = d->uint32;
        return true;
    case MMDB_DATA_TYPE_UINT64:
        *ret = d->uint64;
        return true;
    default: /* the library's numbers, not an enum of ours */
        s = text_of(d);
        if (kt_str_starts_nocase(s, KT_STR("AS")))
            s = kt_str_from_index(s, 2);
        return kt_str_u64(s, ret);
    }
}

static uint64_t read_number(const MMDB_entry_s *e, const key_path *paths, size_t n, uint64_t max)
{
    for (size_t i = 0; i < n; i++) {
        MMDB_entry_data_s d;
        uint64_t v;
        if (get(e, paths[i], &d) && number_of(&d, &v) && v > 0 && v <= max)
            return v;
    }
    return 0;
}

static void read_org(const MMDB_entry_s *e, char *ret, size_t n)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(org_paths); i++) {
        MMDB_entry_data_s d;
        struct kt_str s = get(e, org_paths[i], &d) ? text_of(&d) : KT_STR_NONE;
        if (s.len == 0 || !kt_utf8_valid(s))
            continue;
        kt_str_copyz(ret, n, kt_utf8_cut(s, n - 1));
        return;
    }
}

static bool read_degrees(const MMDB_entry_s *e, const key_path *paths, double max, double *ret)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(lat_paths); i++) {
        MMDB_entry_data_s d;
        if (!get(e, paths[i], &d))
            continue;
        double v = d.type == MMDB_DATA_TYPE_DOUBLE  ? d.double_value
                   : d.type == MMDB_DATA_TYPE_FLOAT ? (double)d.float_value
                                                    : max + 1;
        if (v >= -max && v <= max) { /* false for NaN too */
            *ret = v;
            return true;
        }
    }
    return false;
}

/* Adds what this record knows and ret does not yet. */
static void read_record(const MMDB_entry_s *e, struct kt_geo_fact *ret)
{
    double lat, lon;

    if (ret->country[0] == '\0')
        read_country(e, ret->country);
    if (ret->asn == 0)
        ret->asn = (uint32_t)read_number(e, asn_paths, KT_ARRAY_LEN(asn_paths), UINT32_MAX);
    if (ret->org[0] == '\0')
        read_org(e, ret->org, sizeof ret->org);
    if (ret->has_place || !read_degrees(e, lat_paths, 90, &lat) ||
        !read_degrees(e, lon_paths, 180, &lon))
        return;
    ret->has_place = true;
    ret->lat = lat;
    ret->lon = lon;
    ret->radius_km =
        (unsigned)read_number(e, radius_paths, KT_ARRAY_LEN(radius_paths), RADIUS_MAX_KM);
}

/* ---- opening ---- */

static enum kt_status corrupt(struct kt_error *err, const char *path, int code)
{
    return kt_fail(err, KT_E_CORRUPT, "'%s' is no usable .mmdb file: %s", path,
                   MMDB_strerror(code));
}

static void note_record(struct geo_file *f, const MMDB_entry_s *e)
{
    struct kt_geo_fact fact = { 0 };
    read_record(e, &fact);
    f->has_country = f->has_country || fact.country[0] != '\0';
    f->has_asn = f->has_asn || fact.asn != 0;
    f->has_place = f->has_place || fact.has_place;
}

/* Walks the first branches of the tree: notes what the records hold, finds a broken tree. */
static enum kt_status survey(struct geo_file *f, const char *path, struct kt_error *err)
{
    uint32_t stack[TREE_DEPTH + 1] = { 0 };
    unsigned depth = 1, records = 0;

    for (unsigned nodes = 0; depth > 0 && nodes < SURVEY_NODES && records < SURVEY_RECORDS;
         nodes++) {
        MMDB_search_node_s node;
        int rc = MMDB_read_node(&f->db, stack[--depth], &node);
        if (rc != MMDB_SUCCESS)
            return corrupt(err, path, rc);
        const struct {
            uint64_t record;
            uint8_t type;
            const MMDB_entry_s *entry;
        } sides[] = { { node.right_record, node.right_record_type, &node.right_record_entry },
                      { node.left_record, node.left_record_type, &node.left_record_entry } };
        for (size_t i = 0; i < KT_ARRAY_LEN(sides); i++) {
            if (sides[i].type == MMDB_RECORD_TYPE_INVALID)
                return corrupt(err, path, MMDB_CORRUPT_SEARCH_TREE_ERROR);
            if (sides[i].type == MMDB_RECORD_TYPE_DATA) {
                note_record(f, sides[i].entry);
                records++;
            }
            if (sides[i].type == MMDB_RECORD_TYPE_SEARCH_NODE) {
                if (depth == KT_ARRAY_LEN(stack)) /* no tree is that deep: it runs in a circle */
                    return corrupt(err, path, MMDB_CORRUPT_SEARCH_TREE_ERROR);
                stack[depth++] = (uint32_t)sides[i].record;
            }
        }
    }
    return KT_OK;
}

static void close_file(struct geo_file *f)
{
    MMDB_close(&f->db);
    if (f->file != NULL)
        kt_fs_real.close(f->file);
    f->file = NULL;
}

static bool is_same(const struct kt_stat *a, const struct kt_stat *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime == b->mtime;
}

static bool is_as_it_was(const struct geo_file *f)
{
    struct kt_stat now;
    return kt_fs_real.fstat(f->file, &now, NULL) == KT_OK && is_same(&now, &f->there);
}

/* The library opens by name and shows no descriptor: what it has mapped is known to be the file
 * that is watched from now on only where nothing has changed from before to after. */
static enum kt_status watch(struct geo_file *f, const char *path, struct kt_error *err)
{
    enum kt_status st = kt_fs_real.open(NULL, path, KT_OPEN_READ, &f->file, err);
    if (st != KT_OK)
        return st;
    if (!is_as_it_was(f))
        return kt_fail(err, KT_E_CORRUPT,
                       "'%s' is no usable .mmdb file: it changed while it was opened", path);
    return KT_OK;
}

/* KT_E_AGAIN: not there. */
static enum kt_status open_file(struct geo_file *f, const char *path, struct kt_error *err)
{
    enum kt_status st = kt_fs_real.stat(NULL, path, &f->there, err);
    if (st != KT_OK)
        return st;
    if (!f->there.is_file || f->there.size == 0)
        return corrupt(err, path, MMDB_UNKNOWN_DATABASE_FORMAT_ERROR);
    int rc = MMDB_open(path, MMDB_MODE_MMAP, &f->db);
    if (rc == MMDB_IO_ERROR || rc == MMDB_FILE_OPEN_ERROR)
        return kt_fail_errno(err, "open '%s'", path);
    if (rc != MMDB_SUCCESS)
        return corrupt(err, path, rc);
    st = watch(f, path, err);
    if (st == KT_OK)
        st = survey(f, path, err);
    if (st != KT_OK)
        close_file(f);
    return st;
}

static void what_it_holds(const struct geo_file *f, struct kt_buf *b)
{
    const struct {
        bool has;
        const char *word;
    } parts[] = { { f->has_country, "country" }, { f->has_place, "place" }, { f->has_asn, "asn" } };
    size_t start = b->len;
    for (size_t k = 0; k < KT_ARRAY_LEN(parts); k++)
        if (parts[k].has)
            kt_buf_addf(b, "%s%s", b->len > start ? "+" : "", parts[k].word);
    if (b->len == start)
        kt_buf_addz(b, "nothing known");
}

unsigned kt_geo_count(const struct kt_geo *g)
{
    return g != NULL ? g->n : 0;
}

void kt_geo_database(const struct kt_geo *g, unsigned i, struct kt_geo_database *ret)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf what = { 0 };
    what_it_holds(&g->files[i], &what);
    *ret = (struct kt_geo_database){ .build = g->files[i].db.metadata.build_epoch };
    kt_str_copyz(ret->what, sizeof ret->what, kt_buf_str(&what));
}

static char *describe(const struct kt_geo *g)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };

    for (unsigned i = 0; i < g->n; i++) {
        kt_buf_addz(&b, i > 0 ? ", " : "");
        what_it_holds(&g->files[i], &b);
        uint64_t epoch = g->files[i].db.metadata.build_epoch;
        struct kt_civil c =
            kt_time_civil(epoch < INT64_MAX / KT_NS_S ? (kt_time_ns)epoch * KT_NS_S : 0);
        kt_buf_addf(&b, " %04d-%02d-%02d", c.year, c.month, c.day);
    }
    return kt_strdup(g->n > 0 ? kt_buf_z(&b) : "no IP database");
}

enum kt_status kt_geo_open(const char *const *paths, unsigned n, bool optional, struct kt_geo **ret,
                           struct kt_error *err)
{
    struct kt_geo *g = kt_alloc(sizeof *g);
    enum kt_status st = KT_OK;

    g->files = kt_alloc_array(n, sizeof *g->files);
    for (unsigned i = 0; i < n && st == KT_OK; i++) {
        st = open_file(&g->files[g->n], paths[i], err);
        if (st == KT_OK)
            g->n++;
        else if (st == KT_E_AGAIN)
            st = optional ? KT_OK
                          : kt_fail(err, KT_E_CONFIG, "IP database '%s' is not there", paths[i]);
    }
    if (st != KT_OK) {
        kt_geo_free(g);
        return st;
    }
    g->describe = describe(g);
    *ret = g;
    return KT_OK;
}

void kt_geo_free(struct kt_geo *g)
{
    if (g == NULL)
        return;
    for (unsigned i = 0; i < g->n; i++)
        close_file(&g->files[i]);
    kt_free(g->files);
    kt_free(g->describe);
    kt_free(g);
}

/* ---- where a system keeps them ---- */

struct last_match {
    char *to; /* 256 bytes */
};

static void keep_last(void *arg, const char *path)
{
    const struct last_match *m = arg;
    if (strlen(path) < 256)
        kt_str_copyz(m->to, 256, kt_str_of(path));
}

/* "…/bin/../share/keytrail": whatever PREFIX it was installed below. */
static bool beside_program(char *ret, size_t n)
{
    char self[200];
    if (kt_self_path(self, sizeof self, NULL) != KT_OK)
        return false;
    ptrdiff_t bin = kt_str_rfind_byte(kt_str_of(self), '/');
    ptrdiff_t prefix = bin > 0 ? kt_str_rfind_byte(kt_str_from(self, (size_t)bin), '/') : -1;
    if (prefix < 0)
        return false;
    int len = snprintf(ret, n, "%.*s/share/keytrail", (int)prefix, self);
    return len > 0 && (size_t)len < n;
}

unsigned kt_geo_system_paths(char paths[][256], unsigned max)
{
    char beside[240] = "";
    const char *const folders[] = { KT_GEO_FETCHED, "/var/lib/GeoIP", "/usr/share/GeoIP",
                                    "/usr/share/keytrail", beside };
    /* Names with a month sort by age: the last one is the newest. */
    static const char *const names[] = { "GeoLite2-City.mmdb",      "GeoLite2-Country.mmdb",
                                         "GeoLite2-ASN.mmdb",       "dbip-city-lite*.mmdb",
                                         "dbip-country-lite*.mmdb", "dbip-asn-lite*.mmdb",
                                         "ipinfo_lite.mmdb",        "ip-country.mmdb" };
    size_t n_folders = KT_ARRAY_LEN(folders);
    unsigned n = 0;

    if (!beside_program(beside, sizeof beside) || strcmp(beside, "/usr/share/keytrail") == 0)
        n_folders--;
    for (size_t f = 0; f < n_folders; f++)
        for (size_t i = 0; i < KT_ARRAY_LEN(names) && n < max; i++) {
            KT_CLEANUP(kt_buf_done) struct kt_buf pattern = { 0 };
            struct last_match m = { .to = paths[n] };
            paths[n][0] = '\0';
            kt_buf_addf(&pattern, "%s/%s", folders[f], names[i]);
            if (kt_fs_glob(kt_buf_z(&pattern), keep_last, &m, NULL) == KT_OK && paths[n][0] != '\0')
                n++;
        }
    return n;
}

/* ---- questions ---- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static void fill_address(struct kt_ip ip, union address *ret)
{
    *ret = (union address){ 0 };
    if (kt_ip_is_v4(ip)) {
        ret->v4.sin_family = AF_INET;
        memcpy(&ret->v4.sin_addr, ip.at + 12, 4);
    } else {
        ret->v6.sin6_family = AF_INET6;
        memcpy(&ret->v6.sin6_addr, ip.at, 16);
    }
}

void kt_geo_find(const struct kt_geo *g, struct kt_ip ip, struct kt_geo_fact *ret)
{
    enum kt_ip_class class = kt_ip_class(ip);
    union address a;

    *ret = (struct kt_geo_fact){ 0 };
    if (g == NULL || (class != KT_IP_PUBLIC && class != KT_IP_DOCUMENTATION))
        return;
    fill_address(ip, &a);
    for (unsigned i = 0; i < g->n; i++) {
        int rc = MMDB_SUCCESS;
        if (!is_as_it_was(&g->files[i]))
            continue;
        MMDB_lookup_result_s r = MMDB_lookup_sockaddr(&g->files[i].db, &a.any, &rc);
        if (rc != MMDB_SUCCESS || !r.found_entry)
            continue; /* a broken branch answers like one that does not know */
        ret->found = true;
        read_record(&r.entry, ret);
    }
}

bool kt_geo_is_stale(const struct kt_geo *g)
{
    for (unsigned i = 0; g != NULL && i < g->n; i++)
        if (!is_as_it_was(&g->files[i]))
            return true;
    return false;
}

const char *kt_geo_describe(const struct kt_geo *g)
{
    return g != NULL ? g->describe : "no IP database";
}

uint64_t kt_geo_build(const struct kt_geo *g)
{
    uint64_t newest = 0;
    for (unsigned i = 0; g != NULL && i < g->n; i++)
        if (g->files[i].db.metadata.build_epoch > newest)
            newest = g->files[i].db.metadata.build_epoch;
    return newest;
}
