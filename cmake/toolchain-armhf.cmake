# 32-bit Arm (ARMv7 with hardware floating point, Debian's armhf).
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(lintel_triplet arm-linux-gnueabihf)
set(lintel_arch armhf)
set(lintel_emulator qemu-arm -cpu max)
include(${CMAKE_CURRENT_LIST_DIR}/cross-debian.cmake)
