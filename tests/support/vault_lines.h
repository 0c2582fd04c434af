/* vault_lines: invented lines of a Vault audit log. */
#pragma once
#include "core/base/buf.h"

/* Appends the request (or the response) number n of reading secret/data/app-<n % 50>, with '\n'. */
void vault_request(struct kt_buf *out, uint64_t n);
void vault_response(struct kt_buf *out, uint64_t n);
/* The request's id: 36 characters and NUL. */
void vault_id(uint64_t n, char ret[37]);
