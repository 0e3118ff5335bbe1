/* emulated.h - whether this test was built to run much slower than it would in a release.
 *
 * qemu computes floating point in software, some twenty times slower than a processor does, and the
 * sanitizers check every access. A test may then take fewer samples of the same thing; it never
 * leaves out the thing, but for whole trainings under qemu, which would take minutes (deploy/test.sh). */
#ifndef LT_EMULATED_H
#define LT_EMULATED_H

#ifndef LT_EMULATED /* tests/CMakeLists.txt sets it to 1 for cross-builds and sanitizers */
#define LT_EMULATED 0
#endif
#ifndef LT_QEMU /* 1 for cross-builds alone */
#define LT_QEMU 0
#endif

#endif
