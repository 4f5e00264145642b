# Writes OUTPUT, a header with the digest of the BPF object OBJECT: the name of its version.
file(SHA256 ${OBJECT} digest)
string(SUBSTRING ${digest} 0 12 digest)
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#pragma once\n#define HF_NET_OBJECT_DIGEST \"${digest}\"\n")
