/* Inside the server: what its files share. One loop thread owns a connection except while a worker has it (PHASE_WORK). */
#ifndef UKMS_KMS_SERVER_CONN_H
#define UKMS_KMS_SERVER_CONN_H

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "crypto/tls.h"
#include "kms/server/http_parser.h"
#include "kms/server/series.h"
#include "kms/server/server.h"

struct link {
	struct link *prev, *next;
};
static inline void link_init(struct link *l)
{
	l->prev = l->next = l;
}
static inline bool link_alone(const struct link *l)
{
	return l->next == l;
}
static inline void link_out(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	link_init(l);
}
static inline void link_last(struct link *list, struct link *l)
{
	l->prev = list->prev;
	l->next = list;
	list->prev->next = l;
	list->prev = l;
}

enum { SLOT_STORE = 64 * 1024, PEER_TEXT = 64 };

/* What a connection holds only while it is not idle. Pages that are never touched cost nothing. */
struct slot {
	struct conn *holder; /* NULL: free */
	uint8_t in[TLS_IN_SIZE];
	uint8_t out[TLS_OUT_SIZE];
	size_t in_high, out_high, store_high; /* bytes to wipe */
	struct tls_peer peer;
	struct http_parser parser;
	struct http_request req;
	char peer_text[PEER_TEXT];
	uint8_t store[SLOT_STORE]; /* head and small body of the request, later the answer */
};

struct conn {
	struct loop *loop;
	struct conn *next; /* on the free list or the list of answered ones */
	int fd;
	uint32_t generation; /* tells events of an earlier connection in this place */
	enum phase phase;
	uint64_t since, accepted; /* microseconds */
	struct link by_phase, starved, again;
	unsigned receives; /* left of this turn */
	bool can_read, can_write, handshaken, shutdown, close_after;
	struct slot *slot;
	size_t in_at, in_len; /* plain HTTP: unread bytes of slot->in */
	struct span out;      /* what is left of the answer */
	size_t out_mark;      /* out.n when the peer was last seen to take a good piece */
	struct arena big_out; /* holds the answer if the slot's store is too small */
	size_t big_charged;
	uint8_t *cert; /* DER of the client certificate, or NULL */
	size_t cert_len;
	uint64_t asked; /* when the request was complete */
	struct sockaddr_storage from;
	br_ssl_server_context tls; /* last: a plain connection never touches it */
};

struct loop {
	struct server *server;
	pthread_t thread;
	int ep, wake;
	uint64_t now;
	struct conn *conns, *free_conns;
	unsigned conns_fresh, open;
	struct slot *slots;
	uint32_t *free_slots; /* a stack of indices; those below clean_slots have no pages */
	unsigned slots_max, free_count, clean_slots;
	uint64_t last_trim;
	struct link phases[PHASES], starved, again;
	pthread_mutex_t lock; /* over answered */
	struct conn *answered;
	bool accepting, ending, short_of_memory;
	uint64_t retry_accept, end_at;
	uint8_t scratch[16384];
};

struct worker {
	struct server *server;
	pthread_t thread;
	pthread_cond_t go;
	struct conn *job;
	struct worker *next_idle;
	struct arena arena;
};

enum { CHAIN_MAX = 8 };

struct server {
	struct server_config cfg; /* without .tls */
	bool tls;
	struct server_limits limits;
	struct http_bounds bounds;
	uint64_t phase_us[PHASES], queue_us;
	int listen_fd;
	bool own_listen;

	br_x509_certificate chain[CHAIN_MAX];
	size_t chain_len;
	uint8_t *chain_bytes, *ca_bytes;
	br_ec_private_key key;
	uint8_t key_bytes[32];
	struct x509 ca;
	br_x500_name ca_name;

	atomic_uint open;     /* of all loops; may pass the bound by one for each loop but the first */
	struct budget bodies; /* and answers */
	struct budget certs;
	struct loop *loops;
	unsigned loop_count, loops_started;

	pthread_mutex_t lock; /* over everything below */
	struct conn **ring;
	unsigned head, queued;
	struct worker *workers, *idle;
	unsigned worker_count, workers_started;
	bool closed;
	_Atomic bool stopping;
};

/* slot.c: false if there is none now; the connection is then run again when there is. */
bool slot_attach(struct conn *c);
void slot_release(struct conn *c);
void slots_trim(struct loop *l);

/* wire.c: plaintext over the socket, with TLS or without. */
enum wire { WIRE_GONE = -1, WIRE_WAIT = 0, WIRE_OK = 1 };
void wire_start(struct conn *c);
/* WIRE_OK: the handshake is over and the client certificate, if any, is good and proved. */
enum wire wire_handshake(struct conn *c);
/* More plaintext, at least one byte. */
enum wire wire_read(struct conn *c, struct span *plain);
void wire_took(struct conn *c, size_t n);
/* Sends from todo; WIRE_OK: all of it is with the kernel. */
enum wire wire_write(struct conn *c, struct span *todo);
/* true if the slot holds nothing that is still needed */
bool wire_quiet(const struct conn *c);
/* Plaintext is waiting in the slot, so that no event of the socket will announce it. */
bool wire_pending(const struct conn *c);
/* close_notify, and no more output. */
void wire_end(struct conn *c);

/* Ends the slot's parser, if there is one. */
void request_end(struct conn *c);

/* answer.c: turns a response into c->out; ends the request's parser. */
void answer_build(struct conn *c, const struct http_response *r);
/* An answer of the server itself: "503 Service Unavailable" and so on. */
void answer_plain(struct conn *c, int status, bool close);
void answer_free(struct conn *c);

/* conn.c */
struct conn *conn_open(struct loop *l, int fd, const struct sockaddr_storage *from);
void conn_enter(struct conn *c, enum phase p);
void conn_run(struct conn *c);
void conn_close(struct conn *c);

/* loop.c */
/* Every loop has places for all connections of the server, since the system hands them out unevenly. Places that are never taken cost
 * nothing. */
int loop_open(struct loop *l, struct server *s, unsigned slots, struct diag *d);
unsigned loop_places(const struct server *s);
void loop_close(struct loop *l);
void *loop_main(void *loop);
void loop_wake(struct loop *l);
void loop_answered(struct loop *l, struct conn *c);
/* Its turn is over and there is more: c is run again after the others. */
void loop_again(struct conn *c);

/* room.c: who goes so that somebody can come: NULL if everybody has a right to stay. A silent handshake goes before an idle connection. */
struct conn *room_for_connection(struct loop *l);
struct conn *room_for_slot(struct loop *l);
struct conn *room_for_cert(struct loop *l, const struct conn *keep);
void room_evict(struct conn *c, atomic_long *counter);
/* When memory is nearly used up: closes those of this loop who hold some of it for long. true if it is still short. */
bool room_relieve(struct loop *l);

/* worker.c */
void *worker_main(void *worker);
/* false: the queue is full */
bool queue_push(struct server *s, struct conn *c);

#endif
