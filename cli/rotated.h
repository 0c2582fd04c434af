/* rotated: the order of the files of a folder, oldest first. */
#pragma once

/* For qsort() over an array of names (char *): as bytes, but audit.log.2.gz before audit.log.1
 * before audit.log, and audit.log-20260301 before audit.log. */
int kt_rotated_order(const void *x, const void *y);
