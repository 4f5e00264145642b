// What holdfast asks of holdfast-systemd: one JSON request on its standard input, one answer, one line.
//
//   {"action":"start","unit":"docker-3f2a.scope","properties":[{"name":"Slice","type":"s",
//    "values":["system.slice"]},{"name":"PIDs","type":"au","values":["4711"]}]}
//   -> {} or {"error":"start docker-3f2a.scope: ..."}
#pragma once

#include <string>
#include <vector>

#include "core/json/codec.h"

namespace holdfast::cgroup {

// One property of a unit (org.freedesktop.systemd1(5)). `type` is the D-Bus signature, `values` its
// elements as text: "s", "b" and "t" have one, "as", "au" and "ay" any number, "a(ss)" two each.
struct UnitProperty {
  std::string name, type;
  std::vector<std::string> values;
};

struct UnitRequest {
  std::string action;  // "start", "set", "stop", "manager": the user manager's own cgroup
  std::string unit;
  bool user = false;  // the user's manager, by the session bus
  std::vector<UnitProperty> properties;
};

struct UnitAnswer {
  std::string error;  // empty: done
  std::string value;  // of "manager"
};

template <class V>
void describe(V& v, UnitProperty& p) {
  v.required("name", p.name);
  v.required("type", p.type);
  v.field("values", p.values);
}

template <class V>
void describe(V& v, UnitRequest& r) {
  v.required("action", r.action);
  v.field("unit", r.unit);
  v.field("user", r.user);
  v.field("properties", r.properties);
}

template <class V>
void describe(V& v, UnitAnswer& a) {
  v.field("error", a.error);
  v.field("value", a.value);
}

}  // namespace holdfast::cgroup
