#include "shim/oci/bundle.h"

#include <unistd.h>

#include <climits>

#include "shim/oci/request_facts.h"

namespace holdfast {
namespace {

constexpr size_t kMaxConfig = 16 << 20;

Result<oci::Spec> read_spec(const DirFd& bundle, const std::string& name) {
  auto text = bundle.read(name, kMaxConfig);
  if (!text && text.error().code == ENOENT)
    return Failure(Error{fmt::format("JSON specification file {} not found", name), ENOENT});
  if (!text) return Failure(std::move(text).error());
  return with_context(oci::decode_spec(*text), "{}", name);
}

}  // namespace

Result<std::string> path_of(const Fd& fd) {
  char path[PATH_MAX];
  const std::string link = fmt::format("/proc/self/fd/{}", fd.get());
  const ssize_t length = ::readlink(link.c_str(), path, sizeof path);
  if (length < 0) return os_error("the path of a directory");
  if (length == sizeof path) return error("the path of a directory is too long");
  return std::string(path, static_cast<size_t>(length));
}

Result<Bundle> open_bundle(const std::string& path, const std::string& config) {
  Bundle bundle;
  HF_TRY(bundle.dir, with_context(DirFd::open(path), "bundle"));
  HF_TRY(bundle.path, path_of(bundle.dir));
  HF_TRY(bundle.spec, read_spec(bundle.dir, config));
  return bundle;
}

Request request_for(const Bundle& bundle, const std::string& id, bool rootless) {
  Request request;
  request.id = id;
  request.bundle = bundle.path;
  request.rootless = rootless;
  add_request_facts(bundle.spec, request);
  return request;
}

}  // namespace holdfast
