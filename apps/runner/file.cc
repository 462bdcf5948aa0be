#include "file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "failure.h"

namespace liif {

namespace fs = std::filesystem;

namespace {

// What a signal must remove: set while a file is being written.
char partial_path[4096];

void remove_partial(int signal) {
  if (partial_path[0] != '\0') unlink(partial_path);
  _exit(128 + signal);
}

bool write_all(int descriptor, const Bytes& content) {
  for (size_t done = 0; done < content.size();) {
    const ssize_t n = write(descriptor, content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

fs::path folder_of(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent;
}

}  // namespace

Bytes read_file(const std::string& path, const std::string& what) {
  std::error_code error;
  if (fs::is_directory(path, error)) throw Failure(path + ": expected " + what + ", found a folder");
  if (!fs::exists(path, error)) throw Failure(path + ": expected " + what + ", found no file there");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Failure(path + ": expected " + what + ", found " + std::strerror(errno));
  Bytes content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) throw Failure(path + ": expected to read the file, found " + std::strerror(errno));
  return content;
}

void check_output(const std::string& path, bool force) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    throw Failure(path + ": expected a file to write, found a folder");
  }
  const fs::path folder = folder_of(path);
  if (!fs::is_directory(folder, error)) {
    throw Failure(path + ": expected " + folder.string() + " to be a folder, found " +
                  (fs::exists(folder, error) ? "a file" : "nothing there"));
  }
  if (access(folder.c_str(), W_OK | X_OK) != 0) {
    throw Failure(path + ": expected a folder that may be written to, found " + std::strerror(errno));
  }
  if (fs::symlink_status(path, error).type() != fs::file_type::not_found && !force) {
    throw Failure(path + ": expected a free path, found a file; --force replaces it");
  }
}

void write_file(const std::string& path, const Bytes& content) {
  const std::string partial =
      (folder_of(path) / (".liif-" + std::to_string(getpid()) + ".partial")).string();
  if (partial.size() >= sizeof partial_path) throw Failure(path + ": expected a shorter path");
  std::strcpy(partial_path, partial.c_str());
  std::signal(SIGINT, remove_partial);
  std::signal(SIGTERM, remove_partial);
  const int descriptor = open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  bool written = descriptor >= 0 && write_all(descriptor, content);
  if (descriptor >= 0) written = close(descriptor) == 0 && written;
  written = written && std::rename(partial.c_str(), path.c_str()) == 0;
  const int reason = errno;
  if (!written && descriptor >= 0) unlink(partial.c_str());
  partial_path[0] = '\0';
  if (!written) throw Failure(path + ": expected to write the file, found " + std::strerror(reason));
}

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!fs::is_directory(path)) {
    throw Failure(path + ": expected a folder to write to, found " +
                  (error ? error.message() : "a file"));
  }
}

}  // namespace liif
