/*
 * replaced: whether a log's path leads to another log than the one a reader has open.
 *
 * Owns:  nothing.
 * Calls: core/store (reader, store).
 * Holds: a restore renames files, or copies over them; a reader's connection sees neither.
 */
#include <string.h>
#include <sys/stat.h>

#include "core/store/reader.h"
#include "core/store/store.h"

static bool is_other_file(const struct kt_reader *r)
{
    struct stat st;
    return stat(r->path, &st) != 0 || (uint64_t)st.st_dev != r->device ||
           (uint64_t)st.st_ino != r->inode;
}

/* A log only grows. What cannot be read is told by the question that follows. */
static bool is_other_log(struct kt_reader *r)
{
    uint8_t log_id[16];
    struct kt_tree tree;
    struct kt_sums sums;
    if (kt_meta_read(r->db, log_id, &tree, &sums, NULL) != KT_OK)
        return false;
    bool other =
        r->looked && (memcmp(log_id, r->log_id, sizeof log_id) != 0 || tree.size < r->records);
    memcpy(r->log_id, log_id, sizeof log_id);
    r->records = tree.size;
    r->looked = true;
    return other;
}

bool kt_reader_replaced(struct kt_reader *r)
{
    bool other = kt_reader_fresh(r, NULL) == KT_OK && is_other_log(r);
    for (const struct kt_reader *f = r; f != NULL && !other; f = f->older)
        other = is_other_file(f);
    return other;
}
