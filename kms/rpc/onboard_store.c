#include "kms/rpc/onboard_store.h"

#include "base/wipe.h"
#include "kms/rpc/boot_check.h"

int onboard_begin(struct kms *k, struct arena *a, const char *refusal, struct diag *d)
{
	struct key_files stored;
	pthread_mutex_lock(&k->setup);
	int e = k->storage->load(k->storage->self, a, &stored, d);
	if (!e && (k->set_up || identity_begun(&stored)))
		e = diag_fail(d, ERR_REFUSED, "%s", refusal);
	if (e)
		pthread_mutex_unlock(&k->setup);
	return e;
}

int onboard_store(struct kms *k, const struct key_files *files, struct diag *d)
{
	int e = k->storage->store(k->storage->self, files, d);
	if (e)
		return diag_wrap(d, e, "Failed to store keys");
	k->set_up = true;
	return 0;
}

void onboard_end(struct kms *k)
{
	pthread_mutex_unlock(&k->setup);
}

int onboard_self_check(struct kms *k, struct arena *a, int64_t now, const char *verb, struct diag *d)
{
	struct boot_info self;
	struct auth_decision answer;
	int e;
	if (!k->config->enforce_self_authorization)
		return 0;
	if ((e = boot_self_info(k, a, now, &self, d)))
		diag_prefix(d, "failed to build local KMS boot info");
	else if ((e = boot_ask(k, a, BOOT_KMS, &self, &answer, d)))
		diag_prefix(d, "failed to call KMS auth check");
	else if (!answer.allowed)
		e = diag_fail(d, ERR_REFUSED, "boot denied: %.*s", SPAN_FMT(answer.reason));
	return e ? diag_wrap(d, e, "KMS is not allowed to %s", verb) : 0;
}

int onboard_auto_bootstrap(struct kms *k, struct arena *a, int64_t now, struct span domain, struct diag *d)
{
	struct identity_keys keys;
	struct key_files files;
	int e = onboard_begin(k, a, "KMS has already been bootstrapped", d);
	if (e)
		return e;
	if ((e = identity_check_domain(domain, d)) || (e = onboard_self_check(k, a, now, "auto-bootstrap", d)))
		goto done;
	identity_generate(&keys);
	e = identity_issue(&keys, domain, k->config->attest_rpc_cert ? k->attester : NULL, now, a, &files, d);
	wipe(&keys, sizeof keys);
	if (e)
		diag_prefix(d, "Failed to generate keys");
	else
		e = onboard_store(k, &files, d);
done:
	onboard_end(k);
	return e;
}
