# 64-bit Arm (ARMv8.0 and up: a Raspberry Pi 3 is one). Newer instructions are chosen when running.
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(lintel_triplet aarch64-linux-gnu)
set(lintel_arch arm64)
set(lintel_emulator qemu-aarch64 -cpu max)
include(${CMAKE_CURRENT_LIST_DIR}/cross-debian.cmake)
