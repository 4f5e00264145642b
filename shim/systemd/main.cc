// holdfast-systemd: the only program of holdfast that loads libsystemd. Reads one request on standard
// input, answers with one line on standard output; the exit status is 0 if there is an answer.
#include <unistd.h>

#include "core/base/fd.h"
#include "shim/systemd/manager.h"

namespace {

using namespace holdfast;

Result<std::string> serve(const cgroup::UnitRequest& request) {
  HF_TRY(Manager manager, Manager::connect(request.user));
  if (request.action == "manager") return manager.control_group();
  if (request.unit.empty()) return error("{}: no unit is named", request.action);
  Result<> done = error("unknown action \"{}\"", request.action);
  if (request.action == "start")
    done = manager.start(request.unit, request.properties);
  else if (request.action == "set")
    done = manager.set(request.unit, request.properties);
  else if (request.action == "stop")
    done = manager.stop(request.unit);
  if (!done) return Failure(std::move(done.error()));
  return std::string();
}

Result<std::string> answer() {
  Fd input(STDIN_FILENO);
  auto text = read_all(input, 1 << 20);
  (void)input.release();
  HF_TRY(const std::string asked, std::move(text));
  HF_TRY(const auto request, with_context(json::decode<cgroup::UnitRequest>(asked), "request"));
  return serve(request);
}

}  // namespace

int main() {
  holdfast::cgroup::UnitAnswer reply;
  if (auto result = answer(); result)
    reply.value = std::move(*result);
  else
    reply.error = std::move(result.error().message);
  const std::string line = holdfast::json::encode(reply) + "\n";
  return ::write(STDOUT_FILENO, line.data(), line.size()) == std::ssize(line) ? 0 : 1;
}
