/* The files of a release directory, in their order of dependence. Source: image specification 1.4, 1.7, 7.3.
 *
 *   BOOTX64.EFI           the boot file (the caller's)
 *   disk.raw              the disk image that holds it
 *   auth_hash.txt         its Authenticode SHA-256
 *   measurement.gcp.cbor  the same, as verifiers read it
 *   metadata.json         name, version, command line, for people
 *   measurements.json     predicted registers, for auditors
 *   sha256sum.txt         SHA-256 of BOOTX64.EFI, disk.raw, measurement.gcp.cbor, metadata.json
 *   digest.txt            SHA-256 of sha256sum.txt: the identity of the image */
#ifndef UKMS_IMAGE_RELEASE_H
#define UKMS_IMAGE_RELEASE_H

#include "base/err.h"
#include "base/span.h"
#include "base/wr.h"

enum { GCP_MEASUREMENT_LEN = 53 };

struct release {
	const char *dir;     /* exists; BOOTX64.EFI is in it */
	const char *name;    /* "ukms", "ukms-dev" */
	const char *version; /* "1.2.3" */
	const char *cmdline;
	bool dev;
};

/* Writes every file but BOOTX64.EFI; existing ones are replaced. ERR_IO, ERR_CONFIG (a name or version that JSON would have to escape), and
 * the errors of disk_write() and predict(). */
int release_write(const struct release *r, struct diag *d);

/* Checks a release directory against itself: disk.raw holds BOOTX64.EFI and is what release_write() makes of it, and auth_hash.txt,
 * measurement.gcp.cbor, sha256sum.txt and digest.txt follow from it. ERR_REFUSED names the first file that does not. */
int release_check(const char *dir, struct diag *d);

/* The deterministic CBOR {"version": 1, "uki_auth": uki}. */
void release_gcp_measurement(const uint8_t uki[32], uint8_t out[GCP_MEASUREMENT_LEN]);

/* A whole file; *out is malloc'ed, the caller frees out->p. ERR_IO. */
int release_read_file(const char *dir, const char *name, struct span *out, struct diag *d);

/* The predicted registers of uki as JSON (one object, indented, a newline at the end) into w. */
int release_measurements(struct span uki, struct wr *w, struct diag *d);

#endif
