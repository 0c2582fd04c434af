/* What is asked of Google Cloud: JWTs against the published vector, tokens from keys and instances,
 * the ids of messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agents/inputs/gcp_auth.h"
#include "agents/inputs/pubsub_answer.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/rsa.h"
#include "core/sys/fs.h"

/* The key of RFC 7515, appendix A.2, in PKCS#8. */
static const char published_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh+BYK4uPJtGXO\n"
    "jS1lYmM2K5J9vinh8CR3/BYlzJChNuOL2TSXxbbqY913EeZ8dCn5VrD7io8ImtxL\n"
    "aYk8wTM/U+3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNn\n"
    "juygxmj3AbONv/s4yDQs4v5tJ/reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5\n"
    "ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKjlnAqH2QbgtPr8jkiGUkf\n"
    "toaHLFcW9Qr4NY2ai50Xw0Byj3+H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHg\n"
    "VFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyW\n"
    "PEAeP88vLNO97IjlA7/GQ5sLKMgvfTeXZx9SE+7YwVol2NXOoAJe46sui395IW/G\n"
    "O+pWJ1O0BkTGoVEn2bKVRUCgu+GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzj\n"
    "kn439X0M/V51gfpRLI9JYanrC4D4qAdGcopV/0ZHHzQlBjudU2QvXt4ehNYTCBr6\n"
    "XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl/x/jTj3ccPDVZFD9pIuhLhBOneufuBiB\n"
    "4cS98l2SR/RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0K\n"
    "pLttoLhyt3SmqdEf/kgHePDdtzEafpAu+cS191R2JiuoF2yzWXnwFDcqGigp5BNr\n"
    "0AHQfD8/Lk8l1Mk09jxxCfui5nYooNyac8YFjm3vItzVCVDnEd3BbVWG8qf6deqE\n"
    "lMGAg+C2V0L4oNXnP7LZcPAZRwKBgQC5A8R+CZW2MvRTLLHzwZkUXV866cff7tx6\n"
    "kqa0finGG0KgeqlaZPxgCZnFp7AeAcCMtiynVlJ7vMVgePsLq6XtON4tB5kP9jAP\n"
    "rq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNCS/l1OW1EnXUEoEHKl54Xrrz2uNw\n"
    "kgMTP1FZ1wKBgAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7/Ls5bkUp\n"
    "5u9SN0Ai3Ya6hNnvWJMb7sXQX6U/zyO2M/hTip7tUeh7CXgwo59dkpN75gJLVds2\n"
    "9+DAncu3KXU4f2Fa+7bLNrur53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf/\n"
    "evpitUf+4JYbLpvNXWcY052Mpz22aR84mY3nh3F2LF2mjMJDpTg7FmuyPcVw6EcG\n"
    "yoAe9fa65iNqCq+jdw6PVNGo2hxfjSiZ8IIzHdsPXI89//pMjZcQK9r+CCoRjaZj\n"
    "OYiIDktVWZzmevJuv6WywUqd57LE3Zar3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2\n"
    "tOgrjbcrfvtQJipd+DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd/QJQ3\n"
    "ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp/gh6A56\n"
    "03k2+ZQwVK0JKSHuLFkuQ3U=\n"
    "-----END PRIVATE KEY-----\n";

/* ---- signatures ---- */

static void the_vector_of_rfc_7515_signs_alike(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf sig = { 0 }, text = { 0 };
    struct kt_error err;
    const struct kt_str msg =
        KT_STR("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9"
               "leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ");
    assert_int_equal(kt_rsa_sign(kt_str_of(published_key), msg, &sig, &err), KT_OK);
    kt_base64url_add(&text, kt_buf_str(&sig));
    assert_string_equal(
        kt_buf_z(&text),
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF"
        "5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK"
        "5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqt"
        "FZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
        "p0igcN_IoypGlUPQGe77Rw");
}

