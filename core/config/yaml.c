/*
 * yaml: the events of libfyaml -> our tree with marks. The only includer of libfyaml.
 *
 * Owns:  trees and everything that option tables keep beside them.
 * Calls: core/base, core/sys/fs.
 * Holds: a tree has no aliases, tags, merges, duplicate keys or NUL bytes; its size and depth are
 *        bounded. Only libfyaml's event parser runs: it builds no document and expands nothing.
 */
#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/config/tree.h"
#include "core/sys/fs.h"

#define USUAL_MEMBERS 2000u

struct kept {
    struct kept *next;
    void (*drop)(void *p); /* of the pointer that mem holds; NULL: plain bytes */
    _Alignas(16) unsigned char mem[];
};

struct kt_yaml {
    char *name;
    struct kt_str folder; /* of name, with its slash; empty for the current one */
    struct kt_node *root;
    uint8_t digest[32];
    struct kept **kept; /* behind a pointer: fills of a const tree keep strings too */
};

/* ---- memory and errors of a tree ---- */

void *kt_yaml_keep(const struct kt_yaml *y, size_t n)
{
    struct kept *k = kt_alloc(sizeof *k + n);
    k->next = *y->kept;
    *y->kept = k;
    return k->mem;
}

void kt_yaml_own(const struct kt_yaml *y, void *p, void (*drop)(void *p))
{
    void **at = kt_yaml_keep(y, sizeof p);
    *at = p;
    (*y->kept)->drop = drop;
}

const char *kt_yaml_keepz(const struct kt_yaml *y, struct kt_str s)
{
    char *z = kt_yaml_keep(y, s.len + 1);
    kt_str_copyz(z, s.len + 1, s);
    return z;
}

void kt_yaml_free(struct kt_yaml *y)
{
    if (y == NULL)
        return;
    for (struct kept *k = *y->kept, *next; k != NULL; k = next) {
        next = k->next;
        if (k->drop != NULL)
            k->drop(*(void **)(void *)k->mem);
        kt_free(k);
    }
    kt_free(y->kept);
    kt_free(y->name);
    kt_free(y);
}

static enum kt_status fail_at(const struct kt_yaml *y, unsigned line, unsigned column,
                              struct kt_error *err, const char *fmt, va_list ap) KT_PRINTF(5, 0);
static enum kt_status fail_at(const struct kt_yaml *y, unsigned line, unsigned column,
                              struct kt_error *err, const char *fmt, va_list ap)
{
    char text[sizeof err->text];
    (void)vsnprintf(text, sizeof text, fmt, ap);
    return kt_fail(err, KT_E_CONFIG, "%s:%u:%u: %s", y->name, line, column, text);
}

enum kt_status kt_node_fail(const struct kt_yaml *y, const struct kt_node *n, struct kt_error *err,
                            const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    enum kt_status st = fail_at(y, n->line, n->column, err, fmt, ap);
    va_end(ap);
    return st;
}

enum kt_status kt_key_fail(const struct kt_yaml *y, const struct kt_node *n, struct kt_error *err,
                           const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    enum kt_status st = fail_at(y, n->key_line, n->key_column, err, fmt, ap);
    va_end(ap);
    return st;
}

/* ---- questions ---- */

const struct kt_node *kt_yaml_root(const struct kt_yaml *y)
{
    return y->root;
}

const char *kt_yaml_name(const struct kt_yaml *y)
{
    return y->name;
}

const uint8_t *kt_yaml_digest(const struct kt_yaml *y)
{
    return y->digest;
}

const struct kt_node *kt_node_get(const struct kt_node *map, const char *key)
{
    if (map == NULL || map->type != KT_NODE_MAP)
        return NULL;
    for (const struct kt_node *n = map->first; n != NULL; n = n->next)
        if (kt_str_is(n->key, key))
            return n;
    return NULL;
}

