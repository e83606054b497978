#!/bin/sh
# The log writer of a job: copies its standard input to the job's log, in segments that stay within the limit together.
# Arguments: the job's folder, its log, the log's limit in bytes.
#
# The newest segment has the name of the log. A full one is moved to <log>.older/<offset>: in 15 digits, how many bytes of
# the output come before it. Then the oldest ones are removed until a new one has room within the limit and on the disk.
# An empty file takes the place of the last one, so that its name says how much comes before the log.
#
# POSIX shell and commands that every system has, in their plainest form, like shim.sh. On Linux, log-copier does the work while
# all goes well, with half of the processor time; otherwise this does, with Perl if there is one.
# The job never waits for a disk: output that cannot be written is discarded, counted and noted in the log. If this shell
# itself fails, for instance because no process can be started, it becomes a `cat` that keeps the job going.

folder=$1 log=$2 limit=$3 older=$2.older copier=$1/log-copier
PATH=$PATH:/usr/bin:/bin LC_ALL=C
export PATH LC_ALL
unset BLOCK_SIZE LS_BLOCK_SIZE PERL5OPT
umask 077
trap 'exec cat' EXIT

narrow=4096 widest=262144
note_bytes=256
max_segment=$((limit / 16)) min_segment=1048576
[ "$min_segment" -le "$max_segment" ] || min_segment=$max_segment
zero=1000000000000000 # of the offsets in names: 15 digits behind a 1, which keeps them from being read as octal.
start=0 size=0 first=0 room=0 missing=0 tried=''

[ -x "$copier" ] || copier=''

# On Linux a pipe can hold more than 64 KiB, so that the job and dd wait for each other less often. Of all commands that a
# system may have, only Perl can ask for that: fcntl(F_SETPIPE_SZ). Without it, a job that does nothing but write is slower.
# A program of that name can be anything: it is neither waited for nor given the job's output to read.
[ -n "$copier" ] || { perl -e 'open PIPE, "<&=3"; fcntl PIPE, 1031, 1 << 19' </dev/null & } 3<&0

measure() {
  # shellcheck disable=SC2012,SC2046 # The size is a word of its own, and wc reads the whole file on some systems.
  set -- $(ls -ln "$1")
  size=${5:-0}
}

