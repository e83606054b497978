/*
 * Copies the output of a job to its log, in the segments of log-writer.sh, which explains them: log-copier LOG LIMIT
 *
 * That script starts it on Linux, because it copies every byte once, where dd copies it twice. The pages of standard input, a
 * pipe, move to a pipe of its own, and from there into the log. So the job fills its pipe meanwhile: the kernel locks a pipe
 * while it is copied into a file.
 *
 * Exits with 0 at the end of the input, with 1 if the script has to continue, and with 2 if it cannot work here. Prints how many
 * bytes could not be written, if any.
 */
#include "../../lib/c/system.h"
#include <linux/fcntl.h>
#include <linux/stat.h>

enum { FINISHED = 0, STOPPED = 1, UNUSABLE = 2 };
enum { F_SETPIPE_SZ_ = 1031, PIPE_BYTES = 1 << 19, CHUNK_BYTES = 1 << 18 };
enum { OFFSET_DIGITS = 15, NOTE_BYTES = 256, MIN_SEGMENT = 1 << 20, SPARE_BYTES = 65536, MAX_PATH = 4096 };

static const char *log_path;
/* The folder of older segments, and then the path of one of them. */
static char older[MAX_PATH], older_path[MAX_PATH + 1 + OFFSET_DIGITS + 1];
static long limit;
/* How many bytes of the output come before the log, and before the oldest segment. */
static long start_offset, first_offset;
/* The size that the log may have. */
static long segment;
/* Half of the space that the disk had when it was last asked, less the segments since. */
static long room;
static long log_file;
/* What is read from and written to our own pipe, and how much is in it. */
static int pipe_ends[2];
static long pending;

static _Noreturn void finish(int code) {
  if (pending > 0) {
    char text[24];
    decimal(pending, text);
    sys(__NR_write, 1, text, length_of(text));
  }
  for (;;) sys(__NR_exit_group, code);
}

/* Returns a negative number for a text that is no number. */
static long parse(const char *text, size_t length) {
  long number = 0;
  for (size_t i = 0; i < length; i += 1) {
    if (text[i] < '0' || text[i] > '9' || number > 1000000000000000000) return -1;
    number = number * 10 + (text[i] - '0');
  }
  return length == 0 ? -1 : number;
}

static const char *path_of(long offset) {
  size_t folder = length_of(older);
  memcpy(older_path, older, folder);
  older_path[folder] = '/';
  char *digits = older_path + folder + 1;
  for (int i = OFFSET_DIGITS - 1; i >= 0; i -= 1, offset /= 10) digits[i] = (char)('0' + offset % 10);
  digits[OFFSET_DIGITS] = 0;
  return older_path;
}

static long size_of(long file, const char *path) {
  struct statx status = {0};
  long result = sys(__NR_statx, file, path, *path == 0 ? 0x1000 /* AT_EMPTY_PATH */ : 0, STATX_SIZE, &status);
  return result < 0 ? result : (long)status.stx_size;
}

struct segments { long count, first, second, last; };

