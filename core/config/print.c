/*
 * print: scalars, lists and trees as YAML text that reads back to the same.
 *
 * Owns:  nothing.
 * Calls: core/base.
 */
#include <string.h>

#include "core/config/tree.h"

/* Plain where every YAML reader sees a string or the number that was meant. */
static bool is_plain(struct kt_str s)
{
    static const char safe[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-";
    if (s.len == 0 || s.at[0] == '-' || s.at[0] == '.' || kt_str_is(s, "null"))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (memchr(safe, s.at[i], sizeof safe - 1) == NULL)
            return false;
    return true;
}

void kt_yaml_scalar_add(struct kt_buf *b, struct kt_str s)
{
    if (is_plain(s)) {
        kt_buf_add(b, s);
        return;
    }
    kt_buf_byte(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c == '"' || c == '\\')
            kt_buf_byte(b, '\\');
        if (c < 0x20 || c == 0x7F)
            kt_buf_addf(b, "\\x%02x", c);
        else
            kt_buf_byte(b, s.at[i]);
    }
    kt_buf_byte(b, '"');
}

void kt_yaml_list_add(struct kt_buf *b, struct kt_strings list)
{
    kt_buf_byte(b, '[');
    for (unsigned i = 0; i < list.n; i++) {
        kt_buf_addz(b, i > 0 ? ", " : "");
        kt_yaml_scalar_add(b, kt_str_of(list.at[i]));
    }
    kt_buf_byte(b, ']');
}

void kt_node_print(const struct kt_node *n, struct kt_buf *out)
{
    if (n->type == KT_NODE_SCALAR) {
        if (kt_node_is_null(n))
            kt_buf_addz(out, "null");
        else
            kt_yaml_scalar_add(out, n->scalar);
        return;
    }
    bool map = n->type == KT_NODE_MAP;
    kt_buf_addz(out, map ? "{ " : "[");
    for (const struct kt_node *c = n->first; c != NULL; c = c->next) {
        if (map) {
            kt_yaml_scalar_add(out, c->key);
            kt_buf_addz(out, ": ");
        }
        kt_node_print(c, out); /* as deep as the parser let it be */
        kt_buf_addz(out, c->next != NULL ? ", " : map ? " " : "");
    }
    kt_buf_byte(out, map ? '}' : ']');
}

void kt_node_print_members(const struct kt_node *map, unsigned indent, struct kt_buf *out)
{
    for (const struct kt_node *c = map->first; c != NULL; c = c->next) {
        kt_buf_addf(out, "%*s", (int)indent, "");
        kt_yaml_scalar_add(out, c->key);
        kt_buf_addz(out, ": ");
        kt_node_print(c, out);
        kt_buf_byte(out, '\n');
    }
}
