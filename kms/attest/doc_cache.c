#include "kms/attest/doc_cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/err.h"

struct doc {
	uint8_t *p; /* address, then document */
	size_t uri_len, body_len;
	int64_t expires;
};

struct doc_cache {
	pthread_mutex_t lock;
	struct doc doc[DOC_CACHE_ENTRIES];
};

int doc_cache_open(struct doc_cache **out)
{
	struct doc_cache *c = calloc(1, sizeof *c);
	if (!c)
		return ERR_LIMIT;
	pthread_mutex_init(&c->lock, NULL);
	*out = c;
	return 0;
}

void doc_cache_close(struct doc_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < DOC_CACHE_ENTRIES; i++)
		free(c->doc[i].p);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct doc *find(struct doc_cache *c, struct span uri)
{
	for (size_t i = 0; i < DOC_CACHE_ENTRIES; i++)
		if (c->doc[i].p && span_eq(SPAN(c->doc[i].p, c->doc[i].uri_len), uri))
			return &c->doc[i];
	return NULL;
}

bool doc_cache_get(struct doc_cache *c, struct arena *a, struct span uri, int64_t now, struct span *body)
{
	bool hit = false;
	pthread_mutex_lock(&c->lock);
	const struct doc *doc = find(c, uri);
	if (doc && now < doc->expires) {
		*body = arena_dup(a, SPAN(doc->p + doc->uri_len, doc->body_len));
		hit = body->p != NULL;
	}
	pthread_mutex_unlock(&c->lock);
	return hit;
}

void doc_cache_put(struct doc_cache *c, struct span uri, struct span body, int64_t expires)
{
	if (body.n > DOC_CACHE_DOCUMENT_MAX || uri.n == 0)
		return;
	uint8_t *p = malloc(uri.n + body.n);
	if (!p)
		return;
	memcpy(p, uri.p, uri.n);
	if (body.n)
		memcpy(p + uri.n, body.p, body.n);
	pthread_mutex_lock(&c->lock);
	struct doc *doc = find(c, uri);
	for (size_t i = 0; !doc && i < DOC_CACHE_ENTRIES; i++)
		if (!c->doc[i].p)
			doc = &c->doc[i];
	if (!doc) {
		doc = &c->doc[0];
		for (size_t i = 1; i < DOC_CACHE_ENTRIES; i++)
			if (c->doc[i].expires < doc->expires)
				doc = &c->doc[i];
	}
	free(doc->p);
	*doc = (struct doc){p, uri.n, body.n, expires};
	pthread_mutex_unlock(&c->lock);
}
