/*
 * vault_lines: invented lines of a Vault audit log.
 *
 * Owns:  nothing.
 * Calls: core/base.
 */
#include "tests/support/vault_lines.h"
#include <stdio.h>

#define HMAC "hmac-sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

void vault_id(uint64_t n, char ret[37])
{
    (void)snprintf(ret, 37, "0badcafe-0000-4000-8000-%012llx", (unsigned long long)n);
}

static void line(struct kt_buf *out, uint64_t n, const char *type, const char *rest)
{
    char id[37];

    vault_id(n, id);
    kt_buf_addf(out,
                "{\"time\":\"2026-11-22T20:00:%02u.%06uZ\",\"type\":\"%s\",\"auth\":{"
                "\"client_token\":\"" HMAC "\",\"display_name\":\"token-ana\",\"policies\":["
                "\"default\"],\"entity_id\":\"e-1\",\"token_type\":\"service\"},\"request\":{"
                "\"id\":\"%s\",\"operation\":\"read\",\"mount_point\":\"secret/\",\"mount_type\":"
                "\"kv\",\"client_token\":\"" HMAC "\",\"namespace\":{\"id\":\"root\"},\"path\":"
                "\"secret/data/app-%u\",\"remote_address\":\"10.1.2.3\"}%s}\n",
                (unsigned)(n / 1000000 % 60), (unsigned)(n % 1000000), type, id, (unsigned)(n % 50),
                rest);
}

void vault_request(struct kt_buf *out, uint64_t n)
{
    line(out, n, "request", "");
}

void vault_response(struct kt_buf *out, uint64_t n)
{
    line(out, n, "response", ",\"response\":{\"data\":{\"data\":{\"k\":\"" HMAC "\"}}}");
}
