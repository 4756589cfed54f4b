// SPDX-License-Identifier: Apache-2.0
#include "net/http_pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct http_pool {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct http_job *head, **tail;
	size_t n_waiting;
	bool stopping;
	unsigned n_threads;
	pthread_t threads[];
};

static void *worker(void *arg)
{
	struct http_pool *pool = arg;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		struct http_job *job = pool->head;

		if (job) {
			pool->head = job->next;
			pool->n_waiting--;
			if (!pool->head)
				pool->tail = &pool->head;
			pthread_mutex_unlock(&pool->lock);
			job->run(job);
			pthread_mutex_lock(&pool->lock);
		} else if (pool->stopping) {
			break;
		} else {
			pthread_cond_wait(&pool->work, &pool->lock);
		}
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

int http_pool_new(unsigned threads, struct http_pool **ret_pool)
{
	struct http_pool *pool = calloc(1, sizeof(*pool) + threads * sizeof(pool->threads[0]));
	sigset_t all, old;
	int r = 0;

	if (!pool)
		return -ENOMEM;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pool->tail = &pool->head;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (r == 0 && pool->n_threads < threads) {
		r = -pthread_create(&pool->threads[pool->n_threads], NULL, worker, pool);
		pool->n_threads += r == 0;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r < 0) {
		http_pool_free(pool);
		return r;
	}
	*ret_pool = pool;
	return 0;
}

bool http_pool_add(struct http_pool *pool, struct http_job *job)
{
	bool accepted;

	job->next = NULL;
	pthread_mutex_lock(&pool->lock);
	accepted = !pool->stopping;
	if (accepted) {
		*pool->tail = job;
		pool->tail = &job->next;
		pool->n_waiting++;
		pthread_cond_signal(&pool->work);
	}
	pthread_mutex_unlock(&pool->lock);
	return accepted;
}

size_t http_pool_waiting(struct http_pool *pool)
{
	size_t n;

	pthread_mutex_lock(&pool->lock);
	n = pool->n_waiting;
	pthread_mutex_unlock(&pool->lock);
	return n;
}

void http_pool_stop(struct http_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (; pool->n_threads; pool->n_threads--)
		pthread_join(pool->threads[pool->n_threads - 1], NULL);
}

void http_pool_free(struct http_pool *pool)
{
	if (!pool)
		return;
	http_pool_stop(pool);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