bool kt_node_is_null(const struct kt_node *n)
{
    return n->type == KT_NODE_SCALAR && !n->quoted &&
           (n->scalar.len == 0 || kt_str_is(n->scalar, "~") || kt_str_is(n->scalar, "null"));
}

unsigned kt_node_count(const struct kt_node *n)
{
    unsigned count = 0;
    for (const struct kt_node *c = n->first; c != NULL; c = c->next)
        count++;
    return count;
}

static bool listed(const char *const *keys, struct kt_str key)
{
    for (; *keys != NULL; keys++)
        if (kt_str_is(key, *keys))
            return true;
    return false;
}

static const struct kt_node *filtered(const struct kt_yaml *y, const struct kt_node *map,
                                      const char *const *keys, bool keep_listed)
{
    struct kt_node *copy = kt_yaml_keep(y, sizeof *copy);
    *copy = *map;
    copy->type = KT_NODE_MAP;
    copy->next = copy->first = NULL;
    struct kt_node **end = &copy->first;
    for (const struct kt_node *n = map->first; n != NULL; n = n->next) {
        if (listed(keys, n->key) != keep_listed)
            continue;
        *end = kt_yaml_keep(y, sizeof **end);
        **end = *n;
        (*end)->next = NULL;
        end = &(*end)->next;
    }
    return copy;
}

const struct kt_node *kt_node_without(const struct kt_yaml *y, const struct kt_node *map,
                                      const char *const *keys)
{
    return filtered(y, map, keys, false);
}

const struct kt_node *kt_node_only(const struct kt_yaml *y, const struct kt_node *map,
                                   const char *const *keys)
{
    return filtered(y, map, keys, true);
}

enum kt_status kt_node_expect(const struct kt_yaml *y, const struct kt_node *n,
                              enum kt_node_type type, struct kt_error *err)
{
    static const char *const words[] = {
        [KT_NODE_SCALAR] = "one value",
        [KT_NODE_LIST] = "a list",
        [KT_NODE_MAP] = "keys with values",
    };
    if (n->type == type)
        return KT_OK;
    bool keyed = n->key.len > 0;
    return kt_node_fail(y, n, err, "%s" KT_STR_FMT "%s %s, not %s", keyed ? "'" : "",
                        KT_STR_ARG(n->key), keyed ? "' takes" : "here goes", words[type],
                        words[n->type]);
}

/* ---- building ---- */

struct builder {
    struct kt_yaml *y;
    struct kt_node *open[KT_CONFIG_DEPTH_MAX]; /* lists and maps around the next node */
    struct kt_node **end[KT_CONFIG_DEPTH_MAX]; /* where their next child goes */
    unsigned members[KT_CONFIG_DEPTH_MAX];
    unsigned depth, members_max;
    bool have_key;
    struct kt_str key;
    unsigned key_line, key_column;
    unsigned line, column; /* of the event at hand */
    unsigned above;        /* lines of the file above the text */
    struct kt_error *err;
};

static enum kt_status refuse(struct builder *b, const char *fmt, ...) KT_PRINTF(2, 3);
static enum kt_status refuse(struct builder *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    enum kt_status st = fail_at(b->y, b->line, b->column, b->err, fmt, ap);
    va_end(ap);
    return st;
}

static bool wants_key(const struct builder *b)
{
    return b->depth > 0 && b->open[b->depth - 1]->type == KT_NODE_MAP && !b->have_key;
}

static enum kt_status take_key(struct builder *b, struct kt_str key, bool plain)
{
    const struct kt_node *map = b->open[b->depth - 1];
    if (plain && kt_str_is(key, "<<"))
        return refuse(b, "merge keys (<<) are not supported: write the keys out");
    if (key.len == 0 || key.len > KT_KEY_MAX)
        return refuse(b, "a key has 1 to %u bytes", KT_KEY_MAX);
    for (const struct kt_node *n = map->first; n != NULL; n = n->next)
        if (kt_str_eq(n->key, key))
            return refuse(b, "key '" KT_STR_FMT "' is here for the second time (first in line %u)",
                          KT_STR_ARG(key), n->key_line);
    b->key = key;
    b->key_line = b->line;
    b->key_column = b->column;
    b->have_key = true;
    return KT_OK;
}

