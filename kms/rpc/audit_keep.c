#include "kms/rpc/audit_keep.h"

#include "base/log.h"

/* ERR_MISSING: nothing was stored yet, so there is nothing to go on from either. */
static int save(struct audit_keep *k, const struct audit_head *h, struct diag *d)
{
	return k->storage->save_head ? k->storage->save_head(k->storage->self, h, d) : diag_fail(d, ERR_MISSING, "storage keeps no head");
}

static void save_or_log(struct audit_keep *k, const struct audit_head *h)
{
	struct diag d = {0};
	int e = save(k, h, &d);
	if (e && e != ERR_MISSING)
		log_error("audit", "the head of the audit log is not kept sequence=%llu error=\"%s\"", (unsigned long long)h->n, d.text);
}

void audit_keep_init(struct audit_keep *k)
{
	*k = (struct audit_keep){0};
	pthread_mutex_init(&k->lock, NULL);
}

int audit_keep_begin(struct audit_keep *k, struct audit *log, const struct key_storage *storage, int64_t now, struct diag *d)
{
	struct audit_head previous, head;
	struct diag why = {0};
	int e = storage->load_head ? storage->load_head(storage->self, &previous, &why)
				   : diag_fail(&why, ERR_MISSING, "storage keeps no head");
	if (e && e != ERR_MISSING)
		log_warn("audit", "the audit log begins anew error=\"%s\"", why.text);
	bool clean = !e && previous.clean;
	/* From here on there is something to end: before, an end would keep an empty log's head in place of the one just read. */
	pthread_mutex_lock(&k->lock);
	k->log = log;
	k->storage = storage;
	audit_begin(log, now, e ? NULL : &previous, why.text);
	audit_head_now(log, &head);
	e = 0;
	if (!clean)
		save_or_log(k, &head);
	else if ((e = save(k, &head, d)))
		diag_wrap(d, e, "the audit log of this process cannot be told from the one before");
	pthread_mutex_unlock(&k->lock);
	return e;
}

void audit_keep_save(struct audit_keep *k)
{
	struct audit_head head;
	pthread_mutex_lock(&k->lock);
	if (!k->ended) {
		audit_head_now(k->log, &head);
		save_or_log(k, &head);
	}
	pthread_mutex_unlock(&k->lock);
}

void audit_keep_end(struct audit_keep *k)
{
	struct audit_head head;
	pthread_mutex_lock(&k->lock);
	if (k->log && !k->ended) {
		audit_stop(k->log, &head);
		save_or_log(k, &head);
		k->ended = true;
	}
	pthread_mutex_unlock(&k->lock);
}
