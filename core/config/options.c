/*
 * options: one table is reader, checker and printer of a block of keys.
 *
 * Owns:  nothing; strings live in the tree, in the caller's arena or in the table.
 * Calls: core/base, yaml.
 * Holds: out is filled by the defaults first, so every field has a value after a success.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/config/tree.h"

/* Where strings go: y for a file, arena for --set; neither for defaults, whose text is static. */
struct home {
    const struct kt_yaml *y;
    struct kt_arena *arena;
};

static void *field_of(const struct kt_option *o, void *out)
{
    return (char *)out + o->offset;
}

static const void *field_in(const struct kt_option *o, const void *values)
{
    return (const char *)values + o->offset;
}

/* ---- one value from text ---- */

static enum kt_status parse_bool(struct kt_str s, bool *ret, struct kt_error *err)
{
    bool yes = kt_str_is(s, "true") || kt_str_is(s, "yes") || kt_str_is(s, "on");
    if (!yes && !kt_str_is(s, "false") && !kt_str_is(s, "no") && !kt_str_is(s, "off"))
        return kt_fail(err, KT_E_CONFIG, "write true or false");
    *ret = yes;
    return KT_OK;
}

static enum kt_status parse_double(struct kt_str s, double *ret, struct kt_error *err)
{
    char text[64], *end;
    kt_str_copyz(text, sizeof text, s);
    bool digits = s.len > 0 && s.len < sizeof text && strspn(text, "0123456789+-.eE") == s.len;
    double v = digits ? strtod(text, &end) : 0;
    if (!digits || *end != '\0' || !isfinite(v))
        return kt_fail(err, KT_E_CONFIG, "not a number: '" KT_STR_FMT "'",
                       KT_STR_ARG(kt_str_sub(s, 0, 60)));
    *ret = v;
    return KT_OK;
}

static const struct {
    const char *suffix;
    uint64_t bytes;
    bool printed;
} sizes[] = {
    { "", 1, true },
    { "B", 1, false },
    { "KiB", UINT64_C(1) << 10, true },
    { "MiB", UINT64_C(1) << 20, true },
    { "GiB", UINT64_C(1) << 30, true },
    { "TiB", UINT64_C(1) << 40, true },
    { "kB", 1000, false },
    { "MB", 1000000, false },
    { "GB", 1000000000, false },
    { "TB", UINT64_C(1000000000000), false },
};

static enum kt_status parse_size(struct kt_str s, uint64_t *ret, struct kt_error *err)
{
    size_t n = 0;
    while (n < s.len && s.at[n] >= '0' && s.at[n] <= '9')
        n++;
    uint64_t count, bytes;
    if (!kt_str_u64(kt_str_sub(s, 0, n), &count))
        return kt_fail(err, KT_E_CONFIG, "not a size like 64MiB: '" KT_STR_FMT "'",
                       KT_STR_ARG(kt_str_sub(s, 0, 60)));
    struct kt_str suffix = kt_str_trim(kt_str_from_index(s, n));
    for (size_t i = 0; i < KT_ARRAY_LEN(sizes); i++) {
        if (!kt_str_is(suffix, sizes[i].suffix))
            continue;
        if (__builtin_mul_overflow(count, sizes[i].bytes, &bytes))
            return kt_fail(err, KT_E_CONFIG, "too big: '" KT_STR_FMT "'", KT_STR_ARG(s));
        *ret = bytes;
        return KT_OK;
    }
    return kt_fail(err, KT_E_CONFIG, "'" KT_STR_FMT "' is no unit: B, KiB, MiB, GiB or TiB",
                   KT_STR_ARG(kt_str_sub(suffix, 0, 20)));
}

static enum kt_status keep(const struct home *home, struct kt_str s, bool is_path, const char **ret,
                           struct kt_error *err)
{
    if (home->y != NULL && is_path)
        return kt_yaml_path(home->y, s, ret, err);
    if (is_path && s.len == 0)
        return kt_fail(err, KT_E_CONFIG, "the path is empty");
    if (home->y == NULL && home->arena == NULL) {
        *ret = s.at; /* of the table: NUL-ended and static */
        return KT_OK;
    }
    char *z =
        home->y != NULL ? kt_yaml_keep(home->y, s.len + 1) : kt_arena_alloc(home->arena, s.len + 1);
    if (z == NULL)
        return kt_fail(err, KT_E_LIMIT, "too many options");
    kt_str_copyz(z, s.len + 1, s);
    *ret = z;
    return KT_OK;
}

