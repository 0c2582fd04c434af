/* pages: memory of a large table that is looked up at random, in pages of 2 MB where the system
 * gives them to who asks. With pages of 4 KB each look-up waits for the way to its page as well. */
#pragma once
#include <stddef.h>

/* Zeroed; resident as far as it is written to. bytes > 0; where memory ends, so does the process.
 */
void *kt_pages_new(size_t bytes);
void kt_pages_free(void *at, size_t bytes); /* as given to kt_pages_new; NULL is fine */
