#include "tests/support/input_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "tests/support/vault_lines.h"

static enum kt_status on_line(void *self, const struct kt_line_out *l, struct kt_error *err)
{
    struct input_world *w = self;

    (void)err;
    if (l->event->kind != KT_KIND_ACCESS)
        return KT_OK;
    uint32_t i = kt_map_put(w->ids, l->event->native_id, NULL);
    assert_true(i < INPUT_IDS);
    w->times[i]++;
    w->events++;
    w->unknown += l->event->outcome == KT_OUT_UNKNOWN;
    return KT_OK;
}

static struct kt_pipeline *make_pipeline(void *self)
{
    const struct kt_pipeline_options o = { .source = kt_source_find(KT_STR("vault")),
                                           .instance = KT_STR("v1"),
                                           .cluster = KT_STR("v1"),
                                           .body = KT_JSON_SIMDJSON,
                                           .line = on_line,
                                           .self = self };
    return kt_pipeline_new(&o);
}

static struct kt_str get_position(void *self, struct kt_str key)
{
    struct input_world *w = self;
    uint32_t i = kt_map_get(w->keys, key);
    return i == KT_MAP_NONE ? KT_STR_NONE : kt_str_of(w->values[i]);
}

static void each_position(void *self,
                          void (*each)(void *to, struct kt_str key, struct kt_str value), void *to)
{
    struct input_world *w = self;
    for (uint32_t i = 0; i < kt_map_count(w->keys); i++)
        if (w->values[i][0] != '\0')
            each(to, kt_map_key(w->keys, i), kt_str_of(w->values[i]));
}

static void save_position(void *self, struct kt_str key, struct kt_str value)
{
    struct input_world *w = self;
    uint32_t i = kt_map_put(w->keys, key, NULL);
    assert_true(i < KT_ARRAY_LEN(w->values));
    kt_free(w->values[i]);
    w->values[i] = kt_str_dup(value);
}

void input_world_start(struct input_world *w)
{
    if (w->type->open(&w->env, &w->in, &w->err) != KT_OK)
        fail_msg("open: %s", w->err.text);
}

void input_world_restart(struct input_world *w)
{
    w->type->close(w->in);
    w->in = NULL;
    input_world_start(w);
}

struct input_world *input_world_new(const char *type, const char *path, size_t at_once)
{
    static const char *const folders[] = { "var", "in", "in/day1" };
    struct input_world *w = kt_alloc(sizeof *w);

    w->mem = kt_fs_memory_new();
    w->fs = kt_fs_memory(w->mem);
    for (size_t i = 0; i < KT_ARRAY_LEN(folders); i++)
        assert_int_equal(w->fs.mkdir(w->fs.self, folders[i], 0755, &w->err), KT_OK);
    w->conf = (struct kt_conf_source){ .id = "v1", .type = "vault", .input = type, .path = path };
    w->env = (struct kt_input_env){ .fs = w->fs,
                                    .position = get_position,
                                    .each_position = each_position,
                                    .self = w,
                                    .source = kt_source_find(KT_STR("vault")),
                                    .conf = &w->conf,
                                    .pipeline = make_pipeline };
    w->type = kt_input_find(kt_str_of(type));
    w->at_once = at_once;
    w->ids = kt_map_new(1);
    w->keys = kt_map_new(2);
    w->now = INPUT_START;
    input_world_start(w);
    return w;
}

void input_world_free(struct input_world *w)
{
    w->type->close(w->in);
    for (uint32_t i = 0; i < kt_map_count(w->keys); i++)
        kt_free(w->values[i]);
    kt_map_free(w->keys);
    kt_map_free(w->ids);
    kt_fs_memory_free(w->mem);
    kt_free(w);
}

void input_world_step(struct input_world *w)
{
    bool more = true;
    while (more)
        if (w->type->step(w->in, w->now, w->at_once, &more, &w->err) != KT_OK)
            fail_msg("step: %s", w->err.text);
}

void input_world_keep(struct input_world *w)
{
    w->type->positions(w->in, true, save_position, w);
}

void input_world_run(struct input_world *w, unsigned seconds)
{
    for (unsigned i = 0; i <= seconds; i++) {
        input_world_step(w);
        w->now += KT_NS_S;
    }
    input_world_keep(w);
}

void input_world_append(struct input_world *w, const char *path, struct kt_str text)
{
    struct kt_file *f = NULL;

    assert_int_equal(w->fs.open(w->fs.self, path, KT_OPEN_APPEND, &f, &w->err), KT_OK);
    assert_int_equal(w->fs.append(f, text, &w->err), KT_OK);
    w->fs.close(f);
}

void input_world_pairs(struct kt_buf *b, uint64_t from, uint64_t to)
{
    for (; from < to; from++) {
        vault_request(b, from);
        vault_response(b, from);
    }
}

void input_world_check(struct input_world *w, uint64_t from, uint64_t to, uint32_t times)
{
    for (; from < to; from++) {
        char id[37];
        vault_id(from, id);
        uint32_t i = kt_map_get(w->ids, kt_str_of(id)), n = i == KT_MAP_NONE ? 0 : w->times[i];
        if (n != times)
            fail_msg("record %llu came %u times, not %u", (unsigned long long)from, n, times);
    }
}

struct kt_input_status input_world_status(struct input_world *w)
{
    struct kt_input_status st = { 0 };
    w->type->status(w->in, &st);
    return st;
}
