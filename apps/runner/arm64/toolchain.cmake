# 64-bit ARM Linux, by Debian's cross compiler (g++-aarch64-linux-gnu).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
# Programs of the building machine are looked for as ever; stb and nlohmann-json are headers only.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
