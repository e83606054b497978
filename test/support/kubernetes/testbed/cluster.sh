#!/bin/bash
# shellcheck disable=SC2086 # flags are several words
# Brings a one-node Kubernetes up on this machine, and takes it down again.
#
#   cluster up DIR [N]     N (0..99, 0 if left out) keeps clusters apart: ports,
#                          addresses, bridge and cgroups are made from it; ends
#                          with 3 if N is in use
#   cluster hold DIR [N]   the same, and takes it down at the end of its input:
#                          of a process that dies, the kernel closes the pipe
#   cluster load DIR       imports the image archive (docker or OCI) on its input
#   cluster stop DIR PART  kills one daemon: apiserver, controller-manager, ...
#   cluster start DIR      starts the API server again, with the same etcd
#   cluster down DIR
#
# KUBE_TESTBED is the program that build.sh makes.
#
# APISERVER_FLAGS, MANAGER_FLAGS, SCHEDULER_FLAGS and KUBELET_FLAGS add flags of
# their own to a part, NODE_CONFIG lines to the kubelet's configuration.
#
# Everything it writes is in DIR; DIR/pki/admin.conf is the administrator's
# kubeconfig and DIR/log has what each part says. The node's daemons run in
# mount and PID namespaces of their own, so that they end all at once and see
# no /var/lib, /var/log or /run of this machine. Outside DIR there are, while
# it runs, the cgroups /kt-N and the network bridge kt-N.
set -euo pipefail

bin=${KUBE_TESTBED:-}
do=${1:-} dir=${2:-} n=${3:-0}
[[ $do =~ ^(up|hold|load|stop|start|down|node|sweep)$ && -n $dir ]] || { sed -n '3,27s/^# \?//p' "$0" >&2; exit 2; }

name() {
  bridge=kt-$n
  gateway=10.244.$n.1 pods=10.244.$n.0/24
  services=10.96.$n.0/24 service=10.96.$n.1
  api=$((21000 + n * 10)) etcd=$((api + 1)) peer=$((api + 2)) manager=$((api + 3)) scheduler=$((api + 4)) kubelet=$((api + 5)) health=$((api + 6))
  pki=$dir/pki
}

# part NAME COMMAND...: starts one daemon, its words in DIR/log/NAME.
part() {
  local part=$1
  shift
  setsid "$@" >"$dir/log/$part" 2>&1 </dev/null &
  echo $! >"$dir/pid/$part"
}

# cgroups mounts, for this mount namespace alone, every cgroup hierarchy that a
# process is in: containerd sees no container's end by memory shortage while one
# of them is not mounted.
cgroups() {
  local controllers
  [[ $(stat -fc %T /sys/fs/cgroup) == tmpfs ]] || return 0
  mount -t tmpfs -o mode=755 cgroups /sys/fs/cgroup
  while IFS=: read -r _ controllers _; do
    [[ -n $controllers ]] || continue
    mkdir "/sys/fs/cgroup/${controllers#name=}"
    mount -t cgroup -o "${controllers/#name=/none,name=}" cgroup "/sys/fs/cgroup/${controllers#name=}"
  done </proc/self/cgroup
}

apiserver() {
  part apiserver "$bin" apiserver \
    --etcd-servers "http://127.0.0.1:$etcd" \
    --bind-address 127.0.0.1 --secure-port $api --advertise-address "$gateway" \
    --service-cluster-ip-range $services --allow-privileged \
    --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" --client-ca-file "$pki/ca.crt" \
    --requestheader-client-ca-file "$pki/ca.crt" --requestheader-allowed-names front-proxy \
    --kubelet-certificate-authority "$pki/ca.crt" --kubelet-client-certificate "$pki/apiserver-kubelet.crt" --kubelet-client-key "$pki/apiserver-kubelet.key" \
    --kubelet-preferred-address-types InternalIP \
    --service-account-key-file "$pki/service-accounts.key" --service-account-signing-key-file "$pki/service-accounts.key" \
    --service-account-issuer https://kubernetes.default.svc \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --profiling=false ${APISERVER_FLAGS:-}
}

# mine prints this cluster's cgroup in each hierarchy.
mine() {
  local root
  for root in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [[ ! -e $root/cgroup.procs ]] || echo "$root/$bridge"
  done
}

# ready waits as `kube-testbed wait` does, but no longer than every part lives.
ready() {
  local ended status=0
  "$bin" wait --kubeconfig "$pki/admin.conf" "$@" &
  wait -n -p ended || status=$?
  [[ $ended == "$!" ]] || { echo "one part of the cluster ended (status $status)" >&2; return 1; }
  return $status
}

