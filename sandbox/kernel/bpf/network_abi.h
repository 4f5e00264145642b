/* What the BPF programs of network control (network.bpf.c) share with those who fill and read their maps.
 * Plain C: clang's BPF back end reads it, too. A change of any of it needs a new HF_NET_ABI. */
#pragma once

#include <linux/types.h>

#define HF_NET_ABI 1

/* One container's rules fill one page. */
#define HF_NET_RULES 101
/* Containers with network control at a time. */
#define HF_NET_SLOTS 4096
/* Bytes of one container's ring of events: a power of two, at least a page. */
#define HF_NET_RING 16384
/* Rings are made this many at a time: putting them in place waits for all processors. */
#define HF_NET_RING_BATCH 64

/* hf_net_rule.use */
#define HF_NET_EGRESS 1u  /* where to: the peer's address and port */
#define HF_NET_INGRESS 2u /* who may come: the peer's address, the own port */
#define HF_NET_BIND 4u    /* the own port, whatever the address */

/* Addresses are 128 bits in network order, those of version 4 as ::ffff:a.b.c.d. */
struct hf_net_rule {
  __u64 address[2]; /* 0 where the mask is */
  __u64 mask[2];
  __u16 first, last; /* ports */
  __u8 protocol;     /* IPPROTO_TCP, IPPROTO_UDP; 0: any */
  __u8 use;
  __u8 family; /* 4, 6: only addresses of this version, whatever the mask; 0: both */
  __u8 unused;
};

/* hf_net_scope.flags */
#define HF_NET_LIMITS_EGRESS 1u   /* only what the rules of HF_NET_EGRESS say */
#define HF_NET_LIMITS_INGRESS 2u  /* the same of HF_NET_INGRESS and HF_NET_BIND */
#define HF_NET_NO_RAW 4u          /* no raw sockets, and none of other protocols than TCP and UDP */
#define HF_NET_OWN_LOOPBACK 8u    /* 127.0.0.0/8 and ::1 are the container's own */
#define HF_NET_RECORD_ALLOWED 16u /* the first of each allowed connection, too */
#define HF_NET_TELL_ONLY 32u      /* what the rules refuse is told and goes on */

/* Storage of one cgroup that the programs are attached to. All zero, as the kernel makes it: nothing is
 * let through. */
struct hf_net_scope {
  __u32 abi;
  __u32 slot; /* of hf_net_slots and hf_net_rings */
  __u32 flags;
  __u32 count; /* of rules */
  __u64 cgroup;
  struct hf_net_rule rules[HF_NET_RULES];
};

/* Shared memory: whoever has it mapped can cut a container off. */
struct hf_net_slot {
  __u64 isolated; /* not 0: nothing goes in or out */
  __u64 lost;     /* events that found the ring full */
};

/* hf_net_event.what */
#define HF_NET_CONNECT 0
#define HF_NET_SEND 1
#define HF_NET_BOUND 2
#define HF_NET_SOCKET 3
#define HF_NET_ARRIVED 4 /* a packet from outside */
#define HF_NET_PACKET 5  /* one that leaves and goes round the rules: source routing */

/* hf_net_event.verdict */
#define HF_NET_REFUSED 0
#define HF_NET_ALLOWED 1
#define HF_NET_TOLD 2 /* against the rules, and let through (HF_NET_TELL_ONLY) */

struct hf_net_event {
  __u64 time;   /* CLOCK_MONOTONIC, nanoseconds */
  __u64 cgroup; /* of the scope */
  __u64 before; /* how many of the same were not told since the last one */
  __u32 pid;    /* thread group, on the host; 0: not in the context of a process */
  __u32 uid;
  __u64 address[2]; /* of the peer; of HF_NET_BOUND the own one */
  __u16 port;
  __u16 type; /* SOCK_* of HF_NET_SOCKET */
  __u8 family;
  __u8 protocol;
  __u8 what;
  __u8 verdict;
  char command[16];
};
