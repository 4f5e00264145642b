#include "bench/subjects.h"

#include <unistd.h>

#include <cstdio>

#include "core/base/fd.h"

namespace holdfast::bench {

Result<Subject> parse_subject(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == text.npos) return error("--runtime: expected NAME=PATH");
  return Subject{.name = std::string(text.substr(0, equals)),
                 .path = std::string(text.substr(equals + 1)),
                 .root = "",
                 .policy = ""};
}

Result<Subject> parse_policy(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == text.npos) return error("--policy: expected NAME=JSON");
  return Subject{.name = std::string(text.substr(0, equals)),
                 .path = beside_ourselves("holdfast"),
                 .root = "",
                 .policy = std::string(text.substr(equals + 1))};
}

std::vector<Subject> installed_subjects() {
  const Subject all[] = {{"holdfast", beside_ourselves("holdfast"), "", ""},
                         {"crun", "/usr/bin/crun", "", ""},
                         {"runc", "/usr/sbin/runc", "", ""}};
  std::vector<Subject> installed;
  for (const Subject& subject : all) {
    if (access(subject.path.c_str(), X_OK) == 0)
      installed.push_back(subject);
    else
      fprintf(stderr, "bench: %s is not compared: no %s\n", subject.name.c_str(),
              subject.path.c_str());
  }
  return installed;
}

std::string beside_ourselves(const char* name) {
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  std::string_view own(path, size > 0 ? size_t(size) : 0);
  return std::string(own.substr(0, own.rfind('/') + 1)) + name;
}

Result<std::string> docker_profile() {
  return read_file(HOLDFAST_SOURCE_DIR "/bench/docker-seccomp.json");
}

}  // namespace holdfast::bench
