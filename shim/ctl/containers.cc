#include "shim/ctl/containers.h"

#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "shim/ctl/engine_names.h"
#include "shim/oci/container.h"

namespace holdfast::ctl {
namespace {

// dockerd keeps one root per configured runtime, containerd one per namespace. "*/" stands for the
// directory of each user's session: rootless engines keep the same trees in there.
constexpr const char* kPatterns[] = {"/run/docker/runtime-*/moby",
                                     "/run/containerd/runc/*",
                                     "/run/containerd/holdfast/*",
                                     "/run/runc",
                                     "/run/crio/runc",
                                     "/run/user/*/holdfast",
                                     "/run/user/*/runc",
                                     "/run/user/*/docker/runtime-*/moby",
                                     "/run/user/*/containerd/runc/*"};

// Acts with a user's rights on files until its end; nothing for oneself, or without privileges.
class AsOwner {
 public:
  AsOwner(uid_t owner, gid_t group) : gid_(::getegid()) {
    if (owner == 0 || ::geteuid() != 0) return;
    changed_ = ::setegid(group) == 0 && ::seteuid(owner) == 0;
    failed_ = !changed_;
  }
  ~AsOwner() {
    // Neither can fail: the real user id is still root's.
    if (changed_ && (::seteuid(0) != 0 || ::setegid(gid_) != 0)) ::_exit(1);
  }
  AsOwner(const AsOwner&) = delete;
  AsOwner& operator=(const AsOwner&) = delete;
  bool failed() const { return failed_; }

