/* Network control: which connections, datagrams and sockets the processes of a container may make. Attached
 * to the container's cgroup of version 2, the programs run for all that descends from it.
 *
 * The rules are storage of the cgroup that a program is attached to (BPF_MAP_TYPE_CGROUP_STORAGE): no
 * search, no entry that outlives the cgroup, and nobody in the container can reach it.
 *
 *   connect4, connect6    TCP (fast open, too) and UDP; EPERM
 *   sendmsg4, sendmsg6    UDP without connect; EPERM
 *   bind4, bind6          the port of a socket that is bound by name; EPERM
 *   sock_create           raw sockets, protocols that no other hook sees; EPERM
 *   egress, ingress       packets: source routing, who may come (the first packet of a connection,
 *                         however its socket got its port), and isolation of what is connected already
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "network_abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define HF_AF_INET 2
#define HF_AF_INET6 10
#define HF_SOCK_STREAM 1
#define HF_SOCK_DGRAM 2
#define HF_SECOND 1000000000ull
#define HF_ICMPV6 58

struct {
  __uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
  __type(key, __u64); /* of all attach types of a cgroup the same */
  __type(value, struct hf_net_scope);
} hf_net_scopes SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, HF_NET_SLOTS);
  __type(key, __u32);
  __type(value, struct hf_net_slot);
} hf_net_slots SEC(".maps");

/* Whose a slot is: the cgroup's id. Read and written by create alone; the last tells how many have rings. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, HF_NET_SLOTS + 1);
  __type(key, __u32);
  __type(value, __u64);
} hf_net_owners SEC(".maps");

struct hf_net_ring {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, HF_NET_RING);
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, HF_NET_SLOTS);
  __type(key, __u32);
  __array(values, struct hf_net_ring);
} hf_net_rings SEC(".maps");

/* What was told already, so that neither a retry loop nor a flood from outside fills the ring. */
struct told_key {
  __u64 cgroup;
  __u64 address[2];
  __u16 port;
  __u8 protocol;
  __u8 what;
  __u32 verdict;
};
struct told {
  __u64 time;
  __u64 since;
};
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 8192);
  __type(key, struct told_key);
  __type(value, struct told);
} hf_net_told SEC(".maps");

/* What is asked for. */
struct request {
  __u64 address[2];
  __u16 port;
  __u16 type;
  __u8 family;
  __u8 protocol;
  __u8 what;
  bool by_process;
};

static __always_inline bool is_isolated(const struct hf_net_scope *scope) {
  __u32 slot = scope->slot;
  const struct hf_net_slot *shared = bpf_map_lookup_elem(&hf_net_slots, &slot);
  return !shared || *(volatile const __u64 *)&shared->isolated != 0;
}

static __always_inline bool is_loopback(const __u64 address[2]) {
  if (address[0] != 0) return false;
  __u64 low = bpf_be64_to_cpu(address[1]);
  return low == 1 || low >> 24 == 0xffff7f;
}

/* 0.0.0.0 and :: reach the loopback address (ip(7)): the rules see what is reached. */
static __always_inline void settle(struct request *asked) {
  if (asked->address[0] != 0) return;
  if (asked->address[1] == 0) asked->address[1] = bpf_cpu_to_be64(1);
  if (asked->address[1] == bpf_cpu_to_be64(0xffff00000000ull))
    asked->address[1] = bpf_cpu_to_be64(0xffff7f000001ull);
}

static __always_inline void address_v4(__u64 to[2], __u32 address) {
  to[0] = 0;
  to[1] = bpf_cpu_to_be64(0xffff00000000ull | bpf_ntohl(address));
}

/* Whether a rule of this use has the port, protocol and (where `peer`) the address. */
static __attribute__((noinline)) int matches(const struct hf_net_scope *scope,
                                             const struct request *asked, __u8 use, bool peer,
                                             __u16 port) {
  if (!scope || !asked) return 0;
  __u32 count = scope->count;
  __u64 high = asked->address[0], low = asked->address[1];
  __u8 protocol = asked->protocol;
  __u8 family = high == 0 && (bpf_be64_to_cpu(low) >> 32) == 0xffff ? 4 : 6;
  for (__u32 i = 0; i < HF_NET_RULES; ++i) {
    if (i >= count) break;
    const struct hf_net_rule *rule = &scope->rules[i];
    if (!(rule->use & use) || port < rule->first || port > rule->last) continue;
    if (rule->protocol && rule->protocol != protocol) continue;
    if (peer) {
      if (rule->family && rule->family != family) continue;
      if (((high ^ rule->address[0]) & rule->mask[0]) | ((low ^ rule->address[1]) & rule->mask[1]))
        continue;
    }
    return 1;
  }
  return 0;
}

