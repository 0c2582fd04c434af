/*
 * report_keygen: `keytrail report keygen FILE`: a key pair in minisign's form.
 *
 * Owns:  nothing.
 * Calls: core/proof/minisign, core/sys (fs, rng); stdout, stderr.
 */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/report_cmd.h"
#include "core/base/hash.h"
#include "core/proof/minisign.h"
#include "core/sys/fs.h"
#include "core/sys/rng.h"

static enum kt_status refuse_old(const char *path, struct kt_error *err)
{
    struct kt_stat st;
    enum kt_status status = kt_fs_real.stat(kt_fs_real.self, path, &st, err);
    if (status == KT_OK)
        return kt_fail(err, KT_E_INPUT, "'%s' is there already: a key is never written over", path);
    return status == KT_E_AGAIN ? KT_OK : status;
}

static enum kt_status write_pair(const char *path, const char *public_path, struct kt_buf *ret_text,
                                 struct kt_error *err)
{
    struct kt_minisign_secret key;
    struct kt_buf secret = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf open = { 0 };
    uint8_t random[40];
    if (refuse_old(path, err) != KT_OK || refuse_old(public_path, err) != KT_OK)
        return err->code;
    kt_rng_real.fill(kt_rng_real.self, random, sizeof random);
    kt_minisign_make(random, &key);
    kt_minisign_secret_write(&key, &secret);
    kt_minisign_public_write(&key.open, &open);
    kt_minisign_public_text(&key.open, ret_text);
    enum kt_status status = kt_fs_write_atomic(path, kt_buf_str(&secret), 0600, err);
    if (status == KT_OK)
        status = kt_fs_write_atomic(public_path, kt_buf_str(&open), 0644, err);
    if (status != KT_OK) /* half a pair would be in the way of the next try */
        (void)!kt_fs_real.unlink(kt_fs_real.self, path, NULL);
    kt_wipe(secret.at, secret.len);
    kt_wipe(&key, sizeof key);
    kt_wipe(random, sizeof random);
    kt_buf_done(&secret);
    return status;
}

int kt_report_keygen(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "report keygen",
        "FILE",
        "a key that signs packages into FILE (0600), its public half into FILE.pub",
        "keytrail report keygen /etc/keytrail/keys/report.key",
        NULL,
        NULL
    };
    static const struct kt_flag flags[] = { { 0 } };
    KT_CLEANUP(kt_buf_done) struct kt_buf public_path = { 0 }, text = { 0 };
    struct kt_error err = { 0 };
    int code;
    if (!kt_flags_just(&cmd, flags, argc, argv, 1, &code))
        return code;
    kt_buf_addf(&public_path, "%s.pub", argv[1]);
    if (write_pair(argv[1], kt_buf_z(&public_path), &text, &err) != KT_OK)
        return kt_cli_fail("report keygen", &err);
    printf("%s\n", kt_buf_z(&text));
    fprintf(stderr,
            "This is the public key, also in '%s'. Give it to your auditors now, by a way that "
            "does not pass\nthrough the packages it will sign: a key inside a package proves "
            "nothing.\n",
            kt_buf_z(&public_path));
    return KT_EXIT_OK;
}
