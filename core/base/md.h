/* md: words of strangers in Markdown that stay words: what a terminal or Markdown would obey is
 * made visible. */
#pragma once
#include "core/base/buf.h"

/* A value in a code span, in more backticks than it has in a row. */
void kt_md_code(struct kt_buf *out, struct kt_str value);
/* A sentence of ours with names of strangers in it. */
void kt_md_text(struct kt_buf *out, struct kt_str sentence);
