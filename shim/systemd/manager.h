// The manager's side of the systemd cgroup driver: units by D-Bus (org.freedesktop.systemd1(5)).
//
//   HF_TRY(Manager manager, Manager::connect(request.user));
//   HF_DO(manager.start("docker-3f2a.scope", properties));    // returns when the job is done
#pragma once

#include <systemd/sd-bus.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "sandbox/kernel/cgroup/systemd_request.h"

namespace holdfast {

class Manager {
 public:
  // The system's manager, or the user's by the session bus.
  static Result<Manager> connect(bool user);

  // Starts a transient unit. A failed one of that name is reset first.
  Result<> start(const std::string& unit, const std::vector<cgroup::UnitProperty>& properties);
  Result<> set(const std::string& unit, const std::vector<cgroup::UnitProperty>& properties);
  // Stops it and forgets its failure; one that is not loaded is no error.
  Result<> stop(const std::string& unit);
  // The cgroup below which the manager puts its units.
  Result<std::string> control_group();

 private:
  struct CloseBus {
    void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
  };
  using Bus = std::unique_ptr<sd_bus, CloseBus>;
  using Jobs = std::map<std::string, std::string>;  // object path -> result

  explicit Manager(Bus bus) : bus_(std::move(bus)), jobs_(std::make_unique<Jobs>()) {}

  static int job_removed(sd_bus_message* message, void* jobs, sd_bus_error*);
  Result<> subscribe();
  Result<> wait_for(const std::string& job, const std::string& what);
  void reset_failed(const std::string& unit);

  Bus bus_;
  std::unique_ptr<Jobs> jobs_;  // where the callback finds it, wherever the Manager is moved
};

}  // namespace holdfast
