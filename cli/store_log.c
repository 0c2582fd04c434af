/*
 * store_log: `keytrail store new-log` and `rotate-log-key`: what people decide about the log
 * itself.
 *
 * Owns:  the key file while a key is exchanged.
 * Calls: the control socket (the one writer), core/config (log keys); stdout.
 */
#include <stdio.h>
#include <string.h>

#include "cli/log_keys.h"
#include "cli/store_cmd.h"
#include "core/base/hash.h"
#include "core/event/json.h"
#include "core/event/line.h"

static int usage(const char *word)
{
    fprintf(stderr, "keytrail store %s needs -c CONFIG and --reason\n", word);
    return KT_EXIT_USAGE;
}

static enum kt_status ask(const struct kt_store_args *a, const char *what, struct kt_buf *answer,
                          struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 };
    kt_buf_addf(&request, "{\"do\":\"%s\",\"by\":", what);
    kt_json_quote(&request, kt_str_of(kt_cli_who(a->by)));
    kt_buf_addz(&request, ",\"reason\":");
    kt_json_quote(&request, kt_str_of(a->reason));
    kt_buf_addz(&request, "}");
    return kt_cli_ask(a->server, a->config, kt_buf_str(&request), answer, err);
}

/* ---- new-log ---- */

static void print_new_log(struct kt_str answer)
{
    struct kt_json *json = kt_json_new(KT_JSON_JANSSON);
    struct kt_jval root;
    unsigned repaired;
    int64_t records = 0, was_signed = 0;
    char a[KT_COUNT_TEXT], b[KT_COUNT_TEXT];
    if (kt_json_parse(json, answer, &root, &repaired, NULL) == KT_OK) {
        struct kt_str log = kt_json_str_at(root, "log");
        (void)kt_json_i64(kt_json_at(root, "records"), &records);
        (void)kt_json_i64(kt_json_at(root, "signed"), &was_signed);
        printf("the log goes on as " KT_STR_FMT
               " with %s records; %s had been signed under the old "
               "id\n",
               KT_STR_ARG(log), kt_count_text((uint64_t)records, a),
               kt_count_text((uint64_t)was_signed, b));
        printf("it is in the log, and a gap in coverage. next:\n"
               "  on every agent's host: keytrail-agent accept-log --reason TEXT\n"
               "  keytrail backup into a new file: the old one is of the old log, and evidence\n");
    }
    kt_json_free(json);
}

int kt_store_new_log(struct kt_store_args *a)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    struct kt_error err = { 0 };
    if (a->reason == NULL)
        return usage("new-log");
    if (ask(a, "new-log", &answer, &err) != KT_OK)
        return kt_cli_fail("store new-log", &err);
    if (a->how == KT_OUT_TABLE)
        print_new_log(kt_buf_str(&answer));
    else
        fputs(kt_buf_z(&answer), stdout);
    return KT_EXIT_OK;
}

/* ---- rotate-log-key ---- */

/* What the key file becomes. Asked again after a failure, it is as it should be already. */
static enum kt_status exchange(const char *path, bool finish, struct kt_error *err)
{
    struct kt_log_keys k = { 0 };
    enum kt_status st = kt_log_keys_read(path, &k, err);
    if (st == KT_E_AGAIN)
        st = kt_fail(err, KT_E_CONFIG, "there is no log key '%s': keytrail collector keygen", path);
    if (st != KT_OK || (finish ? k.n < 2 : k.n == KT_LOG_SEEDS)) {
        kt_wipe(&k, sizeof k);
        return st;
    }
    if (finish) {
        memcpy(k.seed[0], k.seed[1], sizeof k.seed[0]);
        kt_wipe(k.seed[1], sizeof k.seed[1]);
        k.n = 1;
    } else {
        kt_random(k.seed[k.n++], sizeof k.seed[0]);
    }
    st = kt_log_keys_write(path, &k, true, err);
    kt_wipe(&k, sizeof k);
    return st;
}

static void print_keys(struct kt_str answer, const struct kt_store_args *a)
{
    struct kt_json *json = kt_json_new(KT_JSON_JANSSON);
    KT_CLEANUP(kt_buf_done) struct kt_buf vkeys = { 0 };
    struct kt_jval root, key;
    unsigned repaired;
    if (kt_json_parse(json, answer, &root, &repaired, NULL) == KT_OK) {
        struct kt_json_iter it = kt_json_iter(kt_json_at(root, "keys"));
        while (kt_json_next(&it, NULL, &key)) {
            kt_buf_add(&vkeys, kt_json_str(key));
            kt_buf_byte(&vkeys, '\n');
        }
        kt_log_keys_print(kt_buf_str(&vkeys));
        if (a->finish)
            printf("the new key signs alone; it is in the log\n");
        else
            printf("both keys sign from now on, the new one vouched for by the old, in the log. "
                   "When every agent\nand auditor has seen it (a week is usual):\n"
                   "  keytrail store rotate-log-key -c %s --reason WHY --finish\n",
                   a->config);
    }
    kt_json_free(json);
}

int kt_store_rotate_log_key(struct kt_store_args *a)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    struct kt_error err = { 0 };
    struct kt_conf *conf = NULL;
    if (a->reason == NULL || a->config == NULL)
        return usage("rotate-log-key");
    enum kt_status st = kt_conf_load(a->config, &conf, &err);
    if (st == KT_OK)
        st = exchange(conf->log_key_file, a->finish, &err);
    kt_conf_free(conf);
    if (st == KT_OK && ask(a, "log-key", &answer, &err) != KT_OK)
        st = kt_wrap(&err, "the key file is written, but the collector was not told; once more "
                           "when it runs");
    if (st != KT_OK)
        return kt_cli_fail("store rotate-log-key", &err);
    if (a->how == KT_OUT_TABLE)
        print_keys(kt_buf_str(&answer), a);
    else
        fputs(kt_buf_z(&answer), stdout);
    return KT_EXIT_OK;
}
