// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>

#include "sockets.hpp"

namespace {

using namespace millrace::os;
using namespace millrace::os::test;

constexpr uid_t kNobody = 65534;

unsigned mode_of(const std::string& path) {
  struct stat status;
  REQUIRE(lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

/// The process-wide umask, put back afterwards.
class Umask {
 public:
  explicit Umask(mode_t mask) : before_(umask(mask)) {}
  ~Umask() { umask(before_); }

 private:
  mode_t before_;
};

/// A socket file whose process is gone.
void leave_stale_file(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof name.sun_path - 1);
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
}

TEST_CASE("a socket file has exactly the mode that is asked for, whatever the umask") {
  const Folder folder;
  for (const mode_t mask : {0000, 0022, 0077, 0777}) {
    const Umask umask(mask);
    for (const std::uint32_t mode : {0600U, 0660U, 0666U, 0700U, 0000U, 0777U}) {
      CAPTURE(mask);
      CAPTURE(mode);
      const std::string path = folder.file("s" + std::to_string(mask) + "-" + std::to_string(mode));
      const Fd listener(listen_on(local(path), {.mode = mode}));
      REQUIRE(listener >= 0);
      CHECK(mode_of(path) == mode);
    }
  }
}

TEST_CASE("only the owner may connect unless more is asked for") {
  const Folder folder;
  const Fd listener = listen_or_fail(local(folder.file("s")));
  CHECK(mode_of(folder.file("s")) == 0600);
}

TEST_CASE("a mode that is more than permissions is -EINVAL and leaves no file") {
  const Folder folder;
  CHECK(Fd(listen_on(local(folder.file("s")), {.mode = 04600})).release() == -EINVAL);
  CHECK(access(folder.file("s").c_str(), F_OK) != 0);
}

TEST_CASE("a stale file that is replaced has the new mode") {
  const Folder folder;
  const std::string path = folder.file("s");
  leave_stale_file(path);
  REQUIRE(chmod(path.c_str(), 0777) == 0);
  const Fd listener(listen_on(local(path), {.mode = 0640}));
  REQUIRE(listener >= 0);
  CHECK(mode_of(path) == 0640);
}

TEST_CASE("a stale socket file of another user stays, also for root") {
  if (geteuid() != 0) {
    MESSAGE("needs root, to make a file of another user");
    return;
  }
  const Folder folder;
  const std::string path = folder.file("s");
  leave_stale_file(path);
  REQUIRE(chown(path.c_str(), kNobody, kNobody) == 0);
  CHECK(Fd(listen_on(local(path), {})).release() == -EEXIST);
  CHECK(access(path.c_str(), F_OK) == 0);
}

TEST_CASE("a folder in which this user may not write is -EACCES") {
  const Folder folder;
  REQUIRE(chmod(folder.file("").c_str(), 0755) == 0);  // or the way there would be the reason
  const std::string closed = folder.file("closed");
  REQUIRE(mkdir(closed.c_str(), 0555) == 0);
  // Root may write everywhere: the attempt is made by a child that is nobody.
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (geteuid() == 0 && setuid(kNobody) != 0) _exit(200);
    const int result = listen_on(local(closed + "/s"), {});
    _exit(result < 0 && result > -200 ? -result : 201);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == EACCES);
}

TEST_CASE("peer_credentials are those of the process that connected") {
  const Folder folder;
  for (const Address& address : {local(folder.file("s")), local(std::string(1, '\0') + folder.file("abstract"))}) {
    const Fd listener = listen_or_fail(address);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      const Fd client = connect_to(address);
      char byte;
      _exit(::read(client, &byte, 1) == 0 ? 0 : 1);  // until the server closes
    }
    Address peer;
    Fd server = accept_or_fail(listener, &peer);
    Credentials credentials;
    CHECK(peer_credentials(server, &credentials) == 0);
    CHECK(credentials.pid == child);
    CHECK(credentials.uid == getuid());
    CHECK(credentials.gid == getgid());
    server = Fd();
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
  }
}

TEST_CASE("what is no local socket has no peer credentials") {
  const Pair pair(ipv4_loopback());
  Credentials credentials;
  CHECK(peer_credentials(pair.server, &credentials) < 0);
  CHECK(peer_credentials(-1, &credentials) == -EBADF);
}

TEST_CASE("local_file tells one file from another at the same path") {
  const Folder folder;
  const std::string path = folder.file("s");
  FileId first;
  FileId second;
  leave_stale_file(path);
  REQUIRE(local_file(local(path), &first) == 0);
  REQUIRE(rename(path.c_str(), folder.file("aside").c_str()) == 0);
  leave_stale_file(path);
  REQUIRE(local_file(local(path), &second) == 0);
  CHECK_FALSE(first == second);
  std::ofstream(folder.file("file")) << "x";
  CHECK(local_file(local(folder.file("file")), &first) == -ENOTSOCK);
  CHECK(local_file(local(folder.file("none")), &first) == -ENOENT);
}

}  // namespace