static __attribute__((noinline)) int tell(const struct hf_net_scope *scope,
                                          const struct request *asked, __u32 verdict) {
  if (!scope || !asked) return 0;
  struct told_key key = {};
  key.cgroup = scope->cgroup;
  key.address[0] = asked->address[0];
  key.address[1] = asked->address[1];
  key.port = asked->port;
  key.protocol = asked->protocol;
  key.what = asked->what;
  key.verdict = verdict;
  __u64 now = bpf_ktime_get_ns();
  struct told *last = bpf_map_lookup_elem(&hf_net_told, &key);
  __u64 before = 0;
  if (last) {
    if (verdict == HF_NET_ALLOWED) return 0;
    if (now - last->time < HF_SECOND) {
      __sync_fetch_and_add(&last->since, 1);
      return 0;
    }
    before = last->since;
    last->since = 0;
    last->time = now;
  } else {
    struct told fresh = {.time = now};
    bpf_map_update_elem(&hf_net_told, &key, &fresh, BPF_ANY);
  }
  struct hf_net_event event = {};
  event.time = now;
  event.cgroup = scope->cgroup;
  event.before = before;
  event.address[0] = asked->address[0];
  event.address[1] = asked->address[1];
  event.port = asked->port;
  event.type = asked->type;
  event.family = asked->family;
  event.protocol = asked->protocol;
  event.what = asked->what;
  event.verdict = verdict;
  if (asked->by_process) {
    event.pid = bpf_get_current_pid_tgid() >> 32;
    event.uid = bpf_get_current_uid_gid();
    bpf_get_current_comm(event.command, sizeof event.command);
  }
  __u32 slot = scope->slot;
  void *ring = bpf_map_lookup_elem(&hf_net_rings, &slot);
  if (ring && bpf_ringbuf_output(ring, &event, sizeof event, 0) == 0) return 0;
  struct hf_net_slot *shared = bpf_map_lookup_elem(&hf_net_slots, &slot);
  if (shared) __sync_fetch_and_add(&shared->lost, 1);
  return 0;
}

/* 1: goes on; 0: EPERM, or the packet is dropped. */
static __always_inline int refuse(const struct hf_net_scope *scope, const struct request *asked) {
  bool only_told = scope->flags & HF_NET_TELL_ONLY;
  tell(scope, asked, only_told ? HF_NET_TOLD : HF_NET_REFUSED);
  return only_told;
}
static __always_inline int allow(const struct hf_net_scope *scope, const struct request *asked) {
  if (scope->flags & HF_NET_RECORD_ALLOWED) tell(scope, asked, HF_NET_ALLOWED);
  return 1;
}

static __always_inline const struct hf_net_scope *scope_of(void) {
  return bpf_get_local_storage(&hf_net_scopes, 0);
}

/* Filled by one who speaks as we do. */
static __always_inline bool is_ready(const struct hf_net_scope *scope) {
  return scope->abi == HF_NET_ABI;
}

static __always_inline bool is_own_loopback(const struct hf_net_scope *scope,
                                            const struct request *asked) {
  return (scope->flags & HF_NET_OWN_LOOPBACK) && is_loopback(asked->address);
}

static __always_inline int judge_peer(struct request *asked) {
  const struct hf_net_scope *scope = scope_of();
  if (!is_ready(scope)) return 0;
  settle(asked);
  if (is_isolated(scope)) {
    tell(scope, asked, HF_NET_REFUSED);
    return 0;
  }
  if ((scope->flags & HF_NET_LIMITS_EGRESS) && !is_own_loopback(scope, asked) &&
      !matches(scope, asked, HF_NET_EGRESS, true, asked->port))
    return refuse(scope, asked);
  return allow(scope, asked);
}

static __always_inline int judge_bind(struct request *asked) {
  const struct hf_net_scope *scope = scope_of();
  if (!is_ready(scope)) return 0;
  if (is_isolated(scope)) {
    tell(scope, asked, HF_NET_REFUSED);
    return 0;
  }
  /* Port 0 is whichever is free: a client's. Nobody comes in through it (ingress). */
  if (!(scope->flags & HF_NET_LIMITS_INGRESS) || asked->port == 0 ||
      is_own_loopback(scope, asked) || matches(scope, asked, HF_NET_BIND, false, asked->port))
    return allow(scope, asked);
  return refuse(scope, asked);
}

