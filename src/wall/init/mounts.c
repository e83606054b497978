/*
 * Sockets of programs outside of the container, in what it has mounted: one that is connected to leads past the wall, whatever
 * network its program is in. Searched here and not on the machine, because this process has exactly the mounts and the rights of
 * the agent. Sockets at which no program listens any more are left as they are.
 */
#include "sockets.h"
#include "wall.h"
#include <asm/stat.h>
#include <linux/capability.h>
#include <linux/fcntl.h>

enum { MAX_DEPTH = 200, MAX_SEARCH_MS = 20000 };
enum { TYPE_MASK = 0170000, TYPE_SOCKET = 0140000, TYPE_FOLDER = 0040000 };
enum { DT_UNKNOWN = 0, DT_DIR = 4, DT_SOCK = 12, X_OK = 1 };

struct entry {
  uint64_t inode;
  int64_t offset;
  uint16_t size;
  uint8_t type;
  char name[];
};

/* Where the search is, for its reason. What is longer is cut. */
static char path[400];
static long search_end;

/* Adds text to the path, without characters that would break a line. Returns the length before. */
static size_t extend_path(const char *slash, const char *name) {
  size_t before = length_of(path), at = before;
  for (int part = 0; part < 2; part += 1)
    for (const char *from = part == 0 ? slash : name; *from != 0 && at < sizeof path - 1; from += 1)
      path[at++] = (uint8_t)*from < ' ' || *from == 0x7f ? '?' : *from;
  path[at] = 0;
  return before;
}

/* Whether the agent can never use a file of this user that this process may not use. */
static bool is_closed(uint32_t owner) {
  if (owner == (uint32_t)sys(__NR_geteuid)) return false;
  uint64_t own = permitted_capabilities();
  /* With this one, only files of users who are not in the container are closed. */
  if ((own >> CAP_DAC_OVERRIDE & 1) != 0) return true;
  return (own & (1 << CAP_SETUID | 1 << CAP_SETGID | 1 << CAP_CHOWN | 1 << CAP_FOWNER)) == 0;
}

/* Whether the agent reaches no program by the socket. A doubt counts as one that it reaches. */
static bool leads_nowhere(int folder, const char *name) {
  static const char descriptors[] = "/proc/self/fd/";
  long file = sys(__NR_openat, folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
  if (file < 0) return file == -ENOENT;
  /* An address has 107 characters at most. This path leads to any file. */
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, descriptors, sizeof descriptors);
  decimal(file, address.sun_path + sizeof descriptors - 1);
  long fd = sys(__NR_socket, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  long result = fd < 0 ? fd : sys(__NR_connect, fd, &address, sizeof address);
  if (fd >= 0) sys(__NR_close, fd);
  sys(__NR_close, file);
  if (result != -EACCES) return result == -ECONNREFUSED;
  struct stat found;
  return sys(__NR_newfstatat, folder, name, &found, AT_SYMLINK_NOFOLLOW) == 0 && is_closed(found.st_uid);
}

static void check_socket(int folder, const char *name) {
  if (!leads_nowhere(folder, name)) refuse("a program outside of the container listens at the socket ", path, NULL);
}

static void search(int parent, const char *name, uint64_t device, int depth);

static void search_entry(int folder, const struct entry *entry, uint64_t device, int depth) {
  if (is_equal(entry->name, ".") || is_equal(entry->name, "..")) return;
  uint8_t type = entry->type;
  struct stat found;
  if (type == DT_UNKNOWN && sys(__NR_newfstatat, folder, entry->name, &found, AT_SYMLINK_NOFOLLOW) == 0) {
    if ((found.st_mode & TYPE_MASK) == TYPE_SOCKET) type = DT_SOCK;
    if ((found.st_mode & TYPE_MASK) == TYPE_FOLDER) type = DT_DIR;
  }
  if (type != DT_DIR && type != DT_SOCK) return;
  size_t length = extend_path("/", entry->name);
  if (type == DT_SOCK) check_socket(folder, entry->name);
  else search(folder, entry->name, device, depth + 1);
  path[length] = 0;
}

/* Searches a folder, except for other file systems in it, which are mounts of their own. */
static void search(int parent, const char *name, uint64_t device, int depth) {
  if (depth > MAX_DEPTH || now_ms() > search_end)
    refuse("a mounted folder has too many files to search it for sockets: ", path, NULL);
  struct stat folder;
  long found = sys(__NR_newfstatat, parent, name, &folder, AT_SYMLINK_NOFOLLOW);
  if (found == -ENOENT || (found == 0 && folder.st_dev != device)) return;
  long fd = sys(__NR_openat, parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP) return;
  /* Without the right to list a folder, its files can still be opened by name. */
  if (fd == -EACCES && sys(__NR_faccessat, parent, name, X_OK) == -EACCES && is_closed(folder.st_uid)) return;
  if (fd < 0) refuse("cannot search a mounted folder for sockets: ", path, NULL);
  _Alignas(uint64_t) char entries[4096];
  long size;
  while ((size = sys(__NR_getdents64, fd, entries, sizeof entries)) > 0)
    for (long at = 0; at < size;) {
      const struct entry *entry = (void *)(entries + at);
      at += entry->size;
      search_entry((int)fd, entry, device, depth);
    }
  if (size < 0 && size != -ENOENT) refuse("cannot search a mounted folder for sockets: ", path, NULL);
  sys(__NR_close, fd);
}

/* File systems of the kernel, which have no sockets. */
static bool is_of_kernel(const char *type) {
  static const char *const types[] = {"proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue"};
  for (size_t i = 0; i < sizeof types / sizeof *types; i += 1)
    if (is_equal(types[i], type)) return true;
  return false;
}

/* Undoes the escapes of the kernel's list, in place. */
static char *unescape(char *text) {
  char *to = text;
  for (char *from = text; *from != 0;) {
    if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] != 0 && from[3] != 0) {
      *to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
      from += 4;
    } else *to++ = *from++;
  }
  *to = 0;
  return text;
}

