/* texts: copies of strings, one of each, that stay where they are until all are freed together. */
#pragma once
#include "core/base/map.h"
#include "core/base/str.h"

struct kt_texts { /* zeroed: none */
    struct kt_map *numbers;
    char **at; /* by number */
    uint32_t cap;
};
/* The one copy of s; lives until kt_texts_done. */
struct kt_str kt_texts_keep(struct kt_texts *t, struct kt_str s);
void kt_texts_done(struct kt_texts *t);
