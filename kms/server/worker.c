#include "base/wipe.h"
#include "kms/server/conn.h"

/* Of one request: a body of 10 MiB, its parse tree and the answer fit. Pages beyond what requests usually need are given back. */
enum { ARENA_BYTES = 64 * 1024 * 1024, ARENA_KEEP = 1024 * 1024 };

bool queue_push(struct server *s, struct conn *c)
{
	bool taken = true;
	pthread_mutex_lock(&s->lock);
	struct worker *w = s->idle;
	if (w) {
		/* The worker that rested last has the warmest stack and arena. */
		s->idle = w->next_idle;
		w->job = c;
		pthread_cond_signal(&w->go);
	} else if (s->queued < s->limits.queue) {
		s->ring[(s->head + s->queued++) % s->limits.queue] = c;
		metric_add(&server_series.queue, 1);
	} else {
		taken = false;
	}
	pthread_mutex_unlock(&s->lock);
	return taken;
}

/* The next job, or NULL at the end. */
static struct conn *next_job(struct worker *w)
{
	struct server *s = w->server;
	struct conn *c = NULL;
	pthread_mutex_lock(&s->lock);
	if (s->queued > 0) {
		c = s->ring[s->head];
		s->head = (s->head + 1) % s->limits.queue;
		s->queued--;
		metric_add(&server_series.queue, -1);
	} else if (!s->closed) {
		w->job = NULL;
		w->next_idle = s->idle;
		s->idle = w;
		while (!w->job && !s->closed)
			pthread_cond_wait(&w->go, &s->lock);
		c = w->job;
	}
	pthread_mutex_unlock(&s->lock);
	return c;
}

static void serve(struct worker *w, struct conn *c)
{
	struct server *s = w->server;
	struct http_request *q = &c->slot->req;
	struct http_response r = {0};
	if (metric_now_us() - c->asked > s->queue_us) {
		metric_add(&server_series.queue_late, 1);
		answer_plain(c, 503, false);
		return;
	}
	if (!w->arena.p && arena_open(&w->arena, ARENA_BYTES) != 0) {
		metric_add(&server_series.memory_full, 1);
		answer_plain(c, 503, true);
		return;
	}
	q->arena = &w->arena;
	metric_add(&server_series.busy, 1);
	s->cfg.handler(s->cfg.ctx, q, &r);
	metric_add(&server_series.busy, -1);
	if (r.status == 0)
		answer_plain(c, 500, true);
	else
		answer_build(c, &r);
	if (w->arena.used > ARENA_KEEP)
		arena_close(&w->arena);
	else
		arena_reset(&w->arena);
}

void *worker_main(void *worker)
{
	struct worker *w = worker;
	struct conn *c;
	while ((c = next_job(w)) != NULL) {
		serve(w, c);
		loop_answered(c->loop, c);
	}
	arena_close(&w->arena);
	return NULL;
}
