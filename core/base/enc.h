/* enc: hex, base64, base64url, Crockford base 32 and Z85, both ways; words for a shell. */
#pragma once
#include "core/base/buf.h"

void kt_hex_add(struct kt_buf *b, const void *at, size_t n); /* lower case */
void kt_hex(char *dst, const void *at, size_t n);            /* dst has 2n + 1 bytes */
bool kt_hex_decode(struct kt_str s, void *ret, size_t n);    /* exactly n bytes */
void kt_base64_add(struct kt_buf *b, struct kt_str s);
bool kt_base64_decode(struct kt_str s, struct kt_buf *ret); /* strict, padded */
void kt_base64url_add(struct kt_buf *b, struct kt_str s);   /* no padding */
bool kt_base64url_decode(struct kt_str s, struct kt_buf *ret);
#define KT_ID_TEXT 27 /* 26 characters and NUL */
/* A 128-bit id as 26 characters Crockford base 32 (DESIGN §11), most significant first. Returns
 * buf. */
const char *kt_id_format(const uint8_t id[16], char buf[KT_ID_TEXT]);
bool kt_id_parse(struct kt_str s, uint8_t ret[16]); /* any case, exact length */
/* One word for a shell: as it is, or in single quotes. */
void kt_shell_quote(struct kt_str word, struct kt_buf *out);
#define KT_Z85_KEY 41                                                   /* 40 characters and NUL */
const char *kt_z85_encode(const uint8_t key[32], char buf[KT_Z85_KEY]); /* ZeroMQ RFC 32 */
bool kt_z85_decode(struct kt_str s, uint8_t ret[32]);
