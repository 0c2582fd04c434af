/* json_pair: one text read by json_plain and by simdjson, and whether both built one tree. */
#pragma once
#include "core/event/json_tree.h"

struct json_pair {
    struct kt_json_plain plain;
    struct kt_json_library *simdjson;
    struct kt_json_tree by_plain, by_simdjson;
};
void json_pair_open(struct json_pair *p);
void json_pair_done(struct json_pair *p);
/* False when json_plain took a text that simdjson refuses, or of which it builds another tree.
 * *ret_taken: it took it. */
bool json_pair_agrees(struct json_pair *p, struct kt_str text, bool *ret_taken);