/* A list of one. In the defaults it is the table's own pointer, which nobody writes to. */
static enum kt_status parse_single(const struct kt_option *o, struct kt_str s,
                                   const struct home *home, struct kt_strings *ret,
                                   struct kt_error *err)
{
    const char **at = NULL;
    if (home->y == NULL && home->arena == NULL) {
        at = (const char **)(uintptr_t)&o->dflt;
    } else {
        at = home->y != NULL ? kt_yaml_keep(home->y, sizeof *at)
                             : kt_arena_alloc(home->arena, sizeof *at);
        if (at == NULL)
            return kt_fail(err, KT_E_LIMIT, "too many options");
        if (keep(home, s, false, &at[0], err) != KT_OK)
            return KT_E_LIMIT;
    }
    *ret = (struct kt_strings){ at, 1 };
    return KT_OK;
}

static enum kt_status parse_value(const struct kt_option *o, struct kt_str s,
                                  const struct home *home, void *field, struct kt_error *err)
{
    switch (o->type) {
    case KT_OPT_BOOL:
        return parse_bool(s, field, err);
    case KT_OPT_UINT:
        return kt_str_u64(s, field)
                   ? KT_OK
                   : kt_fail(err, KT_E_CONFIG, "not a whole number: '" KT_STR_FMT "'",
                             KT_STR_ARG(kt_str_sub(s, 0, 60)));
    case KT_OPT_DOUBLE:
        return parse_double(s, field, err);
    case KT_OPT_DURATION:
        return kt_duration_parse(s, field, err);
    case KT_OPT_SIZE:
        return parse_size(s, field, err);
    case KT_OPT_STRING:
        return keep(home, s, false, field, err);
    case KT_OPT_PATH:
    case KT_OPT_SECRET_FILE:
        return keep(home, s, true, field, err);
    case KT_OPT_LIST:
        return parse_single(o, s, home, field, err);
    }
    return KT_E_CONFIG;
}

/* ---- whole tables ---- */

static size_t width_of(const struct kt_option *o)
{
    static const size_t width[] = {
        [KT_OPT_BOOL] = sizeof(bool),
        [KT_OPT_UINT] = sizeof(uint64_t),
        [KT_OPT_DOUBLE] = sizeof(double),
        [KT_OPT_DURATION] = sizeof(kt_time_ns),
        [KT_OPT_SIZE] = sizeof(uint64_t),
        [KT_OPT_STRING] = sizeof(const char *),
        [KT_OPT_PATH] = sizeof(const char *),
        [KT_OPT_SECRET_FILE] = sizeof(const char *),
        [KT_OPT_LIST] = sizeof(struct kt_strings),
    };
    return width[o->type];
}

static void clear(const struct kt_option *o, void *out)
{
    memset(field_of(o, out), 0, width_of(o));
}

/* A default that does not parse is a mistake of the table, so it ends the program. */
static enum kt_status put_default(const struct kt_option *o, const struct home *home, void *out,
                                  struct kt_error *err)
{
    clear(o, out);
    if (o->dflt == NULL || o->dflt[0] == '\0')
        return KT_OK;
    return parse_value(o, kt_str_of(o->dflt), home, field_of(o, out), err);
}

void kt_options_defaults(const struct kt_option *table, void *out)
{
    static const struct home nowhere = { NULL, NULL };
    for (const struct kt_option *o = table; o->name != NULL; o++) {
        struct kt_error err = { 0 };
        if (put_default(o, &nowhere, out, &err) != KT_OK) {
            (void)fprintf(stderr, "keytrail: default of option '%s': %s\n", o->name, err.text);
            abort();
        }
    }
}

static enum kt_status fill_list(const struct kt_yaml *y, const struct kt_node *list,
                                struct kt_strings *ret, struct kt_error *err)
{
    unsigned n = 0;
    const char **at = kt_yaml_keep(y, kt_node_count(list) * sizeof *at);
    for (const struct kt_node *c = list->first; c != NULL; c = c->next) {
        if (c->type != KT_NODE_SCALAR || kt_node_is_null(c))
            return kt_node_fail(y, c, err, "here goes a string");
        at[n++] = c->scalar.at;
    }
    *ret = (struct kt_strings){ at, n };
    return KT_OK;
}

static enum kt_status fill_one(const struct kt_yaml *y, const struct kt_node *n,
                               const struct kt_option *o, void *out, struct kt_error *err)
{
    if (o->type == KT_OPT_LIST && n->type == KT_NODE_LIST)
        return fill_list(y, n, field_of(o, out), err);
    if (kt_node_expect(y, n, KT_NODE_SCALAR, err) != KT_OK)
        return KT_E_CONFIG;
    if (kt_node_is_null(n))
        return kt_key_fail(y, n, err, "'%s' has no value", o->name);
    const struct home home = { y, NULL };
    struct kt_error why = { 0 };
    if (parse_value(o, n->scalar, &home, field_of(o, out), &why) != KT_OK)
        return kt_node_fail(y, n, err, "'%s': %s", o->name, why.text);
    return KT_OK;
}

