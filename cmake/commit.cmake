# Run at every build: writes OUTPUT, the commit of SOURCE ("-dirty" where files differ from it), only
# when it changed, so that a new commit compiles one small file and links again, and nothing else does.
execute_process(COMMAND ${GIT} describe --always --dirty --abbrev=12 --exclude=*
  WORKING_DIRECTORY ${SOURCE}
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit unknown)  # not a git checkout
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [[
#include "shim/oci/commit.h"

std::string_view holdfast::source_commit() { return "@commit@"; }
]] @ONLY)