/* Cuts the next word off a line. */
static char *take_word(char **line) {
  char *word = *line;
  while (**line != 0 && **line != ' ') *line += 1;
  if (**line == ' ') *(*line)++ = 0;
  return word;
}

/* The fifth word of a line of mountinfo is the place of the mount; the type is the first after a dash. */
static void check_mount(char *line) {
  for (int words = 0; words < 4; words += 1) take_word(&line);
  char *place = unescape(take_word(&line));
  while (*line != 0 && !is_equal(take_word(&line), "-")) continue;
  /* The image's own files are no program's, and the wall's folder has the gateway's socket. */
  if (is_of_kernel(take_word(&line)) || is_equal(place, "/") || is_equal(place, WALL_FOLDER)) return;
  struct stat found;
  if (sys(__NR_newfstatat, AT_FDCWD, place, &found, 0) < 0) return;
  path[0] = 0;
  extend_path(place, "");
  if ((found.st_mode & TYPE_MASK) == TYPE_SOCKET) refuse("the container has the socket ", path, NULL);
  if ((found.st_mode & TYPE_MASK) == TYPE_FOLDER) search(AT_FDCWD, place, found.st_dev, 0);
}

void check_mounts(void) {
  static char text[65536];
  size_t size = 0;
  search_end = now_ms() + MAX_SEARCH_MS;
  long fd = sys(__NR_openat, AT_FDCWD, "/proc/self/mountinfo", O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) refuse("cannot list mounts: ", error_text(fd), NULL);
  for (;;) {
    long count = sys(__NR_read, fd, text + size, sizeof text - 1 - size);
    if (count < 0 || size == sizeof text - 1) refuse("cannot list mounts", NULL);
    if (count == 0) break;
    size += (size_t)count;
    size_t begin = 0;
    for (size_t i = 0; i < size; i += 1) {
      if (text[i] != '\n') continue;
      text[i] = 0;
      check_mount(text + begin);
      begin = i + 1;
    }
    /* The rest is the beginning of a line. */
    for (size_t i = begin; i < size; i += 1) text[i - begin] = text[i];
    size -= begin;
  }
  sys(__NR_close, fd);
}
