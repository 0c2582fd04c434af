/* collector_follow: the detectors' thread over a real store. */
#include "collector/follow.h"
#include "collector/ingest.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/event/line.h"
#include "core/sys/fs.h"
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the others */
#include <cmocka.h>

#define NOW (INT64_C(1795377600) * KT_NS_S)

struct world {
    char folder[64], db[96];
    struct kt_conf *conf;
    struct kt_store *store;
    struct kt_ingest *ingest;
    struct kt_clock_memory clock;
    unsigned made;
};

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    w->clock.wall = NOW;
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/keytrail-follow-XXXXXX");
    if (mkdtemp(w->folder) == NULL)
        return -1;
    (void)snprintf(w->db, sizeof w->db, "%s/store.db", w->folder);
    struct kt_store_options so = { .path = w->db, .create = true, .dedupe_recent = 64 };
    if (kt_store_open(&so, &w->store, NULL) != KT_OK)
        return -1;
    w->conf = kt_conf_defaults();
    w->ingest = kt_ingest_new(
        &(struct kt_ingest_options){ .store = w->store, .clock = kt_clock_memory(&w->clock) });
    return 0;
}

static void remove_one(void *arg, const char *path)
{
    (void)arg;
    (void)unlink(path);
}

static int close_world(void **state)
{
    struct world *w = *state;
    char pattern[80];
    kt_ingest_free(w->ingest);
    kt_store_close(w->store);
    kt_conf_free(w->conf);
    (void)snprintf(pattern, sizeof pattern, "%s/*", w->folder);
    if (kt_fs_glob(pattern, remove_one, NULL, NULL) != KT_OK)
        return -1;
    int rc = rmdir(w->folder);
    free(w);
    return rc;
}

static void store_some(struct world *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
        char id[32];
        (void)snprintf(id, sizeof id, "req-%u", ++w->made);
        struct kt_event ev = { .kind = KT_KIND_ACCESS,
                               .action = KT_ACT_READ,
                               .outcome = KT_OUT_SUCCESS,
                               .time = NOW + w->made * KT_NS_S,
                               .observed = NOW + w->made * KT_NS_S,
                               .source = KT_STR("vault"),
                               .instance = KT_STR("prod"),
                               .scope = KT_STR("prod"),
                               .native_id = kt_str_of(id),
                               .actor = KT_STR("ana"),
                               .secret = KT_STR("vault://prod/kv/db") };
        assert_int_equal(kt_line_write(&ev, &line, NULL), KT_OK);
        struct kt_ingest_line l = { kt_buf_str(&line), 0 };
        assert_int_equal(kt_ingest_lines(w->ingest, KT_ORIGIN_IMPORT, &l, 1, NULL, NULL), KT_OK);
    }
    assert_int_equal(kt_ingest_commit(w->ingest, NULL), KT_OK);
}

static void wait_position(struct kt_follow *f, uint64_t seq)
{
    for (unsigned i = 0; i < 3000 && kt_follow_position(f) < seq; i++)
        (void)poll(NULL, 0, 10);
    assert_int_equal(kt_follow_position(f), seq);
}

static void reads_what_is_there_and_what_comes(void **state)
{
    struct world *w = *state;
    struct kt_follow *f = NULL;
    struct kt_follow_options o = { .conf = w->conf, .store_path = w->db };
    store_some(w, 100);
    assert_int_equal(kt_follow_open(&o, &f, NULL), KT_OK);
    wait_position(f, kt_store_last_seq(w->store));
    store_some(w, 50);
    kt_follow_wake(f, 0);
    wait_position(f, kt_store_last_seq(w->store));
    kt_follow_free(f);
}

/* A hand that is moved while the thread looks at it. */
static kt_time_ns read_hand(void *self)
{
    return atomic_load((_Atomic kt_time_ns *)self);
}

static void stays_at(struct kt_follow *f, uint64_t seq)
{
    for (unsigned i = 0; i < 30; i++) {
        assert_int_equal(kt_follow_position(f), seq);
        (void)poll(NULL, 0, 10);
    }
}

/* The writer's word that nothing came spares a look into the log, but not for long: some records
 * are committed by themselves. */
