/*
 * notify_keygen: new signing keys for one endpoint of a webhook target.
 *
 * Owns:  nothing.
 * Calls: collector/hook, core/sys/rng; stdout.
 */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/notify.h"
#include "collector/hook.h"
#include "core/base/hash.h"
#include "core/sys/rng.h"

int kt_notify_keygen(void)
{
    struct kt_hook_key secret = { .len = 32 }, pair = { .len = 32, .asymmetric = true };
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    kt_rng_real.fill(kt_rng_real.self, secret.at, secret.len);
    kt_rng_real.fill(kt_rng_real.self, pair.at, pair.len);
    kt_hook_key_print(&secret, &out);
    kt_buf_byte(&out, '\n');
    kt_hook_key_print(&pair, &out);
    kt_buf_byte(&out, '\n');
    (void)fputs(kt_buf_z(&out), stdout);
    kt_wipe(out.at, out.len);
    kt_buf_reset(&out);
    kt_hook_public_print(&pair, &out);
    fprintf(stderr,
            "Both lines are the secret_file (0600) of one endpoint. Its receiver checks either: v1 "
            "with "
            "the first\nline, or v1a with the public key %s\n",
            kt_buf_z(&out));
    kt_wipe(&secret, sizeof secret);
    kt_wipe(&pair, sizeof pair);
    return KT_EXIT_OK;
}
