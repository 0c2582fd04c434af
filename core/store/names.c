/*
 * names: what the store keeps by name: marks of spools, owners of instances, named blobs.
 *
 * Owns:  nothing beyond struct kt_store.
 * Calls: core/base, core/store/db.
 * Holds: walks ask for one row at a time, so that a callback may change the table it walks.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/store/store.h"

enum kt_status kt_store_mark(struct kt_store *s, struct kt_str agent, const uint8_t incarnation[16],
                             struct kt_mark *ret, struct kt_error *err)
{
    sqlite3_stmt *st = s->st[KT_ST_MARK_GET];
    kt_db_text(st, 1, agent);
    kt_db_blob(st, 2, kt_str_from(incarnation, 16));
    struct kt_mark mark = { 0 };
    enum kt_status status = kt_db_step(st, err);
    if (status == KT_OK) {
        struct kt_str digest = kt_db_col(st, 1);
        mark.seq = kt_db_col_u64(st, 0);
        if (digest.len == sizeof mark.digest)
            memcpy(mark.digest, digest.at, sizeof mark.digest);
        (void)sqlite3_reset(st);
    } else if (status != KT_E_AGAIN) {
        return kt_wrap(err, "mark");
    }
    *ret = mark;
    return KT_OK;
}

enum kt_status kt_store_owner(struct kt_store *s, struct kt_str instance, struct kt_buf *ret_agent,
                              struct kt_error *err)
{
    sqlite3_stmt *st = s->st[KT_ST_OWNER_GET];
    kt_db_text(st, 1, instance);
    enum kt_status status = kt_db_step(st, err);
    kt_buf_reset(ret_agent);
    if (status == KT_E_AGAIN)
        return KT_OK;
    if (status != KT_OK)
        return kt_wrap(err, "owner");
    kt_buf_add(ret_agent, kt_db_col(st, 0));
    (void)sqlite3_reset(st);
    return KT_OK;
}

enum kt_status kt_store_claim(struct kt_store *s, struct kt_str instance, struct kt_str agent,
                              struct kt_error *err)
{
    if (kt_store_may_write(s, err) != KT_OK)
        return kt_wrap(err, "claim");
    kt_db_text(s->st[KT_ST_OWNER_PUT], 1, instance);
    kt_db_text(s->st[KT_ST_OWNER_PUT], 2, agent);
    return kt_store_run(s, KT_ST_OWNER_PUT, err);
}

enum kt_status kt_store_put(struct kt_store *s, const char *name, struct kt_str value,
                            struct kt_error *err)
{
    if (kt_store_may_write(s, err) != KT_OK)
        return kt_wrap(err, "put '%s'", name);
    enum kt_statement which = value.len == 0 ? KT_ST_BLOB_DROP : KT_ST_BLOB_PUT;
    kt_db_text(s->st[which], 1, kt_str_of(name));
    if (value.len > 0)
        kt_db_blob(s->st[which], 2, value);
    enum kt_status status = kt_store_run(s, which, err);
    (void)sqlite3_clear_bindings(s->st[which]); /* value may be gone after this */
    return status;
}

enum kt_status kt_blob_get(sqlite3 *db, const char *name, struct kt_buf *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(db, "SELECT value FROM blob WHERE name=?1", &st, err) != KT_OK)
        return kt_wrap(err, "get '%s'", name);
    kt_db_text(st, 1, kt_str_of(name));
    enum kt_status status = kt_db_step(st, err);
    if (status == KT_E_AGAIN)
        return kt_fail(err, KT_E_AGAIN, "the store has nothing named '%s'", name);
    if (status != KT_OK)
        return kt_wrap(err, "get '%s'", name);
    kt_buf_reset(ret);
    kt_buf_add(ret, kt_db_col(st, 0));
    return KT_OK;
}

enum kt_status kt_blob_each(sqlite3 *db, const char *prefix,
                            enum kt_status (*each)(void *self, const char *name,
                                                   struct kt_str value, struct kt_error *err),
                            void *self, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 }, value = { 0 };
    if (kt_db_prepare(db,
                      "SELECT name, value FROM blob WHERE name >= ?1 AND (?2 OR name > ?1)"
                      " ORDER BY name LIMIT 1",
                      &st, err) != KT_OK)
        return kt_wrap(err, "names");
    kt_buf_addz(&name, prefix);
    for (bool first = true;; first = false) {
        kt_db_text(st, 1, kt_buf_str(&name));
        kt_db_i64(st, 2, first);
        enum kt_status status = kt_db_step(st, err);
        if (status != KT_OK)
            return status == KT_E_AGAIN ? KT_OK : status;
        struct kt_str found = kt_db_col(st, 0);
        if (!kt_str_starts(found, kt_str_of(prefix)))
            return KT_OK;
        kt_buf_reset(&value);
        kt_buf_add(&value, kt_db_col(st, 1));
        struct kt_buf next = { 0 }; /* found may borrow from what name holds */
        kt_buf_add(&next, found);
        (void)sqlite3_reset(st);
        kt_buf_done(&name);
        name = next;
        status = each(self, kt_buf_z(&name), kt_buf_str(&value), err);
        if (status != KT_OK)
            return status;
    }
}

enum kt_status kt_store_get(struct kt_store *s, const char *name, struct kt_buf *ret,
                            struct kt_error *err)
{
    return kt_blob_get(s->db, name, ret, err);
}

enum kt_status kt_store_each(struct kt_store *s, const char *prefix,
                             enum kt_status (*each)(void *self, const char *name,
                                                    struct kt_str value, struct kt_error *err),
                             void *self, struct kt_error *err)
{
    return kt_blob_each(s->db, prefix, each, self, err);
}