/* Hangs n below the open node, or makes it the root. */
static enum kt_status attach(struct builder *b, struct kt_node *n)
{
    n->line = b->line;
    n->column = b->column;
    if (b->depth == 0) {
        b->y->root = n;
        return KT_OK;
    }
    unsigned top = b->depth - 1;
    if (++b->members[top] > b->members_max)
        return refuse(b, "more than %u entries in one place", b->members_max);
    if (b->have_key) {
        n->key = b->key;
        n->key_line = b->key_line;
        n->key_column = b->key_column;
        b->have_key = false;
    } else { /* of a list: its errors point at the element */
        n->key_line = n->line;
        n->key_column = n->column;
    }
    *b->end[top] = n;
    b->end[top] = &n->next;
    return KT_OK;
}

static enum kt_status on_scalar(struct builder *b, struct fy_token *token)
{
    size_t len = 0;
    const char *at = token != NULL ? fy_token_get_text(token, &len) : NULL;
    struct kt_str text = { at, at != NULL ? len : 0 };
    bool plain = token == NULL || fy_token_scalar_style(token) == FYSS_PLAIN;
    if (kt_str_find_byte(text, '\0', 0) >= 0)
        return refuse(b, "a NUL byte has no place here");
    struct kt_str copy = { kt_yaml_keepz(b->y, text), text.len };
    if (wants_key(b))
        return take_key(b, copy, plain);
    struct kt_node *n = kt_yaml_keep(b->y, sizeof *n);
    n->type = KT_NODE_SCALAR;
    n->scalar = copy;
    n->quoted = !plain;
    return attach(b, n);
}

static enum kt_status on_open(struct builder *b, enum kt_node_type type)
{
    if (wants_key(b))
        return refuse(b, "a key is a plain word, not a list or map");
    if (b->depth == KT_CONFIG_DEPTH_MAX)
        return refuse(b, "nested deeper than %u", KT_CONFIG_DEPTH_MAX);
    struct kt_node *n = kt_yaml_keep(b->y, sizeof *n);
    n->type = type;
    if (attach(b, n) != KT_OK)
        return KT_E_CONFIG;
    b->open[b->depth] = n;
    b->end[b->depth] = &n->first;
    b->members[b->depth] = 0;
    b->depth++;
    return KT_OK;
}

/* libfyaml marks the first letter behind a quote or a star; people count from those. */
static bool is_behind_its_start(struct fy_event *ev)
{
    if (ev->type != FYET_SCALAR || ev->scalar.value == NULL)
        return ev->type == FYET_ALIAS;
    enum fy_scalar_style style = fy_token_scalar_style(ev->scalar.value);
    return style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
}

static void take_mark(struct builder *b, struct fy_event *ev)
{
    const struct fy_mark *mark = fy_event_start_mark(ev);
    if (mark == NULL)
        return;
    b->line = b->above + (unsigned)mark->line + 1;
    b->column = (unsigned)mark->column + 1;
    if (b->column > 1 && is_behind_its_start(ev))
        b->column--;
}

static enum kt_status plain_only(struct builder *b, const struct fy_token *anchor,
                                 const struct fy_token *tag)
{
    if (anchor != NULL)
        return refuse(b, "anchors (&) and aliases (*) are not supported");
    if (tag != NULL)
        return refuse(b, "tags (!) are not supported");
    return KT_OK;
}

