#!/bin/sh
folder=$1 log=$2 limit=$3
PATH=$PATH:/usr/bin:/bin LC_ALL=C
export PATH LC_ALL
unset BLOCK_SIZE LS_BLOCK_SIZE PERL5OPT
umask 077
trap 'exec cat' EXIT
block=$((limit / 256))
[ $block -le 65536 ] || block=65536
reserve=$((limit / 16))
widest=$((limit / 256))
[ $widest -le 262144 ] || widest=262144
unit=$widest
cut=0 head=0 missing=0 tried= freeing=

# On Linux a pipe can hold more than 64 KiB, so that the job and dd wait for each other less often; but of all commands that a
# system may have, only Perl can ask for that: fcntl(F_SETPIPE_SZ). Without it a job that does nothing but write is slower.
# What bears its name can be anything: it is neither waited for nor given the job's output to read.
{ perl -e 'open PIPE, "<&=3"; fcntl PIPE, 1031, 1 << 19' </dev/null & } 3<&0

measure() {
  set -- $(ls -ln "$log")
  size=$5
}

choose_newest() {
  at=$(((size - $1) / block)) span=$(($1 / 4 / block))
  rest_of_line=$(dd if="$log" bs=$block skip=$at count=$span | head -n 1 | wc -c)
  [ $((rest_of_line)) -lt $((span * block)) ] || rest_of_line=0
  from=$((at * block + rest_of_line))
  gone=$((cut + from - head))
  mark="[plan42: the first $gone bytes of this log were cut]"
}

note_cut() {
  cut=$gone head=$((${#mark} + 1))
  measure
}

keep_newest() {
  choose_newest $1
  {
    copy_from $from <&5 >"$log.cut" && mv -f "$log.cut" "$log" || { rm -f "$log.cut"; return 1; }
    # The last to close a file without a name frees it, which takes a while: not us, then, and not while the job has to do.
    [ -z "$freeing" ] || wait "$freeing"
    nice -n 19 sleep 0 &
    freeing=$!
  } 5<"$log"
  note_cut
}

# Not cat, which refuses to read the file that it writes to.
copy_from() {
  echo "$mark" && dd bs=$block skip=$(($1 / block - 1)) count=1 >/dev/null || return 1
  [ $(($1 % block)) -eq 0 ] || dd bs=$(($1 % block)) count=1 >/dev/null || return 1
  dd bs=$block
}

give_way() {
  measure
  [ $size -ge $((block * 16)) ] || return 1
  choose_newest $((size / 4))
  copy_from $from <"$log" 1<>"$log" || return 1
  dd if=/dev/null of="$log" bs=1 seek=$((${#mark} + 1 + size - from)) count=0 || return 1
  note_cut
}

make_room() {
  measure
  [ $((limit - size)) -ge $reserve ] || keep_newest $((limit / 8)) || keep_newest $((limit / 32)) || give_way
}

word_note() {
  note="[plan42: at least $missing bytes of the output are missing here: they could not be written]"
}

tell_missing() {
  line_end=
  [ -z "$(tail -c 1 "$log")" ] || line_end='\n'
  word_note
  printf "$line_end$note\n" >>"$log" && missing=0
}

# The last resort, which takes no space: over the end of what was written.
tell_in_place() {
  measure
  word_note
  at=$((size - ${#note} - 2))
  [ $at -ge 0 ] && printf "\n$note\n" | dd of="$log" bs=1 seek=$at conv=notrunc
}

is_writable() {
  if [ $missing -gt 0 ]; then
    now=$(date +%s)
    [ "$now" != "$tried" ] || return 1
    tried=$now
  fi
  make_room || return 1
  [ $missing -eq 0 ] || { tell_missing && measure; }
}

# The less a read brings, the smaller the blocks, since a round is so many of them as even full ones stay within the limit.
choose_unit() {
  counts=${report%% records in*}
  counts=${counts##*[!0-9+]}
  if [ "${counts#*+}" -gt "${counts%+*}" ]; then
    [ $unit -le 8192 ] || unit=$((unit / 2))
  else
    unit=$widest
  fi
}

while [ -e "$log" ]; do
  if is_writable; then
    # Without notrunc the dd of uutils cuts the log where its own writing ended, which is at 0 where there was nothing to write;
    # and where a write fails, it reports 0+0 too.
    report=$(dd bs=$unit count=$(((limit - size) / unit)) conv=notrunc 2>&1 >>"$log") || {
      missing=1
      give_way && tried=
      continue
    }
    case $report in 0+0*) break ;; esac
    choose_unit
  else
    left_out=$(dd bs=65536 count=32 | wc -c)
    [ $((left_out)) -gt 0 ] || break
    missing=$((missing + left_out))
  fi
done
[ $missing -eq 0 ] || { make_room && tell_missing; } || { give_way && tell_missing; } || tell_in_place
cat
for ending in "$folder"/supervisor.ending.*; do
  mv "$ending" "$folder/supervisor.exited.${ending##*.}"
done
trap - EXIT