#define HF_REQUEST(ctx, kind)                                                          \
  struct request asked = {.port = bpf_ntohs((ctx)->user_port),                         \
                          .type = (ctx)->type,                                         \
                          .protocol = (ctx)->protocol,                                 \
                          .what = (kind),                                              \
                          .by_process = true}

static __always_inline void take_v4(struct bpf_sock_addr *ctx, struct request *asked) {
  asked->family = HF_AF_INET;
  address_v4(asked->address, ctx->user_ip4);
}
static __always_inline void take_v6(struct bpf_sock_addr *ctx, struct request *asked) {
  __u64 a = ctx->user_ip6[0], b = ctx->user_ip6[1], c = ctx->user_ip6[2], d = ctx->user_ip6[3];
  asked->family = HF_AF_INET6;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  asked->address[0] = a | b << 32;
  asked->address[1] = c | d << 32;
#else
  asked->address[0] = a << 32 | b;
  asked->address[1] = c << 32 | d;
#endif
}

SEC("cgroup/connect4")
int hf_connect4(struct bpf_sock_addr *ctx) {
  HF_REQUEST(ctx, HF_NET_CONNECT);
  take_v4(ctx, &asked);
  return judge_peer(&asked);
}
SEC("cgroup/connect6")
int hf_connect6(struct bpf_sock_addr *ctx) {
  HF_REQUEST(ctx, HF_NET_CONNECT);
  take_v6(ctx, &asked);
  return judge_peer(&asked);
}
SEC("cgroup/sendmsg4")
int hf_sendmsg4(struct bpf_sock_addr *ctx) {
  HF_REQUEST(ctx, HF_NET_SEND);
  take_v4(ctx, &asked);
  return judge_peer(&asked);
}
SEC("cgroup/sendmsg6")
int hf_sendmsg6(struct bpf_sock_addr *ctx) {
  HF_REQUEST(ctx, HF_NET_SEND);
  take_v6(ctx, &asked);
  return judge_peer(&asked);
}
SEC("cgroup/bind4")
int hf_bind4(struct bpf_sock_addr *ctx) {
  HF_REQUEST(ctx, HF_NET_BOUND);
  take_v4(ctx, &asked);
  return judge_bind(&asked);
}
SEC("cgroup/bind6")
int hf_bind6(struct bpf_sock_addr *ctx) {
  HF_REQUEST(ctx, HF_NET_BOUND);
  take_v6(ctx, &asked);
  return judge_bind(&asked);
}

SEC("cgroup/sock_create")
int hf_sock_create(struct bpf_sock *ctx) {
  const struct hf_net_scope *scope = scope_of();
  if (!is_ready(scope)) return 0;
  struct request asked = {.type = ctx->type,
                          .family = ctx->family,
                          .protocol = ctx->protocol,
                          .what = HF_NET_SOCKET,
                          .by_process = true};
  bool plain = (ctx->type == HF_SOCK_STREAM && ctx->protocol == IPPROTO_TCP) ||
               (ctx->type == HF_SOCK_DGRAM && ctx->protocol == IPPROTO_UDP);
  if (plain || !(scope->flags & HF_NET_NO_RAW)) return 1;
  return refuse(scope, &asked);
}

/* --- packets --- */

struct ipv4_header {
  __u8 version_length, service;
  __u16 length, id, fragment;
  __u8 ttl, protocol;
  __u16 sum;
  __u32 source, destination;
};
struct ipv6_header {
  __u32 flow;
  __u16 length;
  __u8 next, hops;
  __u64 source[2], destination[2];
};

#define HF_PASS 1
#define HF_DROP 0

/* Nearly every packet is one of version 4 without options, or of version 6 without extensions, its headers in one
 * piece: told by a few loads. Anything else is looked at by hand. */
static __always_inline bool is_plain(struct __sk_buff *skb) {
  const __u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  if (data + sizeof(struct ipv6_header) > end) return false;
  if (data[0] == 0x45) return true;
  return data[0] >> 4 == 6 && (data[6] == IPPROTO_TCP || data[6] == IPPROTO_UDP);
}
/* A packet of a TCP connection that stands or is being answered. */
static __always_inline bool is_established(struct __sk_buff *skb) {
  const __u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  if (data + sizeof(struct ipv6_header) + 20 <= end && data[0] >> 4 == 6)
    return data[6] == IPPROTO_TCP && (data[40 + 13] & 0x12) != 0x02;
  if (data + 40 > end || data[0] != 0x45) return false;
  return data[9] == IPPROTO_TCP && (data[20 + 13] & 0x12) != 0x02;
}

