#include "shim/network/nft.h"

#include <dlfcn.h>
#include <nftables/libnftables.h>
#include <sched.h>

#include <memory>

namespace holdfast {
namespace {

constexpr int kNamespace = 3;  // the descriptor that we are called with
constexpr char kTable[] = "inet holdfast";

// The functions of the library, found by name.
struct Library {
  decltype(&nft_ctx_new) make = nullptr;
  decltype(&nft_ctx_free) free = nullptr;
  decltype(&nft_ctx_buffer_output) buffer_output = nullptr;
  decltype(&nft_ctx_buffer_error) buffer_error = nullptr;
  decltype(&nft_ctx_get_output_buffer) output = nullptr;
  decltype(&nft_ctx_get_error_buffer) errors = nullptr;
  decltype(&nft_run_cmd_from_buffer) run = nullptr;

  template <class F>
  static bool find(void* library, const char* name, F& function) {
    function = reinterpret_cast<F>(::dlsym(library, name));
    return function != nullptr;
  }
  static Result<Library> load() {
    void* library = ::dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) return error("load libnftables.so.1: {}", ::dlerror());
    Library found;
    if (!find(library, "nft_ctx_new", found.make) || !find(library, "nft_ctx_free", found.free) ||
        !find(library, "nft_ctx_buffer_output", found.buffer_output) ||
        !find(library, "nft_ctx_buffer_error", found.buffer_error) ||
        !find(library, "nft_ctx_get_output_buffer", found.output) ||
        !find(library, "nft_ctx_get_error_buffer", found.errors) ||
        !find(library, "nft_run_cmd_from_buffer", found.run))
      return error("libnftables.so.1: {}", ::dlerror());
    return found;
  }

  // What the commands print, in the namespace that we are in now.
  Result<std::string> execute(const std::string& commands) const {
    const std::unique_ptr<nft_ctx, decltype(free)> context(make(NFT_CTX_DEFAULT), free);
    if (!context) return error("libnftables: no context");
    buffer_output(context.get());
    buffer_error(context.get());
    if (run(context.get(), commands.c_str()) != 0) {
      std::string why = errors(context.get());
      return error("{}", why.substr(0, why.find('\n')));
    }
    return std::string(output(context.get()));
  }
};

Result<std::string> table_after(const Library& library, const std::string& rules) {
  HF_TRY([[maybe_unused]] const std::string done, library.execute(rules));
  return library.execute(fmt::format("list table {}", kTable));
}

}  // namespace

Result<> filter_packets(const std::string& rules) {
  HF_TRY(const Library library, Library::load());
  if (::setns(kNamespace, CLONE_NEWNET) != 0) return os_error("enter the network namespace");
  // Adding what is there already is no error: then the removal is none, either. All in one transaction.
  const std::string all = fmt::format("add table {0}\ndelete table {0}\n{1}", kTable, rules);
  return library.execute(all).map([](std::string&&) {});
}

Result<> compare_filter(const std::string& rules) {
  HF_TRY(const Library library, Library::load());
  if (::unshare(CLONE_NEWNET) != 0) return os_error("make a network namespace");
  HF_TRY(const std::string wanted, table_after(library, rules));
  if (::setns(kNamespace, CLONE_NEWNET) != 0) return os_error("enter the network namespace");
  const auto shown = library.execute(fmt::format("list table {}", kTable));
  if (!shown) return error("the table {} is gone", kTable);
  if (*shown != wanted) return error("the table {} has other rules than planned", kTable);
  return {};
}

}  // namespace holdfast
