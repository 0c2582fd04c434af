/* markdown: a page of docs/ as sections of a manual page. */
#pragma once
#include "cli/manual/roff.h"
#include "core/base/err.h"

/*
 * Takes what our pages are written in: a title, which is left out; "##" sections and "###" below
 * them; paragraphs; lists of "-" or "*"; tables, whose first column becomes the tag; blocks between
 * ``` or indented by four. KT_E_INPUT with the line for what it does not know (a picture, HTML, a
 * numbered list): a page is never half of what it was. intro: the head above what stands before the
 * first section.
 */
KT_MUST_USE enum kt_status kt_markdown_add(struct kt_roff *r, struct kt_str page, const char *intro,
                                           struct kt_error *err);
