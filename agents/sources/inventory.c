/*
 * inventory: what a store says it holds, one secret a line, as the input of the same name writes
 * it -> lines of kind inventory (SOURCES §11). Names and dates, never a value.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event. No I/O, no clock.
 */
#include "agents/source.h"
#include "core/event/keep.h"

static const struct kt_keep keep_root[] = {
    KT_KEEP("store"),
    KT_KEEP("created"),
    KT_KEEP("last_changed"),
    KT_KEEP("last_rotated"),
    KT_KEEP("rotation_enabled"),
    KT_KEEP("rotation_period"),
    KT_KEEP("next_rotation"),
    KT_KEEP("last_accessed"),
    KT_KEEP("expires"),
    KT_KEEP("deleted"),
    KT_KEEP("owner"),
    KT_KEEP("changed_by"),
    KT_KEEP("tags"),
    KT_KEEP("complete"), /* of the mark at the end of a snapshot */
    KT_KEEP("secrets"),
    KT_KEEP("missed"),
    KT_KEEP("problem"),
    KT_DROP("snapshot"),
    KT_DROP("secret"),
    KT_DROP("guess"),
    KT_DROP("native"),
    KT_DROP("version"),
    KT_KEEP_END,
};

static bool is_mark(struct kt_jval root)
{
    return kt_json_type(kt_json_get(root, KT_STR("complete"))) == KT_JSON_BOOL;
}

/* The same line of the same snapshot has the same id, however often it is sent. */
static enum kt_status decode(const struct kt_decode_in *in, struct kt_jval first,
                             struct kt_emit *to, struct kt_error *err)
{
    struct kt_event ev = { .kind = KT_KIND_INVENTORY, .outcome = KT_OUT_SUCCESS };
    struct kt_str snapshot = kt_json_str_at(in->root, "snapshot");
    bool mark = is_mark(in->root);
    (void)first;
    if (kt_time_parse(snapshot, &ev.time, err) != KT_OK)
        return kt_wrap(err, "snapshot");
    ev.secret = kt_json_str_at(in->root, "secret");
    if (!mark && ev.secret.len == 0)
        return kt_fail(err, KT_E_INPUT, "neither 'secret' nor 'complete' is there");
    ev.operation = mark ? KT_STR("inventory.snapshot") : KT_STR("inventory.secret");
    if (mark && !kt_json_bool(kt_json_get(in->root, KT_STR("complete")), false))
        ev.outcome = KT_OUT_FAILURE;
    ev.secret_guess = kt_json_bool(kt_json_get(in->root, KT_STR("guess")), false);
    ev.secret_native = kt_json_str_at(in->root, "native");
    ev.version = kt_json_str_at(in->root, "version");
    ev.scope = in->instance;
    ev.native_id =
        kt_arena_cat3(in->arena, snapshot, KT_STR("/"), mark ? KT_STR("end") : ev.secret);
    kt_kept_whole(in->root, keep_root, in->raw, in->unknown_fields, &ev);
    to->event(to, &ev);
    return KT_OK;
}

static const char *const known_keys[] = {
    "store", "snapshot", "secret", "native", "complete", NULL
};

const struct kt_source kt_source_inventory = {
    .name = "inventory",
    .summary = "What stores say they hold: names, ages, rotation; never values",
    .version = 1,
    .split = KT_SPLIT_LINES,
    .decode = decode,
    .salvage_id = "secret",
    .salvage_action = "store",
    .salvage_time = "snapshot",
    .known_keys = known_keys,
    .lateness = 10 * KT_NS_MIN,
};
