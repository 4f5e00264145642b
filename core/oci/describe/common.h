// What the descriptions of the specification's structs share.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "core/json/codec.h"
#include "core/oci/spec.h"

namespace holdfast::oci {

using Names = std::span<const std::string_view>;

inline bool one_of(std::string_view text, Names known) {
  return std::find(known.begin(), known.end(), text) != known.end();
}
inline bool one_of(std::string_view text, std::initializer_list<std::string_view> known) {
  return one_of(text, Names(known.begin(), known.size()));
}

inline bool is_absolute(std::string_view path) { return path.starts_with('/'); }

// An error for each string of the list that is not among the known ones.
template <class V>
void check_known(V& v, std::string_view name, const Strings& list, Names known) {
  if constexpr (V::kDecodes) {
    for (size_t i = 0; i < list.size(); ++i)
      if (!one_of(list[i], known))
        v.check(false, name, i, "unknown value " + json::quoted(list[i], 64));
  }
}

template <class V>
void check_absolute(V& v, std::string_view name, const Strings& list) {
  if constexpr (V::kDecodes) {
    for (size_t i = 0; i < list.size(); ++i)
      v.check(is_absolute(list[i]), name, i, "expected an absolute path");
  }
}

// The letters of "0-3,7" and "0-31:1/2" (cpuset(7), List format); the kernel judges the rest.
inline bool is_number_list(std::string_view text) {
  return text.find_first_not_of("0123456789,-:/ ") == std::string_view::npos;
}

template <class V>
void describe(V& v, IdMapping& m) {
  v.required("containerID", m.container_id);
  v.required("hostID", m.host_id);
  v.required("size", m.size);
}

}  // namespace holdfast::oci
