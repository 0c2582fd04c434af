/*
 * status_reports: what the agents said last about what they do not see, as lines.
 *
 * Owns:  nothing.
 * Calls: core/answer/heard, core/event/json; stdout.
 */
#include "cli/status_reports.h"

#include <stdio.h>

#include "core/base/log.h"
#include "core/event/json.h"

static void print_sentences(struct kt_json *json, struct kt_str instance, const char *mark,
                            struct kt_str sentences)
{
    struct kt_jval root, item;
    struct kt_str name;
    unsigned repaired;

    if (sentences.len == 0 || kt_json_parse(json, sentences, &root, &repaired, NULL) != KT_OK)
        return;
    for (struct kt_json_iter it = kt_json_iter(root); kt_json_next(&it, &name, &item);) {
        KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
        kt_tty_add(&text, instance);
        kt_buf_addz(&text, mark);
        kt_tty_add(&text, kt_json_str(item));
        printf("  %s\n", kt_buf_z(&text));
    }
}

static struct kt_str instance_of(const struct kt_map *names, uint32_t i)
{
    struct kt_str type, instance = kt_map_key(names, i);
    (void)kt_str_split(&instance, '\t', &type);
    return instance;
}

void kt_reports_print(const struct kt_map *names, const struct kt_source_report *reports)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    uint32_t n = kt_map_count(names);
    bool any = false;

    for (uint32_t i = 0; i < n; i++)
        any = any || reports[i].blind.len + reports[i].limits.len > 0;
    if (any)
        printf("\nWhat they do not see, as their agents said last:\n");
    for (uint32_t i = 0; i < n; i++) /* what can be mended comes first */
        print_sentences(json, instance_of(names, i), " ! ", kt_buf_str(&reports[i].blind));
    for (uint32_t i = 0; i < n; i++)
        print_sentences(json, instance_of(names, i), " never: ", kt_buf_str(&reports[i].limits));
    kt_json_free(json);
}