/* Made with `openssl dgst -sha256 -sign` from the same key. */
static const char known_jwt[] =
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.eyJpc3MiOiJrZXl0cmFpbEBhY21l"
    "LXNlYy5pYW0uZ3NlcnZpY2VhY2NvdW50LmNvbSIsInNjb3BlIjoiaHR0cHM6Ly93d3cuZ29vZ2xlYXBp"
    "cy5jb20vYXV0aC9wdWJzdWIiLCJhdWQiOiJodHRwczovL29hdXRoMi5nb29nbGVhcGlzLmNvbS90b2tl"
    "biIsImlhdCI6MTc4OTk5OTk0MCwiZXhwIjoxNzkwMDAzNTQwfQ.j5rnMQs8aKbQ61VNepaKUksbEz_y6"
    "kpL13MKzcfEFY7-0nBfEiq1PoozqgtOmjTv9oqy68Yq6pcIBVvz8aB6biVmRvVsw12o9wSkLjWKGIc8Z"
    "lK0SXy4cKdmIHXR5k0c6X3xfR3XqdRafgBOrwbzcFlKoIjoNTsMRgeSyHU1dPTcsfJ69gPD13zVAXlcz"
    "FsGvdGKhO9Y7qSvCyoDyq2x3K2rDFVkvZckUdwrJuyUo4ON5HB65Fn7U9pDZwx_AiPlDkAijbMyIhZ4x"
    "mVAStReMA0ToplNpKkegkMYiBdWoube_seOe2rLCr7A0YbJBZwSQijJdkh0WA-MmWVNln5qmA";
#define T0 (INT64_C(1790000000) * KT_NS_S)

static void a_jwt_has_its_three_parts(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf jwt = { 0 };
    struct kt_error err;
    const struct gcp_claims c = {
        .issuer = KT_STR("keytrail@acme-sec.iam.gserviceaccount.com"),
        .scope = KT_STR("https://www.googleapis.com/auth/pubsub"),
        .audience = KT_STR("https://oauth2.googleapis.com/token"),
        .issued = T0 - KT_NS_MIN,
        .expires = T0 + 59 * KT_NS_MIN,
    };
    assert_int_equal(gcp_jwt(&c, KT_STR("k1"), kt_str_of(published_key), &jwt, &err), KT_OK);
    assert_string_equal(kt_buf_z(&jwt), known_jwt);
}

static void keys_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "no key",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        /* Ed25519 */
        "-----BEGIN PRIVATE "
        "KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdV"
        "hC\n-----END PRIVATE KEY-----\n",
        /* with a passphrase: nobody is asked for it */
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"
        "00000000000000000000000000000000\n\nAAAAAAAAAAAAAAAAAAAAAA==\n-----END RSA PRIVATE "
        "KEY-----\n",
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
        struct kt_error err = { 0 };
        assert_int_equal(kt_rsa_sign(kt_str_of(bad[i]), KT_STR("x"), &out, &err), KT_E_CONFIG);
        assert_int_equal(out.len, 0);
        assert_non_null(strstr(err.text, "RSA private key"));
    }
}

/* ---- tokens ---- */

struct setting {
    const char *name, *value;
};

static const char *env_of(void *self, const char *name)
{
    for (const struct setting *s = self; s->name != NULL; s++)
        if (strcmp(s->name, name) == 0)
            return s->value;
    return NULL;
}

static struct gcp_auth *auth_with(struct setting *env, const char *file)
{
    const struct gcp_auth_options o = {
        .env = env_of, .env_self = env, .file = file, .scope = "https://example.com/scope"
    };
    return gcp_auth_new(&o);
}

