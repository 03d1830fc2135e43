/* SPDX-License-Identifier: ISC */
#include "hasher.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "answer.h"
#include "console.h"
#include "relayos/base/fdio.h"
#include "relayos/base/mem.h"
#include "relayos/base/secret.h"

struct queue {
    struct hasher_job *first, *last;
};

struct hasher {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t is_work;
    struct queue asked, done; /* under the lock */
    bool is_over;
    int done_fd;
    int n_jobs; /* the loop's alone */
};

static void *work(void *ctx);
static void carry_out(struct hasher_job *job);
static void put(struct queue *queue, struct hasher_job *job);
static struct hasher_job *take(struct queue *queue);
static void on_readable(void *ctx, int fd);
static void job_free(struct hasher_job *job);

int
hasher_new(struct loop *loop, struct hasher **out)
{
    struct hasher *hasher = mem_zalloc(sizeof(*hasher));

    pthread_mutex_init(&hasher->lock, NULL);
    pthread_cond_init(&hasher->is_work, NULL);
    hasher->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (hasher->done_fd >= 0 && pthread_create(&hasher->thread, NULL, work, hasher) == 0) {
        loop_watch_fd(loop, hasher->done_fd, on_readable, hasher);
        *out = hasher;
        return 0;
    }
    fdio_close(&hasher->done_fd);
    free(hasher);
    return ERR_IO;
}

void
hasher_free(struct hasher **hasher)
{
    struct hasher *old = *hasher;
    struct hasher_job *job;

    if (old == NULL)
        return;
    pthread_mutex_lock(&old->lock);
    old->is_over = true;
    pthread_cond_signal(&old->is_work);
    pthread_mutex_unlock(&old->lock);
    pthread_join(old->thread, NULL);
    while ((job = take(&old->asked)) != NULL || (job = take(&old->done)) != NULL)
        job_free(job);
    pthread_cond_destroy(&old->is_work);
    pthread_mutex_destroy(&old->lock);
    free(old);
    *hasher = NULL;
}

struct hasher_job *
hasher_job_new(struct hasher *hasher, bool is_known)
{
    if (hasher->n_jobs >= HASHER_QUEUE - (is_known ? 0 : HASHER_KEPT))
        return NULL;
    hasher->n_jobs++;
    return mem_zalloc(sizeof(struct hasher_job));
}

struct hasher_job *
hasher_job_begin(struct call *call, bool is_known, void (*on_done)(struct hasher_job *job))
{
    struct hasher_job *job = hasher_job_new(call->console->hasher, is_known);

    if (job == NULL) {
        answer_header(call, "retry-after", "1");
        answer_problem(call, 429, "too_many", NULL, "too many passwords at a time; try again");
        return NULL;
    }
    job->ctx = call;
    job->on_done = on_done;
    call_hold(call);
    return job;
}

/* One that is too long is none: it stands there as the empty one, which nobody has. */
void
hasher_job_check(struct hasher_job *job, const char *known, struct slice password)
{
    job->checks = true;
    memcpy(job->known, known, strnlen(known, sizeof(job->known) - 1));
    job->old_len = password.len <= PASSWORD_MAX ? password.len : 0;
    memcpy(job->old_text, password.ptr, job->old_len);
}

void
hasher_job_hash(struct hasher_job *job, struct slice password)
{
    assert(password.len <= PASSWORD_MAX);
    job->hashes = true;
    job->new_len = password.len;
    memcpy(job->new_text, password.ptr, password.len);
}

void
hasher_send(struct hasher *hasher, struct hasher_job *job)
{
    pthread_mutex_lock(&hasher->lock);
    put(&hasher->asked, job);
    pthread_cond_signal(&hasher->is_work);
    pthread_mutex_unlock(&hasher->lock);
}

/* ---- the thread ---- */

static void *
work(void *ctx)
{
    struct hasher *hasher = ctx;

    pthread_mutex_lock(&hasher->lock);
    while (!hasher->is_over) {
        struct hasher_job *job = take(&hasher->asked);

        if (job == NULL) {
            pthread_cond_wait(&hasher->is_work, &hasher->lock);
            continue;
        }
        pthread_mutex_unlock(&hasher->lock);
        carry_out(job);
        pthread_mutex_lock(&hasher->lock);
        put(&hasher->done, job);
        (void)eventfd_write(hasher->done_fd, 1);
    }
    pthread_mutex_unlock(&hasher->lock);
    return NULL;
}

static void
carry_out(struct hasher_job *job)
{
    job->is_same = !job->checks || password_is(job->known, slice_of(job->old_text, job->old_len));
    if (job->is_same && job->hashes)
        job->rc = password_hash(slice_of(job->new_text, job->new_len), job->made);
}

static void
put(struct queue *queue, struct hasher_job *job)
{
    job->next = NULL;
    if (queue->first == NULL)
        queue->first = job;
    else
        queue->last->next = job;
    queue->last = job;
}

static struct hasher_job *
take(struct queue *queue)
{
    struct hasher_job *job = queue->first;

    if (job != NULL)
        queue->first = job->next;
    return job;
}

/* ---- back on the loop ---- */

static void
on_readable(void *ctx, int fd)
{
    struct hasher *hasher = ctx;
    eventfd_t n;

    (void)eventfd_read(fd, &n);
    for (;;) {
        pthread_mutex_lock(&hasher->lock);
        struct hasher_job *job = take(&hasher->done);
        pthread_mutex_unlock(&hasher->lock);
        if (job == NULL)
            return;
        hasher->n_jobs--;
        job->on_done(job);
        job_free(job);
    }
}

static void
job_free(struct hasher_job *job)
{
    secret_wipe(job, sizeof(*job));
    free(job);
}
