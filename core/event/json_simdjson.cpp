/*
 * json_simdjson: simdjson's DOM as a body of kt_json; the only C++ of the tree.
 *
 * The DOM parser checks the whole document and leaves a tape of values and the places of all
 * structural bytes. Both are walked side by side once, so that numbers keep their own text.
 * On-Demand is not used: it accepts broken fields that it skips.
 *
 * Owns:  the parser, its padded copy of the text.
 * Calls: json_tree, simdjson. Throws nothing: simdjson is asked for error codes.
 */
#include <simdjson.h>

#include <new>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" // json.h: a function and a struct of one name
#include "core/event/json_tree.h"
#pragma GCC diagnostic pop

struct kt_json_library {
    simdjson::dom::parser parser;
    char *text;
    size_t cap;
};

namespace
{

using simdjson::internal::tape_type;

constexpr size_t parser_depth = KT_JSON_DEPTH_MAX + 2; // so that our own rule speaks first

// A valid document has one structural byte for each value, key, end of a container, colon and
// comma: so their number alone tells where the value at hand is written.
struct walk {
    const char *text;
    const uint64_t *tape;
    const uint8_t *strings;
    const uint32_t *places;
    size_t place; // of the value at hand

    kt_str string(uint64_t word) const
    {
        const uint8_t *at = strings + (word & simdjson::internal::JSON_VALUE_MASK);
        uint32_t len;
        memcpy(&len, at, sizeof len);
        return kt_str{ reinterpret_cast<const char *>(at + sizeof len), len };
    }
    // The text is valid and padded, so a number ends at the first byte that cannot be of one.
    kt_str number() const
    {
        const char *at = text + places[place];
        size_t n = 1;
        while ((at[n] >= '0' && at[n] <= '9') || at[n] == '.' || at[n] == '+' || at[n] == '-' ||
               at[n] == 'e' || at[n] == 'E')
            n++;
        return kt_str{ at, n };
    }
};

tape_type type_of(uint64_t word)
{
    return static_cast<tape_type>(word >> 56);
}

// The value that word stands for, whose rest is at tape[i]; moves i behind that. False when a bound
// was hit.
bool take(const walk &w, kt_json_tree *t, uint64_t word, size_t *i)
{
    switch (type_of(word)) {
    case tape_type::START_OBJECT:
        return kt_json_tree_open(t, KT_JSON_OBJECT);
    case tape_type::START_ARRAY:
        return kt_json_tree_open(t, KT_JSON_ARRAY);
    case tape_type::STRING: {
        kt_str s = w.string(word);
        return kt_json_tree_string(t, s.at, s.len);
    }
    case tape_type::INT64:
    case tape_type::UINT64:
    case tape_type::DOUBLE: {
        (*i)++; // the value, which is not used: its text is
        kt_str s = w.number();
        return kt_json_tree_add(t, KT_JSON_NUMBER, s.at, s.len);
    }
    case tape_type::TRUE_VALUE:
        return kt_json_tree_add(t, KT_JSON_BOOL, "true", 4);
    case tape_type::FALSE_VALUE:
        return kt_json_tree_add(t, KT_JSON_BOOL, "false", 5);
    case tape_type::NULL_VALUE:
        return kt_json_tree_add(t, KT_JSON_NULL, "null", 4);
    case tape_type::END_OBJECT:
    case tape_type::END_ARRAY:
    case tape_type::ROOT:
        break;
    }
    return false;
}

bool build(const kt_json_library *lib, kt_json_tree *t)
{
    walk w = { lib->text, lib->parser.doc.tape.get(), lib->parser.doc.string_buf.get(),
               lib->parser.implementation->structural_indexes.get(), 0 };
    size_t i = 1; // behind the root word; the root is a container
    do {
        const kt_json_node *parent = t->parent;
        const bool object = parent->type == KT_JSON_OBJECT;
        uint64_t word = w.tape[i++];
        if (type_of(word) == (object ? tape_type::END_OBJECT : tape_type::END_ARRAY)) {
            kt_json_tree_close(t);
            w.place++;
            continue;
        }
        w.place += parent->len > 0; // the comma in front of it
        if (object) {
            kt_str key = w.string(word);
            kt_json_tree_key(t, key.at, key.len);
            w.place += 2; // and its colon
            word = w.tape[i++];
        }
        if (!take(w, t, word, &i))
            return false;
        w.place++;
    } while (t->depth > 0);
    return true;
}

// A copy with the padding that simdjson reads beyond the text.
void keep(kt_json_library *lib, kt_str text)
{
    if (text.len + simdjson::SIMDJSON_PADDING > lib->cap) {
        lib->cap = text.len + text.len / 2 + simdjson::SIMDJSON_PADDING;
        delete[] lib->text;
        lib->text = new char[lib->cap];
    }
    if (text.len > 0)
        memcpy(lib->text, text.at, text.len);
    memset(lib->text + text.len, ' ', simdjson::SIMDJSON_PADDING);
}

} // namespace

kt_json_library *kt_json_simdjson_new(void)
{
    return new kt_json_library();
}

void kt_json_simdjson_free(kt_json_library *lib)
{
    if (lib == nullptr)
        return;
    delete[] lib->text;
    delete lib;
}

kt_status kt_json_simdjson_parse(kt_json_library *lib, kt_str text, kt_json_tree *t, kt_error *err)
{
    keep(lib, text);
    simdjson::error_code code = simdjson::SUCCESS;
    if (text.len > lib->parser.capacity() || lib->parser.capacity() == 0)
        code = lib->parser.allocate(4096 + text.len + text.len / 2, parser_depth);
    simdjson::dom::element root;
    if (code == simdjson::SUCCESS)
        code = lib->parser.parse(lib->text, text.len, false).get(root);
    if (code != simdjson::SUCCESS)
        return kt_fail(err, KT_E_INPUT, "no JSON: %s", simdjson::error_message(code));
    if (!root.is_object() && !root.is_array())
        return kt_fail(err, KT_E_INPUT, "no JSON object or array");
    if (!build(lib, t))
        return kt_fail(err, KT_E_LIMIT, "JSON: over the limit: %s", t->limit);
    return KT_OK;
}

bool kt_utf8_valid_fast(kt_str s)
{
    return simdjson::validate_utf8(s.at, s.len);
}
