/*
 * log_keys: see the header; and `keytrail collector keygen`.
 *
 * Owns:  the key file it makes; never overwrites one.
 * Calls: core/config (log keys), core/proof (vkeys), core/store/read (a log that is there); stdout.
 */
#include "cli/log_keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/proof/note.h"
#include "core/store/read.h"

enum kt_status kt_log_key_make(const char *path, uint8_t ret_public[32], struct kt_error *err)
{
    struct kt_log_keys keys = { .n = 1 };
    kt_random(keys.seed[0], sizeof keys.seed[0]);
    kt_sign_public(keys.seed[0], ret_public);
    enum kt_status st = kt_log_keys_write(path, &keys, false, err);
    kt_wipe(&keys, sizeof keys);
    return st;
}

const char *kt_log_fingerprint(const uint8_t public_key[32], char buf[KT_FINGERPRINT])
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    uint8_t hash[32];
    const struct kt_str part = kt_str_from(public_key, 32);
    kt_sha256_of(&part, 1, hash);
    kt_base64_add(&b, kt_str_from(hash, sizeof hash));
    (void)snprintf(buf, KT_FINGERPRINT, "SHA256:%.43s", kt_buf_z(&b)); /* without its padding */
    return buf;
}

void kt_log_keys_print(struct kt_str vkeys)
{
    struct kt_str line;
    while (kt_str_split(&vkeys, '\n', &line) && line.len > 0) {
        struct kt_note_key key;
        char print[KT_FINGERPRINT];
        if (kt_note_key_read(line, &key, NULL) == KT_OK)
            printf("log key    " KT_STR_FMT "\n           %s\n", KT_STR_ARG(line),
                   kt_log_fingerprint(key.public_key, print));
    }
}

/* ---- keygen ---- */

/* The name of a log's key is the log's; without a store there is none yet. */
static void print_vkey(const struct kt_conf *conf, const uint8_t public_key[32])
{
    KT_CLEANUP(kt_buf_done) struct kt_buf origin = { 0 }, vkey = { 0 };
    struct kt_note_key key = { .type = KT_NOTE_LOG };
    struct kt_store_stats stats;
    struct kt_reader *r = NULL;
    char print[KT_FINGERPRINT];
    memcpy(key.public_key, public_key, sizeof key.public_key);
    if (kt_reader_open(conf->store_path, &r, NULL) == KT_OK &&
        kt_reader_stats(r, &stats, NULL) == KT_OK) {
        kt_note_origin(stats.log_id, &origin);
        kt_str_copyz(key.name, sizeof key.name, kt_buf_str(&origin));
        kt_note_key_write(&key, &vkey);
        kt_buf_byte(&vkey, '\n');
        kt_log_keys_print(kt_buf_str(&vkey));
    } else {
        kt_base64_add(&vkey, kt_str_from(public_key, 32));
        printf("public key %s\n           %s\n", kt_buf_z(&vkey),
               kt_log_fingerprint(public_key, print));
        printf("its whole text, for agents and auditors, is in %s.vkey once the collector runs\n",
               conf->store_path);
    }
    kt_reader_close(r);
}

int kt_cmd_collector_keygen(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "collector keygen",
        "-c CONFIG",
        "make the key that signs the log's checkpoints",
        "keytrail collector keygen -c /etc/keytrail/keytrail.yaml",
        NULL,
        NULL
    };
    const char *config = NULL;
    const struct kt_flag flags[] = {
        { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration: collector.log_key_file", &config,
          NULL },
        { 0 },
    };
    struct kt_error err = { 0 };
    struct kt_conf *conf = NULL;
    uint8_t public_key[32];
    int code;
    if (!kt_flags_just(&cmd, flags, argc, argv, 0, &code))
        return code;
    if (config == NULL)
        return kt_flags_usage(&cmd);
    enum kt_status st = kt_conf_load(config, &conf, &err);
    if (st == KT_OK)
        st = kt_log_key_make(conf->log_key_file, public_key, &err);
    if (st == KT_OK) {
        printf("written    %s (0600)\n", conf->log_key_file);
        print_vkey(conf, public_key);
        printf("keep a copy of the key file in a safe place, apart from backups of the store; a "
               "running\ncollector that has no key takes it up within a minute; one that has goes "
               "on with its own:\nkeytrail store rotate-log-key exchanges keys\n");
    }
    kt_conf_free(conf);
    return st == KT_OK ? KT_EXIT_OK : kt_cli_fail("collector keygen", &err);
}