static void the_instance_gives_a_token(void **state)
{
    (void)state;
    struct setting env[] = { { NULL, NULL } };
    struct gcp_auth *a = auth_with(env, NULL);
    struct kt_http_request r;
    struct kt_error err;
    struct kt_str header;
    assert_true(gcp_auth_due(a, T0) && !gcp_auth_header(a, T0, &header));
    assert_int_equal(gcp_auth_request(a, T0, &r, &err), KT_OK);
    assert_true(r.metadata && !r.allow_private && r.method == KT_HTTP_GET && r.n_headers == 1);
    assert_true(kt_str_is(r.headers[0], "Metadata-Flavor: Google"));
    assert_true(kt_str_is(r.url, "http://169.254.169.254/computeMetadata/v1/instance/"
                                 "service-accounts/default/token"));
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"access_token\":\"t\"}",
        "{\"access_token\":\"t\",\"expires_in\":0}",
        "{\"access_token\":\"a\\r\\nb\",\"expires_in\":60}",
        "{\"access_token\":\"\",\"expires_in\":60}",
        "{\"access_token\":\"t\",\"expires_in\":9223372036854775807}",
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++)
        assert_int_equal(gcp_auth_answer(a, 200, kt_str_of(bad[i]), T0, &err), KT_E_INPUT);
    assert_int_equal(gcp_auth_answer(a, 404, KT_STR_NONE, T0, &err), KT_E_INPUT);
    assert_non_null(strstr(err.text, "credentials_file"));
    const struct kt_str good =
        KT_STR("{\"access_token\":\"ya29.x\",\"expires_in\":3599,\"token_type\":\"Bearer\"}");
    assert_int_equal(gcp_auth_answer(a, 200, good, T0, &err), KT_OK);
    assert_true(gcp_auth_header(a, T0, &header));
    assert_true(kt_str_is(header, "Authorization: Bearer ya29.x"));
    /* renewed early, used while no other is to be had, not used for ever by a clock set back */
    assert_false(gcp_auth_due(a, T0 + 54 * KT_NS_MIN));
    assert_true(gcp_auth_due(a, T0 + 56 * KT_NS_MIN));
    assert_true(gcp_auth_header(a, T0 + 59 * KT_NS_MIN, &header));
    assert_false(gcp_auth_header(a, T0 + 60 * KT_NS_MIN, &header));
    assert_true(gcp_auth_due(a, T0 - 100 * KT_NS_DAY));
    gcp_auth_forget(a);
    assert_false(gcp_auth_header(a, T0, &header));
    gcp_auth_free(a);
}

