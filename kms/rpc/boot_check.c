#include "kms/rpc/boot_check.h"

#include "base/log.h"
#include "kms/rpc/series.h"

enum { APP_ID_LEN = 20, SELF_ARENA = 32 << 20 };

int boot_ask(const struct kms *k, struct arena *a, enum boot_kind kind, const struct boot_info *b, struct auth_decision *answer,
	     struct diag *d)
{
	uint64_t since = metric_now_us();
	const struct auth_backend *auth = &k->auth;
	int e = (kind == BOOT_KMS ? auth->allow_kms : auth->allow_app)(auth->self, a, b, answer, d);
	metric_observe(&series_auth_seconds, metric_now_us() - since);
	metric_add(&series_auth_calls, 1);
	if (e) {
		metric_add(&series_auth_errors, 1);
		answer->allowed = false;
	}
	return e;
}

int boot_platform_gate(const struct config *c, enum variant v, struct diag *d)
{
	if (v == VARIANT_SEV_SNP && !c->sev_snp_key_release)
		return diag_fail(d, ERR_REFUSED, "amd sev-snp key release is not enabled");
	if (v == VARIANT_NITRO_TPM && !c->aws_nitro_tpm_key_release)
		return diag_fail(d, ERR_REFUSED, "aws nitro-tpm key release is not enabled");
	return 0;
}

bool boot_image_counts(const struct config *c, enum variant v)
{
	return c->image_verify || v == VARIANT_SEV_SNP;
}

static int check_image(struct rpc_call *c, const struct verified *v, struct span vm_config, struct diag *d)
{
	if (!boot_image_counts(c->kms->config, v->variant))
		return 0;
	int e = image_check(c->kms->attest, c->a, v, vm_config, d);
	if (!e)
		return 0;
	metric_add(&series_denials[DENIAL_IMAGE], 1);
	/* Upstream says it twice. */
	diag_prefix(d, "Failed to verify os image hash");
	return diag_wrap(d, e, "Failed to verify os image hash");
}

int boot_check(struct rpc_call *c, const struct verified *v, enum boot_kind kind, bool boottime, struct span vm_config, struct boot_info *b,
	       struct auth_decision *answer, struct diag *d)
{
	if (!v) {
		metric_add(&series_denials[DENIAL_NO_EVIDENCE], 1);
		return diag_fail(d, ERR_REFUSED, "No attestation provided");
	}
	int e = boot_info_derive(c->a, v, vm_config, boottime, b, d);
	if (e == ERR_REFUSED)
		return e;
	if (e)
		return diag_wrap(d, e, "Failed to decode app info");
	c->who = b;
	if (b->app_id.n != APP_ID_LEN)
		return diag_fail(d, ERR_REFUSED, "app_id must be 20 bytes");
	if ((e = boot_ask(c->kms, c->a, kind, b, answer, d)))
		return e;
	if (!answer->allowed) {
		metric_add(&series_denials[DENIAL_POLICY], 1);
		c->denied = true;
		return diag_fail(d, ERR_REFUSED, "Boot denied: %.*s", SPAN_FMT(answer->reason));
	}
	return check_image(c, v, vm_config, d);
}

int boot_self_info(struct kms *k, struct arena *a, int64_t now, struct boot_info *b, struct diag *d)
{
	struct span container;
	struct verified v;
	int e;
	if (!k->attester)
		return diag_fail(d, ERR_MISSING, "Failed to get local KMS attestation: this machine has no evidence to give");
	if ((e = own_evidence_get(&k->own, k->attester, a, &container, d)))
		return diag_wrap(d, e, "Failed to get local KMS attestation");
	if ((e = own_evidence_verify(&k->own, k->attest, a, container, now, "local KMS attestation", &v, d)))
		return e;
	if ((e = boot_info_derive(a, &v, SPAN_LIT(""), false, b, d)))
		return diag_wrap(d, e, "Failed to decode app info");
	return 0;
}

/* Derived once per process, kept only when it succeeded; concurrent first callers wait. */
static int self_info(struct kms *k, int64_t now, const struct boot_info **out, struct diag *d)
{
	struct self_boot *s = &k->self;
	int e = 0;
	pthread_mutex_lock(&s->lock);
	if (!s->known) {
		if (!s->arena.p && arena_open(&s->arena, SELF_ARENA))
			e = diag_fail(d, ERR_LIMIT, "out of memory");
		else
			e = boot_self_info(k, &s->arena, now, &s->info, d);
		s->known = !e;
		own_evidence_forget(&k->own);
		if (e && s->arena.p)
			arena_reset(&s->arena);
	}
	*out = &s->info;
	pthread_mutex_unlock(&s->lock);
	return e ? diag_wrap(d, e, "Failed to load cached self boot info") : 0;
}

bool boot_self_variant(struct kms *k, enum variant *v)
{
	pthread_mutex_lock(&k->self.lock);
	bool known = k->self.known;
	if (known)
		*v = k->self.info.variant;
	pthread_mutex_unlock(&k->self.lock);
	return known;
}

int boot_self_check(struct rpc_call *c, struct diag *d)
{
	const struct boot_info *self;
	struct auth_decision answer;
	struct kms *k = c->kms;
	if (!k->config->enforce_self_authorization)
		return 0;
	int e = self_info(k, c->now, &self, d);
	if (!e && (e = boot_ask(k, c->a, BOOT_KMS, self, &answer, d)))
		e = diag_wrap(d, e, "Failed to call self KMS auth check");
	if (!e && !answer.allowed)
		e = diag_fail(d, ERR_REFUSED, "KMS is not allowed: %.*s", SPAN_FMT(answer.reason));
	if (!e)
		return 0;
	metric_add(&series_denials[DENIAL_SELF], 1);
	log_warn("rpc", "self authorization failed error=\"%s\"", d->text);
	return diag_wrap(d, e, "KMS self authorization failed");
}
