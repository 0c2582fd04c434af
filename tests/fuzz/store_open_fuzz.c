/*
 * store_open: a store with bytes changed anywhere is opened, read, verified and written, or
 * refused. Input: u32 place, u8 value, again and again; some of its bytes change what is done.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/query/query.h"
#include "tests/support/store_make.h"

static struct kt_buf image;
static char folder[64], path[96];
static struct make *make;

static void drop(void)
{
    make_folder_drop(folder);
}

static void fill(void)
{
    struct kt_store *s = NULL;
    struct kt_store_result r;
    uint64_t seq;
    make = make_new();
    make_folder(folder, path);
    (void)atexit(drop);
    const struct kt_store_options o = { .path = path, .create = true, .dedupe_recent = 64 };
    struct kt_event fact = { .kind = KT_KIND_FACT,
                             .time = MAKE_T0,
                             .raw = KT_STR("{\"ip\":\"203.0.113.7\",\"country\":\"DE\"}") };
    bool ok = kt_store_open(&o, &s, NULL) == KT_OK && kt_store_begin(s, NULL) == KT_OK;
    for (uint64_t n = 0; n < 4; n++) {
        make_reset(make);
        for (uint64_t i = 0; i < 12; i++)
            make_numbered(make, 10 * n + i);
        struct kt_store_batch b = make_batch(make, "agent-a", n + 1, MAKE_T0 + (kt_time_ns)n);
        ok = ok && kt_store_append(s, &b, &r, NULL) == KT_OK;
    }
    ok = ok && kt_store_control(s, &fact, MAKE_T0, MAKE_T0, &seq, NULL) == KT_OK &&
         kt_store_put(s, "name", KT_STR("value"), NULL) == KT_OK &&
         kt_store_commit(s, NULL) == KT_OK;
    kt_store_close(s);
    FILE *f = fopen(path, "rb");
    assert(ok && f != NULL);
    for (int c; (c = fgetc(f)) != EOF;)
        kt_buf_u8(&image, (uint8_t)c);
    (void)fclose(f);
}

static void write_image(const uint8_t *data, size_t size)
{
    struct kt_buf bad = { 0 };
    kt_buf_add(&bad, kt_buf_str(&image));
    for (; size >= 5; data += 5, size -= 5) {
        uint32_t at = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16;
        bad.at[at % bad.len] = (char)data[4];
    }
    make_folder_drop(folder);
    char again[64];
    make_folder(again, path);
    memcpy(folder, again, sizeof folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    bool ok = fd >= 0 && write(fd, bad.at, bad.len) == (ssize_t)bad.len;
    assert(ok);
    (void)ok;
    (void)close(fd);
    kt_buf_done(&bad);
}

static enum kt_status see(void *self, const char *name, struct kt_str value, struct kt_error *err)
{
    (void)self;
    (void)name;
    (void)value;
    (void)err;
    return KT_OK;
}

static void read_all(void)
{
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    if (kt_reader_open(path, &r, &err) != KT_OK)
        return;
    struct kt_store_stats stats;
    struct kt_verify_result v;
    struct kt_facts *facts = NULL;
    (void)!kt_reader_stats(r, &stats, &err);
    (void)!kt_reader_each(r, "", see, NULL, &err);
    if (kt_facts_load(r, &facts, &err) == KT_OK)
        kt_facts_free(facts);
    for (int way = 0; way < 4; way++) {
        struct kt_cursor *c = NULL;
        struct kt_record rec;
        const struct kt_scan scan = { .records = true,
                                      .control = true,
                                      .newest_first = way & 1,
                                      .since = way & 2 ? MAKE_T0 : 0 };
        if (kt_cursor_open(r, &scan, &c, &err) != KT_OK)
            continue;
        unsigned damaged = 0;
        for (unsigned n = 0; n < 100000 && damaged < 1000; n++) {
            enum kt_status status = kt_cursor_next(c, &rec, &err);
            damaged += status != KT_OK;
            if (status == KT_E_AGAIN)
                break;
        }
        assert(damaged < 1000); /* it gets to an end */
        kt_cursor_free(c);
    }
    (void)!kt_reader_verify(r, &(struct kt_verify_options){ 0 }, &v, &err);
    kt_reader_close(r);
}

static void write_more(void)
{
    struct kt_store *s = NULL;
    struct kt_error err = { 0 };
    struct kt_store_result r;
    const struct kt_store_options o = { .path = path, .dedupe_recent = 64 };
    if (kt_store_open(&o, &s, &err) != KT_OK)
        return;
    make_reset(make);
    for (uint64_t i = 0; i < 20; i++)
        make_numbered(make, 30 + i);
    struct kt_store_batch b = make_batch(make, "agent-a", 9, MAKE_T0 + KT_NS_DAY);
    if (kt_store_begin(s, &err) == KT_OK) {
        if (kt_store_append(s, &b, &r, &err) != KT_OK || kt_store_commit(s, &err) != KT_OK)
            kt_store_rollback(s);
    }
    kt_store_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (image.len == 0)
        fill();
    write_image(data, size);
    read_all();
    write_more();
    return 0;
}