static void finds_what_the_writer_did_not_speak_of(void **state)
{
    struct world *w = *state;
    struct kt_follow *f = NULL;
    _Atomic kt_time_ns hand = 0;
    const struct kt_clock clock = { .mono = read_hand, .self = &hand };
    struct kt_follow_options o = { .conf = w->conf, .store_path = w->db, .clock = &clock };
    store_some(w, 100);
    const uint64_t told = kt_store_last_seq(w->store);
    assert_int_equal(kt_follow_open(&o, &f, NULL), KT_OK);
    wait_position(f, told);
    kt_follow_wake(f, told);
    store_some(w, 50);
    kt_follow_wake(f, told);
    stays_at(f, told);
    atomic_store(&hand, 2 * KT_NS_S);
    kt_follow_wake(f, told);
    wait_position(f, kt_store_last_seq(w->store));
    store_some(w, 50);
    kt_follow_wake(f, kt_store_last_seq(w->store));
    wait_position(f, kt_store_last_seq(w->store));
    kt_follow_free(f);
}

/* As the collector does (collector/daemon_news.c). */
static void commit_state(struct world *w, const struct kt_follow_news *news)
{
    uint32_t at = 0;
    struct kt_table_row r;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    if (news->clear)
        assert_int_equal(kt_store_state_clear(w->store, NULL), KT_OK);
    while (kt_changed_next(news->rows, &at, &r)) {
        struct kt_state_row row = {
            .table = (uint8_t)r.table, .born = r.born, .used = r.used, .value = r.state
        };
        memcpy(row.key, &r.key, sizeof row.key);
        if (r.op == KT_ROW_PUT)
            assert_int_equal(kt_store_state_put(w->store, &row, NULL), KT_OK);
        else
            assert_int_equal(kt_store_state_drop(w->store, row.table, row.key, NULL), KT_OK);
    }
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static void a_stop_leaves_a_state_to_go_on_from(void **state)
{
    struct world *w = *state;
    struct kt_follow *f = NULL;
    struct kt_follow_news news = { 0 };
    struct kt_follow_options o = { .conf = w->conf, .store_path = w->db };
    store_some(w, 100);
    assert_int_equal(kt_follow_open(&o, &f, NULL), KT_OK);
    wait_position(f, kt_store_last_seq(w->store));
    kt_follow_stop(f);
    assert_true(kt_follow_take(f, &news));
    assert_int_equal(news.position, kt_store_last_seq(w->store));
    assert_true(news.changes != 0 && news.head.len > 0 && kt_changed_count(news.rows) > 0);
    assert_true(news.clear && news.status.len > 0);
    assert_false(news.failed);
    kt_follow_free(f);

    commit_state(w, &news);
    o.head = kt_buf_str(&news.head);
    o.settings = kt_buf_str(&news.settings);
    assert_int_equal(kt_follow_open(&o, &f, NULL), KT_OK);
    wait_position(f, kt_store_last_seq(w->store));
    kt_follow_stop(f); /* nothing is new: nothing is to be saved */
    struct kt_follow_news none = { 0 };
    assert_false(kt_follow_take(f, &none));
    kt_follow_free(f);
    kt_follow_news_done(&news);
}

/* A clock that stands in the way: whoever asks it waits while it is shut. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    unsigned asked, shut_from; /* shut_from: the call that waits, and all after it; 0 = none */
};

static kt_time_ns ask_gate(void *self)
{
    struct gate *g = self;
    (void)pthread_mutex_lock(&g->lock);
    g->asked++;
    (void)pthread_cond_broadcast(&g->moved);
    while (g->shut_from != 0 && g->asked >= g->shut_from)
        (void)pthread_cond_wait(&g->moved, &g->lock);
    (void)pthread_mutex_unlock(&g->lock);
    return kt_clock_real.mono(kt_clock_real.self);
}

static void wait_asked(struct gate *g, unsigned n)
{
    (void)pthread_mutex_lock(&g->lock);
    while (g->asked < n)
        (void)pthread_cond_wait(&g->moved, &g->lock);
    (void)pthread_mutex_unlock(&g->lock);
}

static void open_gate(struct gate *g)
{
    (void)pthread_mutex_lock(&g->lock);
    g->shut_from = 0;
    (void)pthread_cond_broadcast(&g->moved);
    (void)pthread_mutex_unlock(&g->lock);
}

/* While a save is being made, and takes for ever, nobody who commits waits: the thread asks for the
 * time before a slice, whether a save is due, and when its rows are made. Whoever waited for the
 * lock here would wait until the alarm. */
