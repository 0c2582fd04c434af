/*
 * roff: a manual page in the macros of man(7), as mandoc and groff both take it. Escapes whatever
 * stands in a text; lines end before column 80.
 */
#pragma once
#include "core/base/buf.h"

struct kt_roff {
    struct kt_buf out;
    bool fresh; /* a heading or a tag stands before: no paragraph needs to begin */
};
struct kt_roff_page {
    const char *name, *section; /* "keytrail-who", "1" */
    const char *about;          /* one line */
    const char *date;           /* 2026-11-22 */
};
void kt_roff_begin(struct kt_roff *r, const struct kt_roff_page *page); /* with its NAME */
void kt_roff_section(struct kt_roff *r, const char *head);
void kt_roff_subsection(struct kt_roff *r, struct kt_str head);
/*
 * Text in the marks of Markdown: `code`, **strong**, *words*, [text](link), which keeps the text
 * and, of an https link, the address. Other text stands as it is.
 */
void kt_roff_paragraph(struct kt_roff *r, struct kt_str text);
/* What a list says of one thing: the tag (in the same marks), then its text. */
void kt_roff_tag(struct kt_roff *r, struct kt_str tag, struct kt_str text);
void kt_roff_bullet(struct kt_roff *r, struct kt_str text);
/* Lines as they stand. */
void kt_roff_block(struct kt_roff *r, struct kt_str text);
/* "\fB--since\fP \fITIME\fP" and the like: text in bold, then one in italics. For tags. */
void kt_roff_option(struct kt_roff *r, const char *option, const char *value, struct kt_str text);