static const struct kt_option *find(const struct kt_option *table, struct kt_str name)
{
    for (const struct kt_option *o = table; o->name != NULL; o++)
        if (kt_str_is(name, o->name))
            return o;
    return NULL;
}

static bool is_beside(const char *const *beside, struct kt_str name)
{
    for (; beside != NULL && *beside != NULL; beside++)
        if (kt_str_is(name, *beside))
            return true;
    return false;
}

enum kt_status kt_options_fill_beside(const struct kt_yaml *y, const struct kt_node *map,
                                      const struct kt_option *table, const char *const *beside,
                                      void *out, struct kt_error *err)
{
    const struct home home = { y, NULL };
    if (map != NULL && kt_node_is_null(map))
        map = NULL;
    if (map != NULL && kt_node_expect(y, map, KT_NODE_MAP, err) != KT_OK)
        return KT_E_CONFIG;
    for (const struct kt_node *n = map != NULL ? map->first : NULL; n != NULL; n = n->next)
        if (find(table, n->key) == NULL && !is_beside(beside, n->key))
            return kt_option_unknown(y, n, table, beside, err);
    for (const struct kt_option *o = table; o->name != NULL; o++) {
        const struct kt_node *n = kt_node_get(map, o->name);
        if (n == NULL && o->dflt == NULL)
            return kt_node_fail(y, map != NULL ? map : kt_yaml_root(y), err, "'%s' is missing",
                                o->name);
        struct kt_error why = { 0 };
        if (n == NULL && put_default(o, &home, out, &why) != KT_OK)
            return kt_fail(err, KT_E_CONFIG, "%s: default of '%s': %s", kt_yaml_name(y), o->name,
                           why.text);
        if (n != NULL && fill_one(y, n, o, out, err) != KT_OK)
            return KT_E_CONFIG;
    }
    return KT_OK;
}

enum kt_status kt_options_fill(const struct kt_yaml *y, const struct kt_node *map,
                               const struct kt_option *table, void *out, struct kt_error *err)
{
    return kt_options_fill_beside(y, map, table, NULL, out, err);
}

enum kt_status kt_options_check(const struct kt_yaml *y, const struct kt_node *map,
                                const struct kt_option *table, struct kt_error *err)
{
    size_t bytes = 1;
    for (const struct kt_option *o = table; o->name != NULL; o++)
        bytes = o->offset + width_of(o) > bytes ? o->offset + width_of(o) : bytes;
    void *values = kt_alloc(bytes);
    enum kt_status st = kt_options_fill(y, map, table, values, err);
    kt_free(values);
    return st;
}

enum kt_status kt_options_set(const struct kt_option *table, void *out, struct kt_arena *keep_in,
                              struct kt_str name, struct kt_str value, struct kt_error *err)
{
    const struct kt_option *o = find(table, name);
    if (o == NULL)
        return kt_option_unknown(NULL, &(struct kt_node){ .key = name }, table, NULL, err);
    const struct home home = { NULL, keep_in };
    if (parse_value(o, value, &home, field_of(o, out), err) != KT_OK)
        return kt_wrap(err, "'%s'", o->name);
    return KT_OK;
}

/* "store", "path" -> KEYTRAIL_STORE__PATH */
static void env_name(const char *section, const char *key, char *ret, size_t n)
{
    (void)snprintf(ret, n, "KEYTRAIL_%s__%s", section, key);
    for (char *p = ret; *p != '\0'; p++)
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - ('a' - 'A'));
}

enum kt_status kt_options_env(const struct kt_yaml *y, const struct kt_option *table,
                              const char *section, void *out, struct kt_error *err)
{
    const struct home home = { y, NULL };
    for (const struct kt_option *o = table; o->name != NULL; o++) {
        char name[128];
        env_name(section, o->name, name, sizeof name);
        const char *value = getenv(name);
        if (value == NULL || value[0] == '\0')
            continue;
        if (parse_value(o, kt_str_of(value), &home, field_of(o, out), err) != KT_OK)
            return kt_wrap(err, "environment, %s", name);
    }
    return KT_OK;
}

/* ---- unknown keys ---- */