/* The peer into `asked`, where the transport header begins into `offset`. Whether the header is plain: no
 * options of version 4, no extension of version 6. */
static __always_inline bool take_packet(struct __sk_buff *skb, struct request *asked,
                                        bool outward, __u32 *offset) {
  if (skb->protocol == bpf_htons(0x0800)) {
    struct ipv4_header ip;
    if (bpf_skb_load_bytes(skb, 0, &ip, sizeof ip)) return false;
    asked->family = HF_AF_INET;
    asked->protocol = ip.protocol;
    address_v4(asked->address, outward ? ip.destination : ip.source);
    *offset = (ip.version_length & 15) * 4;
    return *offset == sizeof ip;
  }
  struct ipv6_header ip;
  if (bpf_skb_load_bytes(skb, 0, &ip, sizeof ip)) return false;
  asked->family = HF_AF_INET6;
  asked->protocol = ip.next;
  asked->address[0] = outward ? ip.destination[0] : ip.source[0];
  asked->address[1] = outward ? ip.destination[1] : ip.source[1];
  *offset = sizeof ip;
  return ip.next == IPPROTO_TCP || ip.next == IPPROTO_UDP || ip.next == HF_ICMPV6;
}

SEC("cgroup_skb/egress")
int hf_egress(struct __sk_buff *skb) {
  const struct hf_net_scope *scope = scope_of();
  if (!is_ready(scope) || is_isolated(scope)) return HF_DROP;
  if (!(scope->flags & HF_NET_LIMITS_EGRESS) || is_plain(skb)) return HF_PASS;
  /* Options can name another first hop than the address that was judged (ip(7), IP_OPTIONS), an extension
   * a routing header. What of them does no harm is not used between hosts. */
  struct request asked = {.what = HF_NET_PACKET};
  __u32 offset;
  if (take_packet(skb, &asked, true, &offset)) return HF_PASS;
  if (asked.protocol != IPPROTO_TCP && asked.protocol != IPPROTO_UDP &&
      !(scope->flags & HF_NET_NO_RAW))
    return HF_PASS;
  return refuse(scope, &asked);
}

SEC("cgroup_skb/ingress")
int hf_ingress(struct __sk_buff *skb) {
  const struct hf_net_scope *scope = scope_of();
  if (!is_ready(scope) || is_isolated(scope)) return HF_DROP;
  if (!(scope->flags & HF_NET_LIMITS_INGRESS) || is_established(skb)) return HF_PASS;
  struct request asked = {.what = HF_NET_ARRIVED};
  __u32 offset = 0;
  take_packet(skb, &asked, false, &offset);
  if (is_own_loopback(scope, &asked)) return HF_PASS;
  __u16 ports[2];
  if (asked.protocol == IPPROTO_TCP) {
    /* The data offset and the flags (RFC 9293): one that has SYN and no ACK opens a connection. */
    __u8 flags;
    if (bpf_skb_load_bytes(skb, offset + 13, &flags, 1)) return HF_DROP;
    if ((flags & 0x12) != 0x02) return HF_PASS;
  } else if (asked.protocol != IPPROTO_UDP) {
    /* Answers to sockets of other protocols, where such may be made. */
    return scope->flags & HF_NET_NO_RAW ? HF_DROP : HF_PASS;
  }
  if (bpf_skb_load_bytes(skb, offset, ports, sizeof ports)) return HF_DROP;
  asked.port = bpf_ntohs(ports[1]);
  if (matches(scope, &asked, HF_NET_INGRESS, true, asked.port)) return allow(scope, &asked);
  if (asked.protocol == IPPROTO_UDP) {
    /* On a port that nobody serves only answers arrive: from where may be sent to. */
    if (!matches(scope, &asked, HF_NET_BIND, false, asked.port)) {
      if (!(scope->flags & HF_NET_LIMITS_EGRESS)) return HF_PASS;
      if (matches(scope, &asked, HF_NET_EGRESS, true, bpf_ntohs(ports[0]))) return HF_PASS;
    }
  }
  return refuse(scope, &asked);
}