offset_of() {
  offset=1${1##*/}
  offset=$((offset - zero))
}

find_segments() {
  first=''
  for last in "$older"/*; do
    [ -e "$last" ] || { last=''; break; }
    offset_of "$last"
    first=${first:-$offset}
  done
  if [ -n "$last" ]; then
    measure "$last"
    start=$((offset + size))
  fi
  first=${first:-$start}
  measure "$log"
}

# Sets the path that a segment has which ends where the log begins, or an empty one in its place.
set_path() {
  name=$((zero + start)) path=$older/${name#1}
}

drop_oldest() {
  set -- "$older"/*
  [ -e "$1" ] || return 1
  offset=$start
  if [ $# -eq 1 ]; then
    set_path
    [ "$1" != "$path" ] || return 1
    # First, so that readers always find one. A disk without a free inode has one afterwards.
    true >"$path"
    rm -f "$1"
    [ -e "$path" ] || true >"$path"
  else
    rm -f "$1"
    offset_of "$2"
  fi
  first=$offset
}

rotate() {
  set_path
  { [ -d "$older" ] || mkdir "$older"; } && mv "$log" "$path" || return 1
  until true >"$log"; do
    set -- "$older"/*
    if [ $# -eq 1 ] || ! drop_oldest; then
      mv "$path" "$log"
      [ "$start" -eq 0 ] || true >"$path"
      return 1
    fi
  done
  start=$((start + size)) size=0
}

# An eighth of the log so far, so that dropping the oldest segment keeps nearly all of it on a full disk too.
choose_size() {
  segment=$(((start - first) / 8))
  [ "$segment" -le "$max_segment" ] || segment=$max_segment
  [ "$segment" -ge "$min_segment" ] || segment=$min_segment
  wide=$((segment / 16))
  [ "$wide" -le "$widest" ] || wide=$widest
  [ "$unit" -eq "$narrow" ] || unit=$wide
}

make_room_in_limit() {
  while [ $((start - first + segment)) -gt $((limit - note_bytes)) ]; do drop_oldest || return 1; done
}

# Looks at the disk again when half of the space that it had may be used up.
make_room_on_disk() {
  room=$((room - segment))
  [ "$room" -lt "$segment" ] || return 0
  while
    line=$(df -Pk "$log" | tail -n 1)
    # shellcheck disable=SC2086 # The words up to the capacity in percent, the free KiB before it.
    set -- ${line%%%*}
    [ $# -gt 2 ] && shift $(($# - 2))
    case $1 in '' | *[!0-9]*) return 0 ;; esac
    room=$(($1 * 512))
    [ $(($1 * 1024)) -lt $((segment + 65536)) ]
  do drop_oldest || return 0; done
}

has_segment() {
  if [ $((segment - size)) -lt "$wide" ]; then
    rotate && choose_size && make_room_in_limit && make_room_on_disk || return 1
  fi
  make_room_in_limit
}

note_missing() {
  line_end=''
  [ -z "$(tail -c 1 "$log")" ] || line_end='\n'
  amount="at least $missing"
  [ "$missing" -gt 1 ] || amount=some
  note="[plan42: $amount bytes of the output are missing here: they could not be written]"
  printf "$line_end%s\n" "$note" >>"$log" && missing=0
}

# The last resort, which takes no space: over the end of what was written.
note_in_place() {
  measure "$log"
  at=$((size - ${#note} - 2))
  [ "$at" -ge 0 ] && printf '\n%s\n' "$note" | dd of="$log" bs=1 seek="$at" conv=notrunc
}

is_writable() {
  if [ "$missing" -gt 0 ]; then
    now=$(date +%s)
    [ "$now" != "$tried" ] || return 1
    tried=$now
  fi
  has_segment || return 1
  [ "$missing" -eq 0 ] || { note_missing && measure "$log"; }
}

# A round is as many reads as fit into the segment even if each is full. If most bring less than a block, smaller blocks make
# the rounds longer.
after_round() {
  counts=${report%% records in*}
  counts=${counts##*[!0-9+]}
  full=${counts%+*} partial=${counts#*+}
  if [ "$partial" -eq 0 ]; then size=$((size + full * unit)); else measure "$log"; fi
  if [ "$partial" -gt "$full" ]; then unit=$narrow; else unit=$wide; fi
}

# Succeeds at the end of the output.
copy_quickly() {
  lost=$(exec "$copier" "$log" "$limit" 2>/dev/null)
  case $? in
    0) return 0 ;;
    # A new file cannot be executed while another process that is just being started has it open.
    1 | 126) ;;
    *) copier='' ;;
  esac
  missing=${lost:-0}
  find_segments
  choose_size
  return 1
}

unit=$narrow
find_segments
choose_size
while [ -e "$log" ]; do
  if [ -n "$copier" ] && [ "$missing" -eq 0 ]; then
    copy_quickly && break
    [ -e "$log" ] || break
  fi
  if is_writable; then
    # notrunc, because the dd of uutils cuts its output where its own writing ended; it also reports 0+0 when a write fails.
    report=$(dd bs="$unit" count=$(((segment - size) / unit)) conv=notrunc 2>&1 >>"$log") || {
      missing=1
      measure "$log"
      # Only on a full disk do older segments make room, so only then is there a reason to write again at once.
      case $report in *'No space left'* | *[Qq]'uota exceeded'*) ! drop_oldest || tried='' ;; esac
      continue
    }
    case $report in 0+0*) break ;; esac
    after_round
  else
    discarded=$(dd bs=65536 count=32 | wc -c)
    [ $((discarded)) -gt 0 ] || break
    missing=$((missing + discarded))
  fi
done
[ "$missing" -eq 0 ] || note_missing || { drop_oldest && note_missing; } || note_in_place
cat
for ending in "$folder"/supervisor.ending.*; do
  mv "$ending" "$folder/supervisor.exited.${ending##*.}"
done
trap - EXIT