enum kt_status kt_option_unknown(const struct kt_yaml *y, const struct kt_node *key,
                                 const struct kt_option *table, const char *const *beside,
                                 struct kt_error *err)
{
    struct kt_str name = kt_str_sub(key->key, 0, 60);
    struct kt_near best = kt_near_of(key->key);
    char text[200], file[80];
    (void)snprintf(file, sizeof file, KT_STR_FMT "_file", KT_STR_ARG(name));
    bool has_file = find(table, kt_str_of(file)) != NULL;
    for (const struct kt_option *o = table; o->name != NULL; o++)
        kt_near_try(&best, o->name);
    for (; beside != NULL && *beside != NULL; beside++)
        kt_near_try(&best, *beside);
    if (has_file)
        (void)snprintf(text, sizeof text,
                       "'" KT_STR_FMT "' would put a secret here: write it to a file (0600) and "
                       "name that with '%s'",
                       KT_STR_ARG(name), file);
    else if (best.name != NULL)
        (void)snprintf(text, sizeof text, "unknown key '" KT_STR_FMT "', did you mean '%s'?",
                       KT_STR_ARG(name), best.name);
    else
        (void)snprintf(text, sizeof text, "unknown key '" KT_STR_FMT "'", KT_STR_ARG(name));
    return y != NULL ? kt_key_fail(y, key, err, "%s", text) : kt_fail(err, KT_E_CONFIG, "%s", text);
}

/* ---- printing ---- */

static void print_double(struct kt_buf *b, double v)
{
    char text[40];
    for (int digits = 6; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    kt_buf_addz(b, text);
}

/* The biggest unit that divides it, so that reading it back gives the same. */
static void print_duration(struct kt_buf *b, kt_time_ns d)
{
    static const struct {
        kt_time_ns ns;
        const char *suffix;
    } units[] = { { KT_NS_DAY, "d" },
                  { KT_NS_HOUR, "h" },
                  { KT_NS_MIN, "m" },
                  { KT_NS_S, "s" },
                  { KT_NS_MS, "ms" } };
    size_t i = 0;
    while (i + 1 < KT_ARRAY_LEN(units) && (d == 0 ? i < 3 : d % units[i].ns != 0))
        i++;
    kt_buf_i64_dec(b, d / units[i].ns);
    kt_buf_addz(b, units[i].suffix);
}

static void print_size(struct kt_buf *b, uint64_t v)
{
    size_t best = 0;
    for (size_t i = 0; i < KT_ARRAY_LEN(sizes); i++)
        if (sizes[i].printed && v > 0 && v % sizes[i].bytes == 0)
            best = i;
    kt_buf_u64_dec(b, v / sizes[best].bytes);
    kt_buf_addz(b, sizes[best].suffix);
}

static void print_value(const struct kt_option *o, const void *field, struct kt_buf *b)
{
    switch (o->type) {
    case KT_OPT_BOOL:
        kt_buf_addz(b, *(const bool *)field ? "true" : "false");
        return;
    case KT_OPT_UINT:
        kt_buf_u64_dec(b, *(const uint64_t *)field);
        return;
    case KT_OPT_DOUBLE:
        print_double(b, *(const double *)field);
        return;
    case KT_OPT_DURATION:
        print_duration(b, *(const kt_time_ns *)field);
        return;
    case KT_OPT_SIZE:
        print_size(b, *(const uint64_t *)field);
        return;
    case KT_OPT_STRING:
    case KT_OPT_PATH:
    case KT_OPT_SECRET_FILE:
        kt_yaml_scalar_add(b, kt_str_of(*(const char *const *)field));
        return;
    case KT_OPT_LIST:
        kt_yaml_list_add(b, *(const struct kt_strings *)field);
        return;
    }
}

/* Text without a value: the key is left out, as it may be in the file. */
static bool is_absent(const struct kt_option *o, const void *field)
{
    bool text = o->type == KT_OPT_STRING || o->type == KT_OPT_PATH || o->type == KT_OPT_SECRET_FILE;
    return text && *(const char *const *)field == NULL;
}

void kt_options_print_given(const struct kt_option *table, const void *values,
                            const struct kt_node *given, unsigned indent, bool with_help,
                            struct kt_buf *out)
{
    for (const struct kt_option *o = table; o->name != NULL; o++) {
        const void *field = field_in(o, values);
        bool absent = is_absent(o, field);
        if ((absent && !with_help) || (given != NULL && kt_node_get(given, o->name) == NULL))
            continue;
        kt_buf_addf(out, "%*s%s%s: ", (int)indent, "", absent ? "# " : "", o->name);
        if (!absent)
            print_value(o, field, out);
        if (with_help && o->help != NULL)
            kt_buf_addf(out, "   # %s", o->help);
        kt_buf_byte(out, '\n');
    }
}

void kt_options_print(const struct kt_option *table, const void *values, unsigned indent,
                      bool with_help, struct kt_buf *out)
{
    kt_options_print_given(table, values, NULL, indent, with_help, out);
}