static enum kt_status on_event(struct builder *b, struct fy_event *ev)
{
    take_mark(b, ev);
    switch (ev->type) {
    case FYET_ALIAS:
        return refuse(b, "aliases (*) are not supported: write the value out");
    case FYET_SCALAR:
        if (plain_only(b, ev->scalar.anchor, ev->scalar.tag) != KT_OK)
            return KT_E_CONFIG;
        return on_scalar(b, ev->scalar.value);
    case FYET_SEQUENCE_START:
        if (plain_only(b, ev->sequence_start.anchor, ev->sequence_start.tag) != KT_OK)
            return KT_E_CONFIG;
        return on_open(b, KT_NODE_LIST);
    case FYET_MAPPING_START:
        if (plain_only(b, ev->mapping_start.anchor, ev->mapping_start.tag) != KT_OK)
            return KT_E_CONFIG;
        return on_open(b, KT_NODE_MAP);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        b->depth--;
        return KT_OK;
    case FYET_DOCUMENT_START:
        return b->y->root != NULL ? refuse(b, "a second document (---) is not read") : KT_OK;
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END:
        return KT_OK;
    }
    return refuse(b, "this is not in the subset of YAML that is read here");
}

/* What the parser itself had to say. */
static enum kt_status syntax_error(struct builder *b, struct fy_diag *diag)
{
    void *walk = NULL;
    const struct fy_diag_error *e = fy_diag_errors_iterate(diag, &walk);
    if (e != NULL && e->line > 0) {
        b->line = b->above + (unsigned)e->line;
        b->column = e->column > 0 ? (unsigned)e->column : 1;
    }
    return refuse(b, "%s", e != NULL && e->msg != NULL ? e->msg : "not YAML");
}

static enum kt_status parse(struct builder *b, struct kt_str text)
{
    struct fy_diag_cfg quiet;
    fy_diag_cfg_default(&quiet);
    quiet.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&quiet);
    fy_diag_set_collect_errors(diag, true);
    const struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET | FYPCF_JSON_NONE, .diag = diag };
    struct fy_parser *parser = fy_parser_create(&cfg);
    enum kt_status st = KT_OK;
    if (parser == NULL || fy_parser_set_string(parser, text.at, text.len) != 0)
        st = refuse(b, "the YAML parser did not start");
    while (st == KT_OK) {
        struct fy_event *ev = fy_parser_parse(parser);
        if (ev == NULL) {
            if (fy_parser_get_stream_error(parser))
                st = syntax_error(b, diag);
            break;
        }
        st = on_event(b, ev);
        fy_parser_event_free(parser, ev);
    }
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    return st;
}

static bool is_text(struct kt_str line)
{
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.at[i];
        if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7F)
            return false;
    }
    return kt_utf8_valid(line);
}

/* Line of the first byte that is no text: libfyaml never sees it, and no error repeats it. */
static bool find_garbage(struct kt_str text, unsigned *ret_line)
{
    struct kt_str rest = text, line;
    for (*ret_line = 1; kt_str_split(&rest, '\n', &line); ++*ret_line)
        if (!is_text(line))
            return true;
    return false;
}

static size_t bytes_max(const struct kt_yaml_bounds *bounds)
{
    return bounds->bytes > 0 ? bounds->bytes : KT_CONFIG_MAX;
}

enum kt_status kt_yaml_parse_within(const struct kt_yaml_bounds *bounds, struct kt_str text,
                                    const char *name, struct kt_yaml **ret, struct kt_error *err)
{
    struct kt_yaml *y = kt_alloc(sizeof *y);
    y->kept = kt_alloc(sizeof(struct kept *));
    y->name = kt_strdup(name);
    ptrdiff_t slash = kt_str_rfind_byte(kt_str_of(y->name), '/');
    y->folder = kt_str_sub(kt_str_of(y->name), 0, (size_t)(slash + 1));
    kt_sha256_of(&text, 1, y->digest);
    struct builder b = { .y = y,
                         .members_max = bounds->members > 0 ? bounds->members : USUAL_MEMBERS,
                         .line = bounds->above + 1,
                         .column = 1,
                         .above = bounds->above,
                         .err = err };
    enum kt_status st = KT_OK;
    unsigned garbage = 0;
    if (text.len > bytes_max(bounds)) {
        st = refuse(&b, "longer than %zu bytes", bytes_max(bounds));
    } else if (find_garbage(text, &garbage)) {
        b.line = bounds->above + garbage;
        st = refuse(&b, "this line is not plain UTF-8 text");
    } else if (kt_str_trim(text).len > 0) {
        st = parse(&b, text);
    }
    if (st == KT_OK && (y->root == NULL || kt_node_is_null(y->root))) {
        y->root = kt_yaml_keep(y, sizeof *y->root);
        *y->root = (struct kt_node){ .type = KT_NODE_MAP, .line = bounds->above + 1, .column = 1 };
    }
    if (st != KT_OK) {
        kt_yaml_free(y);
        return st;
    }
    *ret = y;
    return KT_OK;
}

