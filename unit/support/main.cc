// main() of all GoogleTest binaries.
#include <gtest/gtest.h>

#include "unit/support/cmocka_listener.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  holdfast::test::install_cmocka_listener();
  return RUN_ALL_TESTS();
}