# failed shows why the cluster did not come up, and takes it down.
failed() {
  tail -n 5 "$dir"/log/* >&2
  down
  exit 1
}

up() {
  [[ ! -e $dir/n ]] || { echo "$dir has a cluster already" >&2; exit 2; }
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  case $dir/ in /var/lib/* | /var/log/* | /run/*) echo "DIR can't be in $dir: the node sees an empty one" >&2; exit 2 ;; esac
  name
  # Before the trap, which would remove the bridge of another cluster. The kernel gives a name only once.
  ip link add "$bridge" type bridge 2>/dev/null || { echo "there is a cluster $n on this machine already" >&2; exit 3; }
  mkdir -p "$dir"/{log,pid,tmp}
  echo "$n" >"$dir/n"
  trap failed ERR

  ip addr add "$gateway/24" dev "$bridge"
  ip addr add "$service/32" dev "$bridge"
  ip link set "$bridge" up

  "$bin" certs --dir "$pki" --server "https://127.0.0.1:$api" --service-address "$service" --node testbed --node-address "$gateway"

  part etcd "$bin" etcd --data-dir "$dir/etcd" --client "http://127.0.0.1:$etcd" --peer "http://127.0.0.1:$peer"
  apiserver
  part node unshare --mount --propagation private --pid --fork --kill-child --mount-proc "$0" node "$dir" "$n"
  part forward "$bin" forward --from "$service:443" --to "127.0.0.1:$api"

  ready --server-only
  part controller-manager "$bin" controller-manager \
    --bind-address 127.0.0.1 --secure-port $manager --cert-dir "$dir/tmp" \
    --kubeconfig "$pki/controller-manager.conf" --authentication-kubeconfig "$pki/controller-manager.conf" --authorization-kubeconfig "$pki/controller-manager.conf" \
    --root-ca-file "$pki/ca.crt" --service-account-private-key-file "$pki/service-accounts.key" --use-service-account-credentials \
    --kube-api-qps 500 --kube-api-burst 1000 --leader-elect=false --profiling=false ${MANAGER_FLAGS:-}
  part scheduler "$bin" scheduler \
    --bind-address 127.0.0.1 --secure-port $scheduler --cert-dir "$dir/tmp" \
    --kubeconfig "$pki/scheduler.conf" --authentication-kubeconfig "$pki/scheduler.conf" --authorization-kubeconfig "$pki/scheduler.conf" \
    --leader-elect=false --profiling=false ${SCHEDULER_FLAGS:-}

  ready
  echo "export KUBECONFIG=$pki/admin.conf"
}

# Runs as the first process of the node's own namespaces.
node() {
  name
  local sys h
  mount --make-rshared /
  for sys in /var/lib /var/log /run; do mount -t tmpfs -o mode=755 tmpfs $sys; done
  # The kubelet would set these for the whole machine: show it that they are set.
  for sys in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    mkdir -p "/run/sys/${sys%/*}"
    echo "${sys#*=}" >"/run/sys/${sys%=*}"
    mount --bind "/run/sys/${sys%=*}" "/proc/sys/${sys%=*}"
  done
  mkdir -p /run/netns "$dir"/{containerd,cni,kubelet,pods,registries}
  cgroups
  for h in $(mine); do mkdir -p "$h"; done

  cat >"$dir/cni/10-testbed.conflist" <<-EOF
	{"cniVersion": "0.4.0", "name": "testbed", "plugins": [
	  {"type": "bridge", "bridge": "$bridge", "isGateway": true, "ipMasq": false,
	   "ipam": {"type": "host-local", "dataDir": "$dir/ips", "ranges": [[{"subnet": "$pods", "gateway": "$gateway"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
	EOF
  cat >"$dir/containerd.toml" <<-EOF
	version = 2
	root = "$dir/containerd"
	state = "/run/containerd"
	disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
	[grpc]
	  address = "$dir/containerd.sock"
	[plugins."io.containerd.internal.v1.opt"]
	  path = "/run/containerd/opt"
	[plugins."io.containerd.grpc.v1.cri"]
	  sandbox_image = "localhost/pause:1"
	  disable_apparmor = true
	  restrict_oom_score_adj = true
	  [plugins."io.containerd.grpc.v1.cri".cni]
	    bin_dir = "${CNI_BIN:-/usr/lib/cni}"
	    conf_dir = "$dir/cni"
	  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
	    runtime_type = "io.containerd.runc.v2"
	  [plugins."io.containerd.grpc.v1.cri".registry]
	    config_path = "$dir/registries"
	EOF
  cat >"$dir/kubelet.yaml" <<-EOF
	apiVersion: kubelet.config.k8s.io/v1beta1
	kind: KubeletConfiguration
	address: $gateway
	port: $kubelet
	healthzPort: $health
	authentication: {x509: {clientCAFile: $pki/ca.crt}, webhook: {enabled: true}, anonymous: {enabled: false}}
	authorization: {mode: Webhook}
	tlsCertFile: $pki/kubelet-server.crt
	tlsPrivateKeyFile: $pki/kubelet-server.key
	containerRuntimeEndpoint: unix://$dir/containerd.sock
	cgroupDriver: cgroupfs
	cgroupRoot: /$bridge
	failCgroupV1: false
	failSwapOn: false
	oomScoreAdj: 0
	makeIPTablesUtilChains: false
	podLogsDir: $dir/pods
	volumePluginDir: $dir/kubelet/plugins
	resolvConf: /etc/resolv.conf
	evictionHard: {memory.available: 0%, nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%}
	imageGCHighThresholdPercent: 100
	imageGCLowThresholdPercent: 99
	nodeStatusUpdateFrequency: 2s
	serializeImagePulls: false
	${NODE_CONFIG:-}
	EOF
  containerd --config "$dir/containerd.toml" >"$dir/log/containerd" 2>&1 &
  for _ in {1..300}; do
    ! ctr --address "$dir/containerd.sock" version >/dev/null 2>&1 || break
    sleep 0.1
  done
  pause | ctr --address "$dir/containerd.sock" -n k8s.io images import - >>"$dir/log/containerd" 2>&1
  "$bin" kubelet --config "$dir/kubelet.yaml" --kubeconfig "$pki/kubelet.conf" --hostname-override testbed --node-ip "$gateway" \
    --root-dir "$dir/kubelet" --cert-dir "$dir/tmp" ${KUBELET_FLAGS:-} >"$dir/log/kubelet" 2>&1 &
  wait -n
}

# pause prints, as an archive, the image that holds a pod's namespaces open.
pause() {
  local t layer config
  t=$(mktemp -d "$dir/tmp/pause.XXXX")
  mkdir -p "$t/root/bin"
  cp "$(command -v busybox)" "$t/root/bin/busybox"
  tar -C "$t/root" --owner=0 --group=0 -cf "$t/layer.tar" .
  rm -r "$t/root"
  layer=$(sha256sum "$t/layer.tar" | cut -c1-64)
  config='{"architecture":"amd64","os":"linux","config":{"Entrypoint":["/bin/busybox","sh","-c","trap exit INT TERM; while :; do /bin/busybox sleep 1000000 & wait; done"]},"rootfs":{"type":"layers","diff_ids":["sha256:'$layer'"]}}'
  echo -n "$config" >"$t/config.json"
  echo '[{"Config":"config.json","RepoTags":["localhost/pause:1"],"Layers":["layer.tar"]}]' >"$t/manifest.json"
  tar -C "$t" -c manifest.json config.json layer.tar
  rm -r "$t"
}

hold() {
  up
  cat >/dev/null
  # The reader of this script's output is gone, and bash reports each daemon that is killed.
  exec >/dev/null 2>&1
  trap - ERR
  down
}

stop() {
  local pid
  pid=$(cat "$dir/pid/$1")
  kill -KILL "$pid"
  gone "$pid"
}

start() {
  n=$(cat "$dir/n")
  dir=$(cd "$dir" && pwd)
  name
  apiserver
}

# gone waits for a process's end. A zombie counts: what reaps it may take its time.
gone() {
  while [[ -e /proc/$1 ]] && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null; do sleep 0.05; done
}

load() {
  ctr --address "$dir/containerd.sock" -n k8s.io images import -
}

down() {
  n=$(cat "$dir/n")
  dir=$(cd "$dir" && pwd)
  name
  local pids=() pid
  # Killing unshare kills its child, the first process of the PID namespace,
  # and with it every process of the node.
  # shellcheck disable=SC2013 # a number each
  for pid in $(cat "$dir"/pid/*); do
    kill -KILL "$pid" 2>/dev/null && pids+=("$pid")
  done
  for pid in "${pids[@]}"; do gone "$pid"; done
  unshare --mount "$0" sweep "$dir" "$n"
  ip link del "$bridge" 2>/dev/null || true
  rm -rf "$dir"
}

# Runs in a mount namespace of its own: removes the cluster's cgroups.
sweep() {
  name
  cgroups
  local h
  for h in $(mine); do
    for _ in {1..50}; do
      [[ -e $h ]] || break
      find "$h" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
    done
  done
}

case $do in
  stop) stop "${3:-apiserver}" ;;
  *) $do ;;
esac
