/*
 * mapping_text: the small languages in a mapping file: paths and templates, patterns of secret ids,
 * conditions.
 *
 * Owns:  nothing; what it makes lives in the file's tree.
 * Calls: core/base, core/config.
 */
#include "agents/sources/mapping.h"

#include <string.h>

#define PIECES_MAX 16u
#define TESTS_MAX  8u
#define GLOBS_MAX  64u
#define PATH_DEEP  16u

static struct kt_str kept(const struct kt_yaml *y, struct kt_str s)
{
    return (struct kt_str){ kt_yaml_keepz(y, s), s.len };
}

/* Names of members go into what is kept of a record as they are, so they need no escaping. */
enum kt_status kt_map_path_ok(const struct kt_yaml *y, const struct kt_node *at, struct kt_str path,
                              struct kt_error *err)
{
    unsigned dots = 0;
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.at[i];
        if (c < 0x20 || c == 0x7f || memchr("\"\\{}|", c, 5) != NULL)
            return kt_node_fail(y, at, err, "'" KT_STR_FMT "' is no path like user.email",
                                KT_STR_ARG(kt_str_sub(path, 0, 60)));
        dots += c == '.';
    }
    if (path.len == 0)
        return kt_node_fail(y, at, err, "a path is empty");
    if (dots >= PATH_DEEP)
        return kt_node_fail(y, at, err, "a path has at most %u parts", PATH_DEEP);
    return KT_OK;
}

static enum kt_status paths_ok(const struct kt_yaml *y, const struct kt_node *at,
                               struct kt_str paths, struct kt_error *err)
{
    struct kt_str one;
    if (paths.len == 0 || kt_str_ends(paths, KT_STR("|")))
        return kt_map_path_ok(y, at, KT_STR_NONE, err);
    while (kt_str_split(&paths, '|', &one))
        if (kt_map_path_ok(y, at, kt_str_trim(one), err) != KT_OK)
            return KT_E_CONFIG;
    return KT_OK;
}

static enum kt_status add_piece(const struct kt_yaml *y, const struct kt_node *at, struct kt_str s,
                                bool is_field, struct map_text *to, struct kt_error *err)
{
    struct map_piece p = { .is_field = is_field };
    if (s.len == 0 && !is_field)
        return KT_OK;
    if (to->n == PIECES_MAX)
        return kt_node_fail(y, at, err, "more than %u pieces in one text", PIECES_MAX);
    if (is_field && kt_str_starts(s, KT_STR("+")))
        s = kt_str_from_index(s, 1);
    if (is_field && paths_ok(y, at, s, err) != KT_OK)
        return KT_E_CONFIG;
    p.text = kept(y, s);
    to->at[to->n++] = p;
    return KT_OK;
}

static enum kt_status with_fields(const struct kt_yaml *y, const struct kt_node *at,
                                  struct kt_str s, struct map_text *ret, struct kt_error *err)
{
    struct map_text t = { .at = kt_yaml_keep(y, PIECES_MAX * sizeof *t.at) };
    while (s.len > 0) {
        ptrdiff_t open = kt_str_find_byte(s, '{', 0);
        struct kt_str plain = open < 0 ? s : kt_str_sub(s, 0, (size_t)open);
        if (add_piece(y, at, plain, false, &t, err) != KT_OK)
            return KT_E_CONFIG;
        if (open < 0)
            break;
        ptrdiff_t shut = kt_str_find_byte(s, '}', (size_t)open);
        if (shut < 0)
            return kt_node_fail(y, at, err, "a '{' has no '}'");
        struct kt_str field = kt_str_sub(s, (size_t)open + 1, (size_t)(shut - open) - 1);
        if (add_piece(y, at, field, true, &t, err) != KT_OK)
            return KT_E_CONFIG;
        s = kt_str_from_index(s, (size_t)shut + 1);
    }
    *ret = t;
    return KT_OK;
}

enum kt_status kt_map_text(const struct kt_yaml *y, const struct kt_node *at, struct kt_str s,
                           struct map_text *ret, struct kt_error *err)
{
    if (kt_str_find_byte(s, '{', 0) >= 0)
        return with_fields(y, at, s, ret, err);
    struct map_text t = { .at = kt_yaml_keep(y, sizeof *t.at) };
    bool constant = kt_str_starts(s, KT_STR("="));
    if (add_piece(y, at, constant ? kt_str_from_index(s, 1) : s, !constant, &t, err) != KT_OK)
        return KT_E_CONFIG;
    *ret = t;
    return KT_OK;
}

/* ---- secret ids ---- */

static bool scheme_ok(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool digit = (c >= '0' && c <= '9') || c == '-';
        if (!(c >= 'a' && c <= 'z') && !(i > 0 && digit))
            return false;
    }
    return s.len > 0 && s.len <= 32;
}

