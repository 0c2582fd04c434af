/* settings: the raw of config records, a line of input each, as the engine takes them. */
#include "core/base/hash.h"
#include "core/query/settings.h"

/* As in config_yaml_fuzz.c: libfyaml forgets a buffer at a syntax error. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml\n";
}

static void check_state(const struct kt_settings *s)
{
    struct kt_settings again = { .part = 0 };
    struct kt_buf a = { 0 }, b = { 0 };
    kt_settings_save(s, &a);
    struct kt_rd in = kt_rd_of(kt_buf_str(&a));
    if (!kt_settings_load(&again, &in))
        __builtin_trap();
    kt_settings_save(&again, &b);
    if (!kt_str_eq(kt_buf_str(&a), kt_buf_str(&b)))
        __builtin_trap();
    kt_settings_done(&again);
    kt_buf_done(&a);
    kt_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_str rest = kt_str_from((const char *)data, size), line;
    struct kt_settings s = { .part = 0 }, state = { .part = 0 };
    struct kt_rd in = kt_rd_of(rest);
    kt_hash_init();
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    while (rest.len > 0 && kt_str_split(&rest, '\n', &line)) {
        struct kt_jval root;
        unsigned repaired;
        struct kt_conf *conf = NULL;
        struct kt_error err = { 0 };
        if (kt_json_parse(json, line, &root, &repaired, NULL) == KT_OK &&
            kt_settings_take(&s, root) && kt_settings_parse(&s, &conf, &err) == KT_OK)
            kt_conf_free(conf);
        check_state(&s);
    }
    if (kt_settings_load(&state, &in)) {
        struct kt_conf *conf = NULL;
        struct kt_error err = { 0 };
        if (kt_settings_parse(&state, &conf, &err) == KT_OK)
            kt_conf_free(conf);
    }
    kt_settings_done(&state);
    kt_settings_done(&s);
    kt_json_free(json);
    return 0;
}
