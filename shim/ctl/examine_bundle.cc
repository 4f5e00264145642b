#include "shim/ctl/examine_bundle.h"

#include <limits.h>
#include <unistd.h>

#include <cstdlib>

#include "core/base/fd.h"
#include "shim/oci/request_facts.h"

namespace holdfast::ctl {
namespace {

constexpr size_t kMaxConfig = 16 << 20;

Result<std::string> absolute(const std::string& path) {
  char real[PATH_MAX];
  if (::realpath(path.c_str(), real) == nullptr) return os_error("bundle {}", path);
  return std::string(real);
}

}  // namespace

Result<Examined> examine_bundle(const std::string& bundle, const Policy& policy,
                                const HostFacts& facts) {
  HF_TRY(const std::string path, absolute(bundle));
  HF_TRY(const DirFd directory, DirFd::open(path));
  HF_TRY(const std::string text, directory.read("config.json", kMaxConfig));
  HF_TRY(const oci::Spec spec, with_context(oci::decode_spec(text), "config.json"));
  Request request;
  request.id = path.substr(path.rfind('/') + 1);
  request.bundle = path;
  request.rootless = facts.euid != 0 || facts.in_user_namespace;
  add_request_facts(spec, request);
  return examine(request, spec, policy, facts);
}

}  // namespace holdfast::ctl
