# What cmake/toolchain-*.cmake share: Debian's cross compiler, the libraries that deploy/sysroot.sh
# unpacked, and qemu-user to run what was built. A toolchain file sets before including this:
#   lintel_triplet    aarch64-linux-gnu        as in the compiler's and the folders' names
#   lintel_arch       arm64                    Debian's name of it
#   lintel_emulator   qemu-aarch64;-cpu;max    runs its programs here
# LINTEL_SYSROOT overrides the folder of the libraries (build/sysroot-<arch>).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${lintel_triplet}-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE ${lintel_triplet})
set(CMAKE_C_LIBRARY_ARCHITECTURE ${lintel_triplet})
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LINTEL_SYSROOT)
if(NOT LINTEL_SYSROOT)
  set(LINTEL_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/sysroot-${lintel_arch})
endif()
get_filename_component(LINTEL_SYSROOT ${LINTEL_SYSROOT} ABSOLUTE)
if(NOT EXISTS ${LINTEL_SYSROOT}/.complete)
  message(FATAL_ERROR "no libraries for ${lintel_arch} in ${LINTEL_SYSROOT}: "
                      "deploy/sysroot.sh ${lintel_arch} build/sysroot-${lintel_arch}")
endif()
set(CMAKE_SYSROOT ${LINTEL_SYSROOT})
set(CMAKE_FIND_ROOT_PATH ${LINTEL_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${LINTEL_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR}
    ${LINTEL_SYSROOT}/usr/lib/${lintel_triplet}/pkgconfig:${LINTEL_SYSROOT}/usr/share/pkgconfig)
# libraries that other libraries need are looked for beside them, and ours run under the emulator
set(lintel_rpath "-Wl,-rpath-link,${LINTEL_SYSROOT}/usr/lib/${lintel_triplet}")
set(CMAKE_EXE_LINKER_FLAGS_INIT ${lintel_rpath})
set(CMAKE_SHARED_LINKER_FLAGS_INIT ${lintel_rpath})
list(GET lintel_emulator 0 lintel_emulator_program)
find_program(LINTEL_EMULATOR ${lintel_emulator_program})
if(LINTEL_EMULATOR)
  list(REMOVE_AT lintel_emulator 0)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${LINTEL_EMULATOR};${lintel_emulator};-L;${LINTEL_SYSROOT})
endif()
# -march=native would name the machine that builds
set(LINTEL_NATIVE OFF CACHE BOOL "tune the trainer for this machine's processor")