 private:
  const gid_t gid_;
  bool changed_ = false, failed_ = false;
};

void add_directory(std::vector<StateRoot>& roots, const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return;
  const auto known = [&](const StateRoot& each) { return each.path == path; };
  if (std::none_of(roots.begin(), roots.end(), known))
    roots.push_back({path, engine_of_root(path), info.st_uid, info.st_gid});
}

void add_matches(std::vector<StateRoot>& roots, const char* pattern) {
  glob_t matches{};
  if (::glob(pattern, 0, nullptr, &matches) == 0)
    for (size_t i = 0; i < matches.gl_pathc; ++i) add_directory(roots, matches.gl_pathv[i]);
  ::globfree(&matches);
}

std::vector<StateRoot> chosen_roots(const std::string& root) {
  if (root.empty()) return state_roots();
  std::vector<StateRoot> one;
  add_directory(one, root);
  return one;
}

Result<> check_rights(const AsOwner& rights, uid_t owner) {
  return rights.failed() ? os_error("act as uid {}", owner) : Result<>{};
}

// A FIFO or device in a user's directory would hang us: only files are read.
Result<> check_files(const StateDir& dir) {
  for (const char* name : {"state.json", "plan.json", "filters"}) {
    struct stat info {};
    if (::fstatat(dir.dir().get(), name, &info, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(info.st_mode))
      return error("state of {}: {} is no file", dir.id(), name);
  }
  return {};
}

struct Candidate {
  StateRoot root;
  std::string id;
};

Result<std::vector<Candidate>> candidates_in(const StateRoot& root) {
  const AsOwner rights(root.owner, root.group);
  HF_DO(check_rights(rights, root.owner));
  HF_TRY(const StateStore store, StateStore::open(root.path));
  HF_TRY(const std::vector<std::string> ids, store.ids());
  std::vector<Candidate> found;
  for (const std::string& id : ids) found.push_back({root, id});
  return found;
}

std::vector<Candidate> all_candidates(const std::vector<StateRoot>& roots,
                                      std::vector<std::string>& problems) {
  std::vector<Candidate> all;
  for (const StateRoot& root : roots) {
    auto found = candidates_in(root);
    if (!found) problems.push_back(found.error().message);
    if (!found) continue;
    for (Candidate& each : *found) all.push_back(std::move(each));
  }
  return all;
}

// Whether we wrote the state: runc's state.json has another form, crun's has another name.
bool is_ours(const StateDir& dir) {
  const auto text = dir.dir().read("state.json");
  return text && text->starts_with("{\"version\":");
}

// nullopt: another runtime's.
Result<std::optional<Found>> open_candidate(const Candidate& candidate) {
  const AsOwner rights(candidate.root.owner, candidate.root.group);
  HF_DO(check_rights(rights, candidate.root.owner));
  HF_TRY(const StateStore store, StateStore::open(candidate.root.path));
  HF_TRY(StateDir dir, store.find(candidate.id));
  HF_DO(check_files(dir));
  if (!is_ours(dir)) return std::optional<Found>();
  Found found{candidate.root.path,  candidate.root.engine, {},
              candidate.root.owner, candidate.root.group,  std::move(dir)};
  HF_TRY(const ContainerState state, found.dir.load());
  EngineNames names = engine_names(state, candidate.root.engine);
  found.engine = std::move(names.engine);
  found.names = std::move(names.names);
  return std::optional<Found>(std::move(found));
}

Result<Found> only_one(const std::vector<Candidate>& found, const std::string& text,
                       std::string_view what) {
  if (found.size() == 1) {
    HF_TRY(std::optional<Found> opened, open_candidate(found[0]));
    if (opened) return std::move(*opened);
    return error("container {} in {} was not made by holdfast", found[0].id, found[0].root.path);
  }
  std::vector<std::string> ids;
  for (const Candidate& each : found) ids.push_back(each.id + " in " + each.root.path);
  return error("\"{}\" {} {} containers: {}", text, what, ids.size(), join(ids, ", "));
}

std::vector<Candidate> called(const std::string& name, const std::vector<Candidate>& all) {
  std::vector<Candidate> found;
  for (const Candidate& each : all) {
    const auto opened = open_candidate(each);
    if (!opened || !*opened) continue;
    const auto& names = (*opened)->names;
    if (std::find(names.begin(), names.end(), name) != names.end()) found.push_back(each);
  }
  return found;
}

Error nothing_found(const std::string& text, const std::vector<StateRoot>& roots,
                    const std::vector<std::string>& problems) {
  std::vector<std::string> paths;
  for (const StateRoot& root : roots) paths.push_back(root.path);
  std::string message =
      fmt::format("no container's id begins with \"{0}\" and none is called so (searched {1})",
                  text, paths.empty() ? "no state root: there is none" : join(paths, ", "));
  if (!problems.empty()) message += "; not readable: " + join(problems, "; ");
  return Error{std::move(message), 0};
}

}  // namespace

Result<ContainerState> Found::load() const {
  const AsOwner rights(owner, group);
  HF_DO(check_rights(rights, owner));
  return dir.load();
}

Result<Plan> Found::load_plan() const {
  const AsOwner rights(owner, group);
  HF_DO(check_rights(rights, owner));
  return dir.load_plan();
}

Result<std::string> Found::load_plan_document() const {
  const AsOwner rights(owner, group);
  HF_DO(check_rights(rights, owner));
  return dir.load_plan_document();
}

Result<std::vector<Filter>> Found::load_filters(const Plan& plan) const {
  const AsOwner rights(owner, group);
  HF_DO(check_rights(rights, owner));
  return stored_filters(dir, plan);
}

std::vector<StateRoot> state_roots() {
  std::vector<StateRoot> roots;
  add_directory(roots, default_state_root());
  add_directory(roots, "/run/holdfast");
  for (const char* pattern : kPatterns) add_matches(roots, pattern);
  return roots;
}

Result<Found> find_container(const std::string& text, const std::string& root) {
  const std::vector<StateRoot> roots = chosen_roots(root);
  std::vector<std::string> problems;
  const std::vector<Candidate> all = all_candidates(roots, problems);
  std::vector<Candidate> exact, beginning;
  for (const Candidate& each : all) {
    if (each.id == text) exact.push_back(each);
    if (each.id.starts_with(text)) beginning.push_back(each);
  }
  if (!exact.empty()) return only_one(exact, text, "is the id of");
  const std::vector<Candidate> named = called(text, all);
  if (!named.empty()) return only_one(named, text, "is the name of");
  if (!beginning.empty()) return only_one(beginning, text, "begins the ids of");
  return Failure(nothing_found(text, roots, problems));
}

AllContainers all_containers(const std::string& root) {
  AllContainers all;
  for (const Candidate& each : all_candidates(chosen_roots(root), all.problems)) {
    auto opened = open_candidate(each);
    if (!opened)
      all.problems.push_back(opened.error().message);
    else if (*opened)
      all.found.push_back(std::move(**opened));
    else
      ++all.others;
  }
  return all;
}

}  // namespace holdfast::ctl
