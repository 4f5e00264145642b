#include "shim/oci/container.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "core/base/digest.h"
#include "core/json/writer.h"

namespace holdfast {

Result<Container> find_container(const Globals& globals, const std::string& id) {
  HF_TRY(const StateStore store, StateStore::open(globals.root));
  HF_TRY(StateDir dir, store.find(id));
  HF_TRY(ContainerState state, dir.load());
  return Container{std::move(dir), std::move(state)};
}

oci::State oci_state(const ContainerState& state, std::string_view status, pid_t pid) {
  return {.version = state.oci_version,
          .id = state.id,
          .status = std::string(status),
          .pid = pid,
          .bundle = state.bundle,
          .annotations = state.annotations};
}

pid_t shown_pid(const ContainerState& state, Status status) {
  return status == Status::kStopped ? 0 : state.init.pid;
}

std::string state_document(const ContainerState& state, Status status, StateForm form) {
  json::Writer out(form == StateForm::kState ? json::Layout::kPretty : json::Layout::kCompact);
  const auto text = [&](std::string_view name, std::string_view value) {
    out.key(name);
    out.string(value);
  };
  out.begin_object();
  text("ociVersion", state.oci_version);
  text("id", state.id);
  out.key("pid");
  out.number(shown_pid(state, status));
  text("status", status_name(status));
  text("bundle", state.bundle);
  text("rootfs", state.rootfs);
  text("created", state.created);
  if (!state.annotations.empty()) {
    out.key("annotations");
    out.begin_object();
    for (const auto& [name, value] : state.annotations) text(name, value);
    out.end_object();
  }
  // runc leaves the owner of `state` empty; its `list` tells it.
  text("owner", form == StateForm::kState ? "" : state.owner);
  out.end_object();
  return std::move(out).take();
}

Result<> signal_init(const ContainerState& state, int signal) {
  auto process = open_process(state.init);
  if (!process && process.error().code == ESRCH) return error("container not running");
  if (!process) return Failure(std::move(process).error());
  if (::syscall(SYS_pidfd_send_signal, process->get(), signal, nullptr, 0) == 0) return {};
  if (errno == ESRCH) return error("container not running");
  return os_error("unable to signal init");
}

std::string owner_name(uid_t uid) {
  if (uid == 0) return "root";
  // Only /etc/passwd: a static binary has no NSS.
  const auto passwd = read_file("/etc/passwd");
  if (passwd) {
    for (const auto line : split(*passwd, '\n')) {
      const auto fields = split(line, ':');
      if (fields.size() > 2 && parse_number<uid_t>(fields[2]) == uid) return std::string(fields[0]);
    }
  }
  return fmt::format("{}", uid);
}

void warn(std::string_view text) {
  const std::string line = fmt::format("holdfast: warning: {}\n", text);
  const ssize_t put = ::write(STDERR_FILENO, line.data(), line.size());
  static_cast<void>(put);  // a warning that nobody reads changes nothing
}

std::string filter_bytes(const std::vector<Filter>& filters) {
  std::string bytes;
  for (const Filter& filter : filters)
    bytes.append(reinterpret_cast<const char*>(filter.data()), filter.size() * sizeof filter[0]);
  return bytes;
}

Result<std::vector<Filter>> stored_filters(const StateDir& dir, const Plan& plan) {
  std::vector<Filter> filters;
  if (plan.filters.empty()) return filters;
  HF_TRY(const std::string bytes, dir.dir().read("filters", 64 << 20));
  std::string_view rest = bytes;
  for (const FilterPlan& each : plan.filters) {
    const size_t size = each.instructions * sizeof(sock_filter);
    if (rest.size() < size) return error("filters: shorter than the plan says");
    const std::string_view part = rest.substr(0, size);
    if (sha256_hex(part) != each.digest)
      return error("filters: {} does not match its digest", each.name);
    Filter filter(each.instructions);
    if (size != 0) std::memcpy(filter.data(), part.data(), size);
    filters.push_back(std::move(filter));
    rest.remove_prefix(size);
  }
  if (!rest.empty()) return error("filters: longer than the plan says");
  return filters;
}

}  // namespace holdfast
