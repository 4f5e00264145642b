#include <sys/prctl.h>

#include "sandbox/kernel/process.h"

// linux/prctl.h, Linux 6.3.
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN (1UL << 0)
#endif
#ifndef PR_GET_MDWE
#define PR_GET_MDWE 66
#endif

namespace holdfast {

Result<> refuse_writable_code() {
  if (::prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0)
    return os_error("refuse memory that is writable and executable");
  const int now = ::prctl(PR_GET_MDWE, 0, 0, 0, 0);
  if (now < 0) return os_error("read it back");
  if ((static_cast<unsigned long>(now) & PR_MDWE_REFUSE_EXEC_GAIN) == 0)
    return error("is not in force after it was set");
  return {};
}

}  // namespace holdfast
