#include "shim/systemd/manager.h"

#include <time.h>

#include "core/base/text.h"

namespace holdfast {
namespace {

constexpr char kService[] = "org.freedesktop.systemd1";
constexpr char kPath[] = "/org/freedesktop/systemd1";
constexpr char kInterface[] = "org.freedesktop.systemd1.Manager";
constexpr uint64_t kTimeout = 30'000'000;  // microseconds, for a job

struct Unref {
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, Unref>;

struct BusError {
  sd_bus_error raw{};
  ~BusError() { sd_bus_error_free(&raw); }
  bool is(const char* name) const { return sd_bus_error_has_name(&raw, name) > 0; }
  std::string text(int code) const {
    return raw.message ? std::string(raw.message) : errno_text(-code);
  }
};

uint64_t now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1000000 + static_cast<uint64_t>(time.tv_nsec) / 1000;
}

template <class T>
Result<std::vector<T>> numbers(const cgroup::UnitProperty& property) {
  std::vector<T> all;
  for (const std::string& each : property.values) {
    const auto value = parse_number<T>(each);
    if (!value) return error("property {}: \"{}\" is no number of its type", property.name, each);
    all.push_back(*value);
  }
  return all;
}

template <class T>
Result<int> append_numbers(sd_bus_message* message, char type,
                           const cgroup::UnitProperty& property) {
  HF_TRY(const auto values, numbers<T>(property));
  return sd_bus_message_append_array(message, type, values.data(), values.size() * sizeof(T));
}

int append_pairs(sd_bus_message* message, const std::vector<std::string>& values) {
  int code = sd_bus_message_open_container(message, 'a', "(ss)");
  for (size_t i = 0; code >= 0 && i + 1 < values.size(); i += 2)
    code = sd_bus_message_append(message, "(ss)", values[i].c_str(), values[i + 1].c_str());
  return code < 0 ? code : sd_bus_message_close_container(message);
}

int append_texts(sd_bus_message* message, const std::vector<std::string>& values) {
  int code = sd_bus_message_open_container(message, 'a', "s");
  for (size_t i = 0; code >= 0 && i < values.size(); ++i)
    code = sd_bus_message_append(message, "s", values[i].c_str());
  return code < 0 ? code : sd_bus_message_close_container(message);
}

// The content of the variant.
Result<int> append_value(sd_bus_message* message, const cgroup::UnitProperty& property) {
  const auto& values = property.values;
  if (property.type == "as") return append_texts(message, values);
  if (property.type == "a(ss)") return append_pairs(message, values);
  if (property.type == "au") return append_numbers<uint32_t>(message, 'u', property);
  if (property.type == "ay") return append_numbers<uint8_t>(message, 'y', property);
  if (values.size() != 1) return error("property {}: expected one value", property.name);
  if (property.type == "s") return sd_bus_message_append(message, "s", values[0].c_str());
  if (property.type == "b") return sd_bus_message_append(message, "b", values[0] == "true" ? 1 : 0);
  if (property.type == "t") {
    HF_TRY(const auto parsed, numbers<uint64_t>(property));
    return sd_bus_message_append(message, "t", parsed[0]);
  }
  return error("property {}: unknown type {}", property.name, property.type);
}

// a(sv)
Result<> append_properties(sd_bus_message* message,
                           const std::vector<cgroup::UnitProperty>& properties) {
  int code = sd_bus_message_open_container(message, 'a', "(sv)");
  for (const auto& each : properties) {
    if (code >= 0) code = sd_bus_message_open_container(message, 'r', "sv");
    if (code >= 0) code = sd_bus_message_append(message, "s", each.name.c_str());
    if (code >= 0) code = sd_bus_message_open_container(message, 'v', each.type.c_str());
    if (code >= 0) {
      HF_TRY(code, append_value(message, each));
    }
    if (code >= 0) code = sd_bus_message_close_container(message);
    if (code >= 0) code = sd_bus_message_close_container(message);
    if (code < 0) return os_error_of(-code, "property {}", each.name);
  }
  if (code >= 0) code = sd_bus_message_close_container(message);
  if (code < 0) return os_error_of(-code, "compose the properties");
  return {};
}

Result<Message> method(sd_bus* bus, const char* name) {
  sd_bus_message* raw = nullptr;
  const int code = sd_bus_message_new_method_call(bus, &raw, kService, kPath, kInterface, name);
  if (code < 0) return os_error_of(-code, "compose {}", name);
  return Message(raw);
}

Result<std::string> object_path(const Message& reply) {
  const char* path = nullptr;
  const int code = sd_bus_message_read(reply.get(), "o", &path);
  if (code < 0) return os_error_of(-code, "read the job");
  return std::string(path);
}

}  // namespace

Result<Manager> Manager::connect(bool user) {
  sd_bus* raw = nullptr;
  const int code = user ? sd_bus_open_user(&raw) : sd_bus_open_system(&raw);
  if (code < 0)
    return os_error_of(-code, "connect to the {} bus", user ? "user's session" : "system");
  Manager manager{Bus(raw)};
  return manager;
}

int Manager::job_removed(sd_bus_message* message, void* jobs, sd_bus_error*) {
  uint32_t id = 0;
  const char *path = nullptr, *unit = nullptr, *result = nullptr;
  if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) >= 0)
    static_cast<Jobs*>(jobs)->insert_or_assign(path, result);
  return 0;
}

