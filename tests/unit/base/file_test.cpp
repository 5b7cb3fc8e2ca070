#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"

namespace llmops {

TEST_CASE("paths are joined and taken apart like the shell does") {
  CHECK(join_path("a", "b") == "a/b");
  CHECK(join_path("a/", "b") == "a/b");
  CHECK(join_path("a", "/b") == "/b");
  CHECK(join_path("", "b") == "b");
  CHECK(parent_path("a/b/c") == "a/b");
  CHECK(parent_path("a/b/") == "a");
  CHECK(parent_path("a") == ".");
  CHECK(parent_path("/a") == "/");
  CHECK(parent_path("/") == "/");
  CHECK(base_name("a/b.txt") == "b.txt");
  CHECK(base_name("a/b/") == "b");
  CHECK(base_name("/") == "/");
  CHECK(absolute_path("/a/./b/../c/") == "/a/c");
  CHECK(absolute_path("x").starts_with('/'));
  CHECK(absolute_path("./x") == absolute_path("x"));
}

TEST_CASE("a file is the same through links and other spellings") {
  TemporaryDirectory directory;
  const std::string path = directory.file("f"), link = directory.file("link");
  write_file_durably(path, "x");
  REQUIRE(::symlink("f", link.c_str()) == 0);
  CHECK(is_same_file(path, link));
  CHECK(is_same_file(directory.path(), directory.path() + "/."));
  CHECK_FALSE(is_same_file(path, directory.path()));
  CHECK_FALSE(is_same_file(directory.file("none"), directory.file("none")));
}

TEST_CASE("read_file gives the bytes, NUL included, and knows its limit") {
  TemporaryDirectory directory;
  const std::string path = directory.file("f");
  write_file_durably(path, std::string_view("a\0b", 3));
  CHECK(read_file(path) == std::string("a\0b", 3));
  CHECK(read_file(path, 3).size() == 3);
  CHECK(error_text([&] { read_file(path, 2); }) ==
        "usage: cannot read " + path + ": larger than 2 bytes");
  CHECK_FALSE(read_file("/proc/self/stat").empty());  // a file that says size 0
}

TEST_CASE("what is no regular file is refused at once, with the caller's code") {
  TemporaryDirectory directory;
  const std::string fifo = directory.file("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const auto read = [](const std::string& path) {
    return error_text([&] { read_file(path, 1000, ExitCode::kDamaged); });
  };
  CHECK(read(fifo) == "damaged: cannot read " + fifo + ": not a regular file");
  CHECK(read(directory.path()) ==
        "damaged: cannot read " + directory.path() + ": it is a directory");
  CHECK(read(directory.file("none")) ==
        "damaged: cannot read " + directory.file("none") + ": No such file or directory");
  CHECK(read("/dev/zero") == "damaged: cannot read /dev/zero: not a regular file");
  CHECK(error_of([&] { RandomAccessFile file(fifo); }).has_value());
}

TEST_CASE("a FileWriter's file is complete after close and gone without it") {
  TemporaryDirectory directory;
  const std::string path = directory.file("f");
  const std::string large(3 << 20, 'x');
  {
    FileWriter writer(path);
    writer.write("begin");
    writer.write(large);
    writer.write("end");
    CHECK(writer.size() == large.size() + 8);
    writer.close();
  }
  CHECK(read_file(path) == "begin" + large + "end");
  CHECK(error_of([&] { FileWriter again(path); })->code() == ExitCode::kStorage);
  const std::string abandoned = directory.file("abandoned");
  { FileWriter writer(abandoned); }
  CHECK_FALSE(path_exists(abandoned));
}

TEST_CASE("a FileWriter follows no symbolic link") {
  TemporaryDirectory directory;
  REQUIRE(::symlink("/tmp/elsewhere-of-llmops", directory.file("link").c_str()) == 0);
  CHECK(error_of([&] { FileWriter writer(directory.file("link")); }).has_value());
}

TEST_CASE("a file is read at any place, until it is cut, also when it was deleted") {
  TemporaryDirectory directory;
  const std::string path = directory.file("f");
  write_file_durably(path, "hello");
  const RandomAccessFile file(path);
  CHECK(file.size() == 5);
  const auto read = [&](std::uint64_t offset, std::size_t size) {
    std::string bytes(size, '?');
    const bool whole = file.read(offset, std::as_writable_bytes(std::span(bytes)));
    return whole ? bytes : "cut";
  };
  CHECK(read(1, 3) == "ell");
  CHECK(read(5, 0).empty());
  CHECK(read(4, 2) == "cut");
  REQUIRE(::truncate(path.c_str(), 3) == 0);
  CHECK(read(0, 3) == "hel");
  CHECK(read(1, 3) == "cut");
  remove_all(path);
  CHECK(read(0, 3) == "hel");
}

TEST_CASE("directories are made with their parents, listed in order, removed whole") {
  TemporaryDirectory directory;
  make_directories(directory.file("a/b/c"));
  make_directories(directory.file("a/b/c"));
  write_file_durably(directory.file("a/z"), "");
  write_file_durably(directory.file("a/B"), "");
  CHECK(list_directory(directory.file("a")) == std::vector<std::string>{"B", "b", "z"});
  remove_all(directory.file("a"));
  CHECK_FALSE(path_exists(directory.file("a")));
  write_file_durably(directory.file("f"), "");
  CHECK(error_of([&] { make_directories(directory.file("f/x")); }).has_value());
  CHECK(free_bytes(directory.path()) > 0);
}

TEST_CASE("a stamp changes with the file") {
  TemporaryDirectory directory;
  const std::string path = directory.file("f");
  write_file_durably(path, "a");
  const std::string stamp = file_stamp(path);
  CHECK(file_stamp(path) == stamp);
  write_file_durably(path, "b");  // another inode or another time
  CHECK(file_stamp(path) != stamp);
}

TEST_CASE("a stamp that is final shows a change in place, also with the old time put back") {
  TemporaryDirectory directory;
  const std::string path = directory.file("f");
  write_file_durably(path, "a");
  struct stat before {};
  for (int i = 0; i < 3; ++i) {
    while (!stamp_is_final(path)) {
    }
    REQUIRE(::stat(path.c_str(), &before) == 0);
    const std::string stamp = file_stamp(path);
    const int fd = ::open(path.c_str(), O_WRONLY);
    REQUIRE(::pwrite(fd, "b", 1, 0) == 1);
    const timespec times[2] = {before.st_atim, before.st_mtim};
    REQUIRE(::futimens(fd, times) == 0);
    ::close(fd);
    CHECK(file_stamp(path) != stamp);
  }
}

TEST_CASE("a lock is held by one owner at a time") {
  TemporaryDirectory directory;
  const std::string path = directory.file("lock");
  std::optional<FileLock> lock = FileLock::acquire(path);
  REQUIRE(lock);
  CHECK_FALSE(FileLock::acquire(path));
  CHECK_FALSE(FileLock::acquire(path, 5));
  FileLock moved = std::move(*lock);
  lock.reset();
  CHECK_FALSE(FileLock::acquire(path));
  { const FileLock last = std::move(moved); }
  CHECK(FileLock::acquire(path));
}

}  // namespace llmops
