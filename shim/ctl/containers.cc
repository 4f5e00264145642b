#include "shim/ctl/containers.h"

#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

namespace holdfast::ctl {
namespace {

// dockerd keeps one root per configured runtime, containerd one per namespace.
constexpr const char* kPatterns[] = {"/run/docker/runtime-*/moby", "/run/containerd/runc/*",
                                     "/run/containerd/holdfast/*", "/run/runc", "/run/crio/runc"};

void add_directory(std::vector<std::string>& roots, const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return;
  if (std::find(roots.begin(), roots.end(), path) == roots.end()) roots.push_back(path);
}

void add_matches(std::vector<std::string>& roots, const char* pattern) {
  glob_t matches{};
  if (::glob(pattern, GLOB_NOSORT, nullptr, &matches) == 0)
    for (size_t i = 0; i < matches.gl_pathc; ++i) add_directory(roots, matches.gl_pathv[i]);
  ::globfree(&matches);
}

struct Candidate {
  std::string root, id;
};

Result<std::vector<Candidate>> candidates(const std::string& prefix,
                                          const std::vector<std::string>& roots) {
  std::vector<Candidate> found;
  for (const std::string& root : roots) {
    HF_TRY(const StateStore store, StateStore::open(root));
    HF_TRY(const std::vector<std::string> ids, store.ids());
    for (const std::string& id : ids)
      if (id.starts_with(prefix)) found.push_back({root, id});
  }
  return found;
}

}  // namespace

std::vector<std::string> state_roots() {
  std::vector<std::string> roots;
  add_directory(roots, default_state_root());
  add_directory(roots, "/run/holdfast");
  for (const char* pattern : kPatterns) add_matches(roots, pattern);
  return roots;
}

Result<Found> find_container(const std::string& prefix, const std::string& root) {
  const std::vector<std::string> roots =
      root.empty() ? state_roots() : std::vector<std::string>{root};
  HF_TRY(std::vector<Candidate> found, candidates(prefix, roots));
  const auto exact = std::find_if(found.begin(), found.end(),
                                  [&](const Candidate& each) { return each.id == prefix; });
  if (exact != found.end()) found = {*exact};
  if (found.empty())
    return error("no container's id begins with \"{}\" (searched {})", prefix,
                 roots.empty() ? "no state root: none exists" : join(roots, ", "));
  if (found.size() > 1) {
    std::vector<std::string> ids;
    for (const Candidate& each : found) ids.push_back(each.id);
    return error("\"{}\" begins the ids of {} containers: {}", prefix, ids.size(), join(ids, ", "));
  }
  HF_TRY(const StateStore store, StateStore::open(found[0].root));
  HF_TRY(StateDir dir, store.find(found[0].id));
  return Found{found[0].root, std::move(dir)};
}

}  // namespace holdfast::ctl