static void a_save_in_the_making_holds_nobody_up(void **state)
{
    struct world *w = *state;
    struct kt_follow *f = NULL;
    struct kt_follow_news news = { 0 };
    struct gate gate = { .lock = PTHREAD_MUTEX_INITIALIZER,
                         .moved = PTHREAD_COND_INITIALIZER,
                         .shut_from = 3 };
    const struct kt_clock clock = { .mono = ask_gate, .self = &gate };
    struct kt_follow_options o = { .conf = w->conf, .store_path = w->db, .clock = &clock };
    store_some(w, 100);
    assert_int_equal(kt_follow_open(&o, &f, NULL), KT_OK);
    (void)alarm(120);
    wait_asked(&gate, 3);
    kt_follow_wake(f, 0);
    kt_follow_saved(f, 0);
    assert_int_equal(kt_follow_position(f), kt_store_last_seq(w->store));
    assert_false(kt_follow_take(f, &news)); /* the save is not there yet */
    (void)alarm(0);
    open_gate(&gate);
    kt_follow_stop(f);
    assert_true(kt_follow_take(f, &news));
    assert_true(news.changes != 0 && kt_changed_count(news.rows) > 0);
    kt_follow_free(f);
    kt_follow_news_done(&news);
}

/* Only what fits in `memory` stays there; the rest is read back from the store, and the state in it
 * is the same as of one that had all the room. */
static void a_small_memory_reads_back_from_the_store(void **state)
{
    struct world *w = *state;
    struct kt_follow *f = NULL;
    struct kt_follow_options o = { .conf = w->conf, .store_path = w->db, .memory = 1 };
    store_some(w, 200);
    assert_int_equal(kt_follow_open(&o, &f, NULL), KT_OK);
    for (unsigned round = 0; round < 6; round++) {
        struct kt_follow_news news = { 0 };
        wait_position(f, kt_store_last_seq(w->store));
        for (unsigned i = 0; i < 3000 && !kt_follow_take(f, &news); i++)
            (void)poll(NULL, 0, 10);
        assert_true(news.changes != 0);
        assert_false(news.failed);
        commit_state(w, &news);
        kt_follow_saved(f, news.changes);
        kt_follow_news_done(&news);
        store_some(w, 50);
        kt_follow_wake(f, 0);
    }
    wait_position(f, kt_store_last_seq(w->store));
    kt_follow_free(f);
}

static void lost_entries_are_told(void **state)
{
    struct world *w = *state;
    struct kt_follow *f = NULL;
    struct kt_follow_news news = { 0 };
    struct kt_follow_options o = { .conf = w->conf, .store_path = w->db, .memory = 1 };
    store_some(w, 100);
    assert_int_equal(kt_follow_open(&o, &f, NULL), KT_OK);
    wait_position(f, kt_store_last_seq(w->store));
    kt_follow_stop(f);
    assert_true(kt_follow_take(f, &news));
    commit_state(w, &news);
    kt_follow_free(f);

    o.head = kt_buf_str(&news.head);
    o.settings = kt_buf_str(&news.settings);
    assert_int_equal(kt_follow_open(&o, &f, NULL), KT_OK);
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_store_state_clear(w->store, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    store_some(w, 10);
    kt_follow_wake(f, 0);
    wait_position(f, kt_store_last_seq(w->store));
    kt_follow_stop(f);
    kt_follow_news_done(&news);
    assert_true(kt_follow_take(f, &news));
    assert_false(news.clear); /* the rest of it stands */
    assert_true(news.failed);
    assert_non_null(strstr(news.error, "damaged and forgotten: an entry of table"));
    assert_non_null(strstr(news.error, "is not in the store"));
    kt_follow_free(f);
    kt_follow_news_done(&news);
}

static void a_strange_state_means_a_replay(void **state)
{
    struct world *w = *state;
    struct kt_follow *f = NULL;
    struct kt_follow_options o = { .conf = w->conf,
                                   .store_path = w->db,
                                   .head = KT_STR("of another version") };
    store_some(w, 10);
    assert_int_equal(kt_follow_open(&o, &f, NULL), KT_OK);
    wait_position(f, kt_store_last_seq(w->store));
    kt_follow_free(f);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        T(reads_what_is_there_and_what_comes),
        T(finds_what_the_writer_did_not_speak_of),
        T(a_stop_leaves_a_state_to_go_on_from),
        T(a_strange_state_means_a_replay),
        T(a_save_in_the_making_holds_nobody_up),
        T(a_small_memory_reads_back_from_the_store),
        T(lost_entries_are_told),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_follow", tests, NULL, NULL);
}