/* Reads the offsets of the older segments. Negative without a folder of them. */
static long list_segments(struct segments *found) {
  *found = (struct segments){0, -1, -1, -1};
  long folder = sys(__NR_openat, AT_FDCWD, older, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return folder;
  /* As struct linux_dirent64, whose name is at byte 19. */
  static char entries[4096] __attribute__((aligned(8)));
  long size;
  while ((size = sys(__NR_getdents64, folder, entries, sizeof entries)) > 0) {
    for (long at = 0; at < size; at += *(unsigned short *)(entries + at + 16)) {
      const char *name = entries + at + 19;
      size_t length = length_of(name);
      long offset = length == OFFSET_DIGITS ? parse(name, length) : -1;
      if (offset < 0) continue;
      found->count += 1;
      if (found->first < 0 || offset < found->first) found->second = found->first, found->first = offset;
      else if (found->second < 0 || offset < found->second) found->second = offset;
      if (offset > found->last) found->last = offset;
    }
  }
  sys(__NR_close, folder);
  return size;
}

static long create(const char *path) {
  return sys(__NR_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

/* Leaves an empty file in place of the last one, so that its name says how much comes before the log. */
static bool drop_oldest(void) {
  struct segments found;
  if (list_segments(&found) < 0 || found.count == 0) return false;
  if (found.count == 1) {
    if (found.first == start_offset) return false;
    /* Before the other one is gone, so that readers always find one; and after that on a disk without a free inode. */
    long empty = create(path_of(start_offset));
    sys(__NR_unlinkat, AT_FDCWD, path_of(found.first), 0);
    if (empty < 0) empty = create(path_of(start_offset));
    if (empty >= 0) sys(__NR_close, empty);
    first_offset = start_offset;
    return true;
  }
  if (sys(__NR_unlinkat, AT_FDCWD, path_of(found.first), 0) < 0) return false;
  first_offset = found.second;
  return true;
}

static void choose_size(void) {
  long most = limit / 16, least = most < MIN_SEGMENT ? most : MIN_SEGMENT;
  segment = (start_offset - first_offset) / 8;
  if (segment > most) segment = most;
  if (segment < least) segment = least;
}

static bool make_room_in_limit(void) {
  while (start_offset - first_offset + segment > limit - NOTE_BYTES) if (!drop_oldest()) return false;
  return true;
}

/* As struct statfs64: the size of a block is the second word, the number of free ones for users the fifth. */
static long free_bytes(void) {
  long status[32];
  long result = sys(__NR_fstatfs, log_file, status);
  return result < 0 ? result : status[1] * status[4];
}

static void make_room_on_disk(void) {
  room -= segment;
  if (room >= segment) return;
  long bytes;
  do {
    bytes = free_bytes();
    room = bytes / 2;
  } while (bytes >= 0 && bytes < segment + SPARE_BYTES && drop_oldest());
}

/* False if the log is as before. */
static bool rotate(long size) {
  long made = sys(__NR_mkdirat, AT_FDCWD, older, 0700);
  if (made < 0 && made != -EEXIST) return false;
  const char *path = path_of(start_offset);
  if (sys(__NR_renameat2, AT_FDCWD, log_path, AT_FDCWD, path, 0) < 0) return false;
  long next = create(log_path);
  if (next < 0) {
    sys(__NR_renameat2, AT_FDCWD, path, AT_FDCWD, log_path, 0);
    return false;
  }
  sys(__NR_close, log_file);
  log_file = next;
  start_offset += size;
  return true;
}

static long splice(long from, long to, long *offset, long size) {
  long moved;
  do moved = sys(__NR_splice, from, NULL, to, offset, size, 0);
  while (moved == -EINTR);
  return moved;
}

/* For a file system that cannot take pages of a pipe. */
static void write_pending(void) {
  static char buffer[65536];
  while (pending > 0) {
    long size = sys(__NR_read, pipe_ends[0], buffer, pending < (long)sizeof buffer ? pending : (long)sizeof buffer);
    if (size <= 0) return;
    for (long done = 0; done < size;) {
      long written = sys(__NR_pwrite64, log_file, buffer + done, size - done, size_of(log_file, ""));
      if (written <= 0) return;
      done += written;
      pending -= written;
    }
  }
}

/* Appends what is pending. The log may have been cut by others, so its end is wherever it is now. */
static void append(void) {
  while (pending > 0) {
    long end = size_of(log_file, "");
    long written = splice(pipe_ends[0], log_file, &end, pending);
    if (written > 0) {
      pending -= written;
    } else if (written == -EINVAL) {
      write_pending();
      finish(UNUSABLE);
    } else if ((written != -ENOSPC && written != -EDQUOT) || !drop_oldest()) {
      finish(STOPPED);
    }
  }
}

static void find_segments(void) {
  struct segments found;
  long listed = list_segments(&found);
  if (listed < 0 && listed != -ENOENT) finish(STOPPED);
  if (found.count == 0) return;
  first_offset = found.first;
  long size = size_of(AT_FDCWD, path_of(found.last));
  if (size < 0) finish(STOPPED);
  start_offset = found.last + size;
}

static void open_all(char **argv) {
  static const char suffix[] = ".older";
  log_path = argv[1];
  size_t length = length_of(log_path);
  limit = parse(argv[2], length_of(argv[2]));
  if (length + sizeof suffix > sizeof older || limit <= 0) finish(UNUSABLE);
  memcpy(older, log_path, length);
  memcpy(older + length, suffix, sizeof suffix);
  /* Not to be appended to, because such a file takes no pages of a pipe. */
  log_file = sys(__NR_openat, AT_FDCWD, log_path, O_WRONLY | O_CLOEXEC);
  if (log_file < 0) finish(STOPPED);
  if (size_of(log_file, "") < 0) finish(UNUSABLE);
  if (sys(__NR_pipe2, pipe_ends, O_CLOEXEC) < 0) finish(STOPPED);
  /* The user may have too many large pipes already. Then these stay as they are. */
  sys(__NR_fcntl, 0, F_SETPIPE_SZ_, PIPE_BYTES);
  sys(__NR_fcntl, pipe_ends[0], F_SETPIPE_SZ_, CHUNK_BYTES);
}

__attribute__((used)) _Noreturn void start(long *stack) {
  if (stack[0] != 3) finish(UNUSABLE);
  open_all((char **)(stack + 1));
  find_segments();
  choose_size();
  if (!make_room_in_limit()) finish(STOPPED);
  for (;;) {
    long size = size_of(log_file, "");
    if (size >= segment) {
      if (!rotate(size)) finish(STOPPED);
      choose_size();
      if (!make_room_in_limit()) finish(STOPPED);
      make_room_on_disk();
      size = 0;
    }
    long most = segment - size < CHUNK_BYTES ? segment - size : CHUNK_BYTES;
    long moved = splice(0, pipe_ends[1], NULL, most);
    if (moved == 0) finish(FINISHED);
    if (moved < 0) finish(moved == -ENOMEM ? STOPPED : UNUSABLE);
    pending = moved;
    append();
  }
}
