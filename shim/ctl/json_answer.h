// An answer for machines: {"version": 1, ...}, indented.
//
//   JsonAnswer answer;
//   answer.text("id", plan.id);
//   answer.text_if_any("note", note);        // left out where there is none
//   answer.begin_list("decisions");
//   answer.begin_item(); answer.text("control", "seccomp"); answer.end_item();
//   answer.end_list();
//   HF_DO(print(std::move(answer).take()));
//
// The text of containers is an attacker's: what is no UTF-8 or a control character is shown as '?'.
#pragma once

#include <string>
#include <string_view>

#include "core/json/writer.h"

namespace holdfast::ctl {

class JsonAnswer {
 public:
  JsonAnswer() {
    writer_.begin_object();
    number("version", 1);
  }

  void text(std::string_view name, std::string_view value);
  void text_if_any(std::string_view name, std::string_view value) {
    if (!value.empty()) text(name, value);
  }
  void flag(std::string_view name, bool value) {
    writer_.key(name);
    writer_.boolean(value);
  }
  template <class T>
  void number(std::string_view name, T value) {
    writer_.key(name);
    writer_.number(value);
  }
  void begin_list(std::string_view name) {
    writer_.key(name);
    writer_.begin_array();
  }
  void end_list() { writer_.end_array(); }
  void begin_item() { writer_.begin_object(); }
  void end_item() { writer_.end_object(); }
  void begin_object(std::string_view name) {
    writer_.key(name);
    writer_.begin_object();
  }
  void end_object() { writer_.end_object(); }
  // An element of a list of texts.
  void element(std::string_view value);

  std::string take() && {
    writer_.end_object();
    return std::move(writer_).take() + "\n";
  }

 private:
  json::Writer writer_{json::Layout::kPretty};
};

}  // namespace holdfast::ctl
