/*
 * json_jansson: jansson as a body of kt_json. Slower; always there, and the oracle for the other.
 *
 * It reads only mended text (json_mend), where keys are unique and numbers are strings: jansson
 * itself would keep the last of two equal keys and no number's text.
 *
 * Owns:  the last document, whose strings the tree borrows.
 * Calls: json_tree, jansson, core/base (alloc).
 */
#include <jansson.h>

#include "core/base/alloc.h"
#include "core/event/json_tree.h"

struct kt_json_library {
    json_t *root;
};

struct kt_json_library *kt_json_jansson_new(void)
{
    return kt_alloc(sizeof(struct kt_json_library));
}

void kt_json_jansson_free(struct kt_json_library *lib)
{
    if (lib == NULL)
        return;
    json_decref(lib->root);
    kt_free(lib);
}

/* Recurses at most KT_JSON_DEPTH_MAX deep: opening a container counts. */
static bool take(struct kt_json_tree *t, json_t *v);

static bool take_object(struct kt_json_tree *t, json_t *v)
{
    if (!kt_json_tree_open(t, KT_JSON_OBJECT))
        return false;
    for (void *it = json_object_iter(v); it != NULL; it = json_object_iter_next(v, it)) {
        kt_json_tree_key(t, json_object_iter_key(it), json_object_iter_key_len(it));
        if (!take(t, json_object_iter_value(it)))
            return false;
    }
    kt_json_tree_close(t);
    return true;
}

static bool take_array(struct kt_json_tree *t, json_t *v)
{
    if (!kt_json_tree_open(t, KT_JSON_ARRAY))
        return false;
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!take(t, json_array_get(v, i)))
            return false;
    kt_json_tree_close(t);
    return true;
}

static bool take(struct kt_json_tree *t, json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return take_object(t, v);
    case JSON_ARRAY:
        return take_array(t, v);
    case JSON_STRING:
        return kt_json_tree_string(t, json_string_value(v), json_string_length(v));
    case JSON_TRUE:
        return kt_json_tree_add(t, KT_JSON_BOOL, "true", 4);
    case JSON_FALSE:
        return kt_json_tree_add(t, KT_JSON_BOOL, "false", 5);
    case JSON_NULL:
        return kt_json_tree_add(t, KT_JSON_NULL, "null", 4);
    case JSON_INTEGER: /* not in mended text */
    case JSON_REAL:
        break;
    }
    return false;
}

enum kt_status kt_json_jansson_parse(struct kt_json_library *lib, struct kt_str text,
                                     struct kt_json_tree *t, struct kt_error *err)
{
    json_error_t je;
    json_decref(lib->root);
    lib->root = json_loadb(text.at, text.len, 0, &je);
    if (lib->root == NULL)
        return kt_fail(err, KT_E_INPUT, "no JSON: %s", je.text);
    if (!take(t, lib->root))
        return kt_fail(err, KT_E_LIMIT, "JSON: over the limit: %s", t->limit);
    return KT_OK;
}
