// SPDX-License-Identifier: Apache-2.0
/* Worker threads with one queue. Jobs are intrusive, so that queueing one can't fail for memory. */
#ifndef CEEMS_NET_HTTP_POOL_H
#define CEEMS_NET_HTTP_POOL_H

#include <stdbool.h>
#include <stddef.h>

struct http_job {
	struct http_job *next;
	void (*run)(struct http_job *job); /* may free the job */
};

struct http_pool;

/* Threads have all signals blocked: those belong to the program's own thread. 0 or -errno. */
int http_pool_new(unsigned threads, struct http_pool **ret_pool);

/* False once the pool is being stopped: the job will not run. */
bool http_pool_add(struct http_pool *pool, struct http_job *job);

/* Runs what is queued, waits for it and ends the threads. The pool still refuses jobs after it. */
/* Jobs that wait for a worker. */
size_t http_pool_waiting(struct http_pool *pool);
void http_pool_stop(struct http_pool *pool);

/* Stops and frees. */
void http_pool_free(struct http_pool *pool);

#endif