static void write_key(const char *path, const char *type, const char *uri, mode_t mode)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_buf_addf(&b,
                "{\"type\":\"%s\",\"client_email\":\"keytrail@acme-sec.iam.gserviceaccount.com\","
                "\"private_key_id\":\"k1\",\"token_uri\":\"%s\",\"private_key\":\"",
                type, uri);
    for (const char *p = published_key; *p != '\0'; p++)
        kt_buf_addf(&b, *p == '\n' ? "\\n" : "%c", *p);
    kt_buf_addz(&b, "\"}\n");
    struct kt_error err = { 0 };
    if (kt_fs_write_atomic(path, kt_buf_str(&b), mode, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(chmod(path, mode), 0);
}

static void a_key_file_asks_the_token_service(void **state)
{
    (void)state;
    char dir[] = "/tmp/keytrail-gcp-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/key.json", dir);
    struct setting env[] = { { "GOOGLE_APPLICATION_CREDENTIALS", path }, { NULL, NULL } };
    struct gcp_auth *a = auth_with(env, NULL);
    struct kt_http_request r;
    struct kt_error err = { 0 };
    assert_int_equal(gcp_auth_request(a, T0, &r, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "no such file"));
    const struct {
        const char *type, *uri;
        mode_t mode;
        const char *error;
    } bad[] = {
        { "service_account", "https://oauth2.googleapis.com/token", 0644, "chmod" },
        { "authorized_user", "https://oauth2.googleapis.com/token", 0600, "'authorized_user'" },
        { "service_account", "", 0600, "token_uri" },
        { "service_account", "http://oauth2.googleapis.com/token", 0600, "https" },
        { "service_account", "https://127.0.0.1/token", 0600, "loopback" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++) {
        write_key(path, bad[i].type, bad[i].uri, bad[i].mode);
        err = (struct kt_error){ 0 };
        assert_int_equal(gcp_auth_request(a, T0, &r, &err), KT_E_CONFIG);
        if (strstr(err.text, bad[i].error) == NULL || strstr(err.text, "PRIVATE KEY") != NULL)
            fail_msg("case %zu: %s", i, err.text);
    }
    write_key(path, "service_account", "https://oauth2.googleapis.com/token", 0600);
    assert_int_equal(gcp_auth_request(a, T0, &r, &err), KT_OK);
    assert_true(!r.metadata && r.method == KT_HTTP_POST);
    assert_true(kt_str_is(r.url, "https://oauth2.googleapis.com/token"));
    struct kt_str start =
        KT_STR("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=eyJ");
    assert_true(kt_str_starts(r.body, start));
    assert_int_equal(gcp_auth_answer(a, 400, KT_STR("{\"error\":\"invalid_grant\"}"), T0, &err),
                     KT_E_INPUT);
    assert_non_null(strstr(err.text, "clock"));
    assert_int_equal(gcp_auth_answer(a, 503, KT_STR("<html>"), T0, &err), KT_E_INPUT);
    assert_non_null(strstr(err.text, "503"));
    gcp_auth_free(a);
    (void)unlink(path);
    (void)rmdir(dir);
}

/* ---- answers ---- */

static void ids_of_messages_are_taken_and_given_back(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 }, body = { 0 };
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct pubsub_acks acks = { 0 };
    struct kt_error err;
    const struct kt_str answer =
        KT_STR("{\"receivedMessages\":[{\"ackId\":\"a\\\"1\",\"message\":{\"data\":\"e30=\"}},"
               "{\"message\":{}},7,{\"ackId\":\"b\"}]}");
    assert_int_equal(pubsub_acks_read(json, answer, &acks, &err), KT_OK);
    assert_int_equal(acks.n, 2);
    assert_int_equal(pubsub_acks_write(&acks, 0, &out), 2);
    assert_string_equal(kt_buf_z(&out), "{\"ackIds\":[\"a\\\"1\",\"b\"]");
    pubsub_acks_done(&acks);
    assert_int_equal(pubsub_acks_read(json, KT_STR("{}"), &acks, &err), KT_OK);
    assert_int_equal(acks.n, 0);
    pubsub_acks_done(&acks);
    assert_int_equal(pubsub_acks_read(json, KT_STR("<html>"), &acks, &err), KT_E_INPUT);
    assert_int_equal(pubsub_acks_read(json, KT_STR("[]"), &acks, &err), KT_E_INPUT);
    /* more than one request may hold */
    kt_buf_addz(&body, "{\"receivedMessages\":[");
    for (int i = 0; i < 1000; i++)
        kt_buf_addf(&body, "%s{\"ackId\":\"%0900d\"}", i > 0 ? "," : "", i);
    kt_buf_addz(&body, "]}");
    assert_int_equal(pubsub_acks_read(json, kt_buf_str(&body), &acks, &err), KT_OK);
    unsigned n = 0, requests = 0;
    for (; n < acks.n; requests++) {
        kt_buf_reset(&out);
        n += pubsub_acks_write(&acks, n, &out);
        assert_true(out.len < 512u << 10);
    }
    assert_int_equal(requests, 4);
    assert_int_equal(pubsub_acks_write(&acks, n, &out), 0);
    pubsub_acks_done(&acks);
    kt_json_free(json);
}

static void errors_have_a_word(void **state)
{
    (void)state;
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    char word[40];
    pubsub_error(json, KT_STR("{\"error\":{\"code\":403,\"status\":\"PERMISSION_DENIED\"}}"), word,
                 sizeof word);
    assert_string_equal(word, "PERMISSION_DENIED");
    pubsub_error(json, KT_STR("{\"error\":{\"status\":\"<b>\"}}"), word, sizeof word);
    assert_string_equal(word, "");
    pubsub_error(json, KT_STR("no json"), word, sizeof word);
    assert_string_equal(word, "");
    kt_json_free(json);
}

static int start(void **state)
{
    (void)state;
    kt_hash_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vector_of_rfc_7515_signs_alike),
        cmocka_unit_test(a_jwt_has_its_three_parts),
        cmocka_unit_test(keys_that_are_none_are_refused),
        cmocka_unit_test(the_instance_gives_a_token),
        cmocka_unit_test(a_key_file_asks_the_token_service),
        cmocka_unit_test(ids_of_messages_are_taken_and_given_back),
        cmocka_unit_test(errors_have_a_word),
    };
    return cmocka_run_group_tests_name("agent/gcp", tests, start, NULL);
}
