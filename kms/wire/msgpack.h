/* MessagePack, as far as dstack uses it (attestation specification 1.4, protocol specification 5.8). One call takes one value; on another
 * type than asked for, the reader turns bad. Integers and lengths are read in any width, and written in the shortest. */
#ifndef UKMS_KMS_WIRE_MSGPACK_H
#define UKMS_KMS_WIRE_MSGPACK_H

#include "base/rd.h"
#include "base/wr.h"

/* Number of items; the reader turns bad if the rest of the input cannot hold them. */
size_t msgpack_array(struct rd *r);
/* Number of pairs, likewise. */
size_t msgpack_map(struct rd *r);
/* A non-negative integer of any encoding, at most max. */
uint64_t msgpack_uint(struct rd *r, uint64_t max);
/* str: must be UTF-8 */
struct span msgpack_str(struct rd *r);
struct span msgpack_bin(struct rd *r);
/* true, and takes it, if nil follows */
bool msgpack_nil(struct rd *r);
/* Skips one value of any type, nested at most 64 deep and of at most 2^21 values in all; a reader over exactly its encoding. */
struct rd msgpack_skip(struct rd *r);

/* Takes a map with str keys and finds the values of the n named members: found[i] reads the value of names[i], or is bad when it is
 * absent. Unknown members are skipped. A repeated known member, a key that is no str, or more than 1024 members make r bad. */
void msgpack_members(struct rd *r, const char *const *names, struct rd *found, size_t n);

void msgpack_put_array(struct wr *w, size_t n);
void msgpack_put_map(struct wr *w, size_t n);
void msgpack_put_uint(struct wr *w, uint64_t v);
void msgpack_put_str(struct wr *w, struct span s);
void msgpack_put_bin(struct wr *w, struct span s);
/* A byte vector as serde writes it by default: an array of integers. */
void msgpack_put_bytes_as_array(struct wr *w, struct span s);

#endif