enum kt_status kt_yaml_parse(struct kt_str text, const char *name, struct kt_yaml **ret,
                             struct kt_error *err)
{
    return kt_yaml_parse_within(&(struct kt_yaml_bounds){ 0 }, text, name, ret, err);
}

/* next: what a person does where there is no such file. */
static enum kt_status load(const struct kt_yaml_bounds *bounds, const char *path, const char *next,
                           struct kt_yaml **ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_stat stat;
    enum kt_status st = kt_fs_real.stat(kt_fs_real.self, path, &stat, err);
    if (st == KT_OK && (stat.mode & 0002) != 0)
        return kt_fail(err, KT_E_CONFIG, "'%s' can be written by anybody: chmod o-w '%s'", path,
                       path);
    if (st == KT_OK)
        st = kt_fs_read_all(path, bytes_max(bounds), &text, err);
    if (st == KT_E_AGAIN || st == KT_E_LIMIT) {
        return st == KT_E_LIMIT ? kt_fail(err, KT_E_CONFIG, "'%s' is longer than %zu bytes", path,
                                          bytes_max(bounds))
                                : kt_fail(err, KT_E_CONFIG, "there is no file '%s'%s", path, next);
    }
    if (st != KT_OK)
        return st;
    return kt_yaml_parse_within(bounds, kt_buf_str(&text), path, ret, err);
}

enum kt_status kt_yaml_load_within(const struct kt_yaml_bounds *bounds, const char *path,
                                   struct kt_yaml **ret, struct kt_error *err)
{
    return load(bounds, path, "", ret, err);
}

enum kt_status kt_yaml_load(const char *path, struct kt_yaml **ret, struct kt_error *err)
{
    return load(&(struct kt_yaml_bounds){ 0 }, path,
                ": keytrail init DIR writes one, -c FILE names another", ret, err);
}

/* ---- paths ---- */

enum kt_status kt_yaml_path(const struct kt_yaml *y, struct kt_str s, const char **ret,
                            struct kt_error *err)
{
    static const struct kt_str variable = KT_STR_INIT("${CREDENTIALS_DIRECTORY}");
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
    if (s.len == 0)
        return kt_fail(err, KT_E_CONFIG, "the path is empty");
    if (kt_str_starts(s, variable)) {
        const char *folder = getenv("CREDENTIALS_DIRECTORY");
        if (folder == NULL || folder[0] == '\0')
            return kt_fail(err, KT_E_CONFIG,
                           "CREDENTIALS_DIRECTORY is not set: systemd sets it for units with "
                           "LoadCredential=");
        kt_buf_addz(&path, folder);
        s = kt_str_from_index(s, variable.len);
    } else if (kt_str_has(s, KT_STR("${"))) {
        return kt_fail(err, KT_E_CONFIG, "only ${CREDENTIALS_DIRECTORY} is expanded");
    } else if (!kt_str_starts(s, KT_STR("/"))) {
        kt_buf_add(&path, y->folder);
    }
    kt_buf_add(&path, s);
    *ret = kt_yaml_keepz(y, kt_buf_str(&path));
    return KT_OK;
}
