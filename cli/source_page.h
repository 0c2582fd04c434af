/* source_page: what the pages of sources and inputs tell a command: an example entry, and what is
 * to be set up. Pages have one shape (tests/unit/cli_test.c holds them to it). */
#pragma once
#include "core/base/str.h"

/* The text of the section under "## NAME", without its head; empty when there is none. */
struct kt_str kt_page_section(const char *page, const char *name);
/* The first ```yaml block of a text, without its fences; *ret_rest (may be NULL): what follows. */
struct kt_str kt_page_yaml(struct kt_str text, struct kt_str *ret_rest);
/* What follows "# name: " in the first line. */
struct kt_str kt_page_title(const char *page);