// Before the job is made: it may be over before its name is known.
Result<> Manager::subscribe() {
  int code = sd_bus_match_signal(bus_.get(), nullptr, kService, kPath, kInterface, "JobRemoved",
                                 &Manager::job_removed, jobs_.get());
  if (code < 0) return os_error_of(-code, "listen for JobRemoved");
  BusError failure;
  code = sd_bus_call_method(bus_.get(), kService, kPath, kInterface, "Subscribe", &failure.raw,
                            nullptr, nullptr);
  if (code < 0) return error("subscribe: {}", failure.text(code));
  return {};
}

Result<> Manager::wait_for(const std::string& job, const std::string& what) {
  const uint64_t end = now() + kTimeout;
  while (true) {
    if (const auto done = jobs_->find(job); done != jobs_->end()) {
      if (done->second == "done") return {};
      return error("{}: the job ended with \"{}\"", what, done->second);
    }
    int code = sd_bus_process(bus_.get(), nullptr);
    if (code < 0) return os_error_of(-code, "{}", what);
    if (code > 0) continue;
    const uint64_t left = end - now();
    if (left > kTimeout) return error("{}: the job is not done after 30 s", what);
    code = sd_bus_wait(bus_.get(), left);
    if (code < 0 && code != -EINTR) return os_error_of(-code, "{}", what);
  }
}

void Manager::reset_failed(const std::string& unit) {
  // One that has not failed, or is gone, has nothing to reset.
  (void)sd_bus_call_method(bus_.get(), kService, kPath, kInterface, "ResetFailedUnit", nullptr,
                           nullptr, "s", unit.c_str());
}

Result<> Manager::start(const std::string& unit,
                        const std::vector<cgroup::UnitProperty>& properties) {
  HF_DO(subscribe());
  for (int attempt = 0;; ++attempt) {
    HF_TRY(const Message call, method(bus_.get(), "StartTransientUnit"));
    if (sd_bus_message_append(call.get(), "ss", unit.c_str(), "fail") < 0)
      return error("start {}: cannot compose the call", unit);
    HF_DO(with_context(append_properties(call.get(), properties), "start {}", unit));
    // No auxiliary units.
    if (sd_bus_message_append(call.get(), "a(sa(sv))", 0) < 0)
      return error("start {}: cannot compose the call", unit);
    BusError failure;
    sd_bus_message* raw = nullptr;
    const int code = sd_bus_call(bus_.get(), call.get(), kTimeout, &failure.raw, &raw);
    const Message reply(raw);
    if (code >= 0) {
      HF_TRY(const std::string job, object_path(reply));
      auto done = wait_for(job, fmt::format("start {}", unit));
      if (!done) reset_failed(unit);
      return done;
    }
    // A failed unit of that name is in the way until it is reset.
    if (attempt > 0 || !failure.is("org.freedesktop.systemd1.UnitExists"))
      return error("start {}: {}", unit, failure.text(code));
    reset_failed(unit);
  }
}

Result<> Manager::set(const std::string& unit,
                      const std::vector<cgroup::UnitProperty>& properties) {
  HF_TRY(const Message call, method(bus_.get(), "SetUnitProperties"));
  // Runtime: for as long as the unit lives.
  if (sd_bus_message_append(call.get(), "sb", unit.c_str(), 1) < 0)
    return error("set properties of {}: cannot compose the call", unit);
  HF_DO(with_context(append_properties(call.get(), properties), "set properties of {}", unit));
  BusError failure;
  const int code = sd_bus_call(bus_.get(), call.get(), kTimeout, &failure.raw, nullptr);
  if (code < 0) return error("set properties of {}: {}", unit, failure.text(code));
  return {};
}

Result<> Manager::stop(const std::string& unit) {
  HF_DO(subscribe());
  BusError failure;
  sd_bus_message* raw = nullptr;
  const int code = sd_bus_call_method(bus_.get(), kService, kPath, kInterface, "StopUnit",
                                      &failure.raw, &raw, "ss", unit.c_str(), "replace");
  const Message reply(raw);
  if (code < 0) {
    if (failure.is("org.freedesktop.systemd1.NoSuchUnit")) return {};
    return error("stop {}: {}", unit, failure.text(code));
  }
  HF_TRY(const std::string job, object_path(reply));
  auto done = wait_for(job, fmt::format("stop {}", unit));
  reset_failed(unit);
  return done;
}

Result<std::string> Manager::control_group() {
  BusError failure;
  char* raw = nullptr;
  const int code = sd_bus_get_property_string(bus_.get(), kService, kPath, kInterface,
                                              "ControlGroup", &failure.raw, &raw);
  const std::unique_ptr<char, void (*)(void*)> value(raw, &::free);
  if (code < 0) return error("ask for the manager's cgroup: {}", failure.text(code));
  return std::string(value.get());
}

}  // namespace holdfast
