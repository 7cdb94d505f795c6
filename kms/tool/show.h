/* Parts of answers that several kinds write. */
#ifndef UKMS_KMS_TOOL_SHOW_H
#define UKMS_KMS_TOOL_SHOW_H

#include "crypto/x509.h"
#include "kms/attest/dcap.h"
#include "kms/attest/evidence.h"
#include "kms/attest/nsm.h"
#include "kms/tool/tool.h"

void show_texts(struct out *o, const char *key, const struct span *list, size_t n);
/* Members of an NSM document; inside an object if key is given. */
void show_nsm_doc(struct tool *t, const char *key, const struct nsm_doc *doc, size_t cose_len);
/* Members of an SEV-SNP report and of what follows from it. */
void show_snp(struct tool *t, const struct evidence *ev);
/* The PCK chain inside a quote and its Intel extension, unverified. chain has room for X509_CHAIN_MAX. */
int show_pck_info(struct tool *t, const struct quote *q, struct span *chain, size_t *n, struct pck_info *out);
/* A Name as RFC 4514 writes it. */
void show_name(struct tool *t, const char *key, struct span name);
/* The text of an event log that a request names: an array, or the name of a file. */
int show_event_log_text(struct tool *t, const struct json *j, struct span *out);

#endif
