"""C compilers that are found here, for the tests that need one."""

import shutil

COMPILERS = list(filter(None, map(shutil.which, ("gcc", "clang", "clang-19", "clang-14", "cc"))))
COMPILER = next(iter(COMPILERS), None)
