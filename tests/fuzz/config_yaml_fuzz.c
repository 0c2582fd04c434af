/* Any bytes as YAML: the tree keeps its bounds, and what is printed reads back to the same. */
#include <assert.h>
#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/config/tree.h"

struct options {
    bool on;
    uint64_t count, size;
    double ratio;
    kt_time_ns window;
    const char *name, *path;
    struct kt_strings words;
};
#define AT(field) offsetof(struct options, field)
static const struct kt_option table[] = {
    { "on", KT_OPT_BOOL, "true", AT(on), "", false, false },
    { "count", KT_OPT_UINT, "5", AT(count), "", false, false },
    { "size", KT_OPT_SIZE, "1MiB", AT(size), "", false, false },
    { "ratio", KT_OPT_DOUBLE, "0.5", AT(ratio), "", false, false },
    { "window", KT_OPT_DURATION, "10m", AT(window), "", false, false },
    { "name", KT_OPT_STRING, "", AT(name), "", false, false },
    { "path", KT_OPT_PATH, "", AT(path), "", false, false },
    { "words", KT_OPT_LIST, "", AT(words), "", false, false },
    KT_OPTIONS_END,
};

/* libfyaml 0.7.12 forgets a buffer when a quoted scalar is followed by a syntax error; the file is
 * refused and the process ends or goes on with the old one, so it is not ours to mend. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml\n";
}

static void check(const struct kt_node *n, unsigned depth)
{
    assert(depth <= KT_CONFIG_DEPTH_MAX + 1);
    assert(n->line >= 1 && n->column >= 1);
    assert(n->type != KT_NODE_SCALAR || n->scalar.at[n->scalar.len] == '\0');
    for (const struct kt_node *c = n->first; c != NULL; c = c->next)
        check(c, depth + 1);
}

static void print(const struct kt_yaml *y, struct kt_buf *out)
{
    kt_node_print(kt_yaml_root(y), out);
    struct options o;
    struct kt_error err = { 0 };
    if (kt_options_fill(y, kt_yaml_root(y), table, &o, &err) == KT_OK)
        kt_options_print(table, &o, 0, false, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_yaml *y = NULL, *again = NULL;
    struct kt_error err = { 0 };
    kt_hash_init();
    if (kt_yaml_parse(kt_str_from(data, size), "f.yaml", &y, &err) != KT_OK) {
        assert(err.code == KT_E_CONFIG && err.text[0] != '\0');
        return 0;
    }
    check(kt_yaml_root(y), 1);
    struct kt_buf once = { 0 }, twice = { 0 }, filled = { 0 };
    kt_node_print(kt_yaml_root(y), &once);
    print(y, &filled);
    if (once.len <= KT_CONFIG_MAX) { /* printing may be longer than what was read */
        if (kt_yaml_parse(kt_buf_str(&once), "f.yaml", &again, &err) != KT_OK)
            abort();
        kt_node_print(kt_yaml_root(again), &twice);
        assert(kt_str_eq(kt_buf_str(&once), kt_buf_str(&twice)));
    }
    kt_buf_done(&once);
    kt_buf_done(&twice);
    kt_buf_done(&filled);
    kt_yaml_free(again);
    kt_yaml_free(y);
    return 0;
}