/* Up to the next '/' that is not inside braces. */
static bool take_segment(struct kt_str *rest, struct kt_str *ret)
{
    size_t i = 0;
    bool inside = false;
    if (rest->len == 0)
        return false;
    for (; i < rest->len && (inside || rest->at[i] != '/'); i++)
        inside = rest->at[i] == '{' || (inside && rest->at[i] != '}');
    *ret = kt_str_sub(*rest, 0, i);
    *rest = kt_str_from_index(*rest, i + 1);
    return true;
}

static enum kt_status add_segment(const struct kt_yaml *y, const struct kt_node *at,
                                  struct kt_str s, bool tail, struct map_secret *to,
                                  struct kt_error *err)
{
    unsigned *n = tail ? &to->n_tail : &to->n_fixed;
    if (*n == (tail ? MAP_TAIL_MAX : MAP_FIXED_MAX))
        return kt_node_fail(y, at, err, "more than %u parts in a secret id",
                            tail ? MAP_TAIL_MAX : MAP_FIXED_MAX);
    return with_fields(y, at, s, tail ? &to->tail[(*n)++] : &to->fixed[(*n)++], err);
}

enum kt_status kt_map_secret(const struct kt_yaml *y, const struct kt_node *at, struct kt_str s,
                             struct map_secret *ret, struct kt_error *err)
{
    ptrdiff_t colon = kt_str_find(s, KT_STR("://"), 0);
    struct kt_str scheme = kt_str_sub(s, 0, colon > 0 ? (size_t)colon : 0), part;
    if (!scheme_ok(scheme))
        return kt_node_fail(y, at, err, "a secret id is written like scheme://{account}/{name}");
    struct map_secret m = { .scheme = kt_yaml_keepz(y, scheme) };
    s = kt_str_from_index(s, (size_t)colon + 3);
    for (bool tail = false; take_segment(&s, &part);) {
        tail = tail || s.len == 0 || kt_str_has(part, KT_STR("{+"));
        if (add_segment(y, at, part, tail, &m, err) != KT_OK)
            return KT_E_CONFIG;
    }
    if (m.n_fixed == 0)
        return kt_node_fail(y, at, err,
                            "a secret id names its store first: scheme://{account}/{name}");
    *ret = m;
    return KT_OK;
}

/* ---- conditions ---- */

static struct kt_str *globs(const struct kt_yaml *y, struct kt_str s, unsigned *ret_n)
{
    struct kt_str *at = kt_yaml_keep(y, GLOBS_MAX * sizeof *at), one;
    unsigned n = 0;
    while (n < GLOBS_MAX && kt_str_split(&s, '|', &one))
        at[n++] = kept(y, kt_str_trim(one));
    *ret_n = n;
    return at;
}

static enum kt_status add_test(const struct kt_yaml *y, const struct kt_node *at, struct kt_str s,
                               struct map_rule *to, struct kt_error *err)
{
    struct map_test *t = &to->at[to->n];
    ptrdiff_t eq = kt_str_find_byte(s, '=', 0);
    if (to->n == TESTS_MAX)
        return kt_node_fail(y, at, err, "more than %u conditions in one line", TESTS_MAX);
    if (eq >= 0) {
        struct kt_str path = kt_str_sub(s, 0, (size_t)eq);
        t->is_not = kt_str_ends(path, KT_STR("!"));
        path = kt_str_trim(kt_str_sub(path, 0, path.len - t->is_not));
        if (kt_map_path_ok(y, at, path, err) != KT_OK)
            return KT_E_CONFIG;
        t->path = kept(y, path);
        s = kt_str_trim(kt_str_from_index(s, (size_t)eq + 1));
    } else if (s.len == 0) {
        return kt_node_fail(y, at, err, "a condition is empty");
    }
    unsigned bars = 0;
    for (size_t i = 0; i < s.len; i++)
        bars += s.at[i] == '|';
    if (bars >= GLOBS_MAX)
        return kt_node_fail(y, at, err, "more than %u globs in one condition", GLOBS_MAX);
    t->glob = globs(y, s, &t->n);
    to->n++;
    return KT_OK;
}

enum kt_status kt_map_rule(const struct kt_yaml *y, const struct kt_node *at, struct kt_str s,
                           struct map_rule *ret, struct kt_error *err)
{
    struct map_rule r = { .at = kt_yaml_keep(y, TESTS_MAX * sizeof *r.at) };
    for (bool last = false; !last;) {
        ptrdiff_t word = kt_str_find(s, KT_STR(" and "), 0);
        last = word < 0;
        struct kt_str one = last ? s : kt_str_sub(s, 0, (size_t)word);
        if (add_test(y, at, kt_str_trim(one), &r, err) != KT_OK)
            return KT_E_CONFIG;
        if (!last)
            s = kt_str_from_index(s, (size_t)word + 5);
    }
    *ret = r;
    return KT_OK;
}
