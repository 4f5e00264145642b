# The third-party libraries, each as one imported target that one module links.
# The hot runtime is a static PIE, so the static archives are taken.
function(holdfast_library name archive header)
  find_library(${name}_archive ${archive} REQUIRED)
  find_path(${name}_include ${header} REQUIRED)
  add_library(ext::${name} INTERFACE IMPORTED GLOBAL)
  set_target_properties(ext::${name} PROPERTIES
    INTERFACE_LINK_LIBRARIES ${${name}_archive}
    INTERFACE_INCLUDE_DIRECTORIES ${${name}_include})
endfunction()

holdfast_library(yajl libyajl_s.a yajl/yajl_parse.h)          # core/json
holdfast_library(md libmd.a sha2.h)                           # core/base/digest
holdfast_library(seccomp libseccomp.a seccomp.h)              # profiles/seccomp
holdfast_library(cap libcap.a sys/capability.h)               # sandbox/kernel/capabilities
holdfast_library(apparmor libapparmor.a sys/apparmor.h)       # sandbox/kernel/apparmor
holdfast_library(selinux libselinux.a selinux/selinux.h)      # sandbox/kernel/selinux
holdfast_library(pcre2 libpcre2-8.a pcre2.h)                  # libselinux's own dependency
set_property(TARGET ext::selinux APPEND PROPERTY INTERFACE_LINK_LIBRARIES ${pcre2_archive})
holdfast_library(bpf libbpf.a bpf/libbpf.h)                   # shim/network
find_library(elf_archive libelf.a REQUIRED)                   # libbpf's own dependencies
find_library(z_archive libz.a REQUIRED)
set_property(TARGET ext::bpf APPEND PROPERTY INTERFACE_LINK_LIBRARIES ${elf_archive} ${z_archive})
find_path(fmt_include fmt/core.h REQUIRED)                    # core/base/text
find_path(expected_include tl/expected.hpp REQUIRED)          # core/base/result
