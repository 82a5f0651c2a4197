/** What the lab's machine runs before the command it was booted for: in the initramfs, then on this machine's files. */

/** Modules the initramfs loads before it can see this machine's files and talk to it. */
export const INITRAMFS_MODULES = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"] as const;

/**
 * `/init` of the initramfs: puts a writable tmpfs over this machine's read-only `/` and goes on with the script
 * named on the kernel's command line. Whatever fails ends it, which the kernel answers with a panic: a lab
 * that is only half there must not run anything.
 */
export const INITRAMFS_INIT = `#!/bin/busybox sh
set -e
busybox=/bin/busybox
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sysfs /sys
$busybox mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do $busybox insmod "$module"; done
$busybox mount -t tmpfs tmpfs /overlay
$busybox mkdir /overlay/upper /overlay/work
$busybox mount -t 9p -o trans=virtio,version=9p2000.L,msize=1048576,cache=loose,ro host /host
$busybox mount -t overlay -o lowerdir=/host,upperdir=/overlay/upper,workdir=/overlay/work overlay /new
for directory in proc sys dev; do $busybox mount --move "/$directory" "/new/$directory"; done
script=$($busybox sed 's/.* lab.script=\\([^ ]*\\).*/\\1/' /new/proc/cmdline)
exec $busybox switch_root /new /bin/sh "$script"
`;

/** One command to run in the lab; it may leave a text in the file that $LAB_RESULT names. */
export interface Job {
  argv: readonly string[];
  cwd: string;
  env: Record<string, string>;
  /** The terminal's size when the command is to have one; without it its output is a pipe, its input empty. */
  terminal?: { rows: number; columns: number };
  /** Whether systemd is to be process 1, and the command a service of it. */
  systemd?: boolean;
  /** The root file system of the machine; this machine's own if left out. */
  root?: GuestRoot;
}

/** A root file system. What is changed in it is thrown away. */
export interface GuestRoot {
  readonly folder: string;
  /** Files and folders of this machine that are there as well, under the same names. */
  readonly visible: readonly string[];
}

/**
 * The shell script that runs as process 1 after the initramfs: makes a machine of its own out of the files it
 * sees, runs the job, and writes `ready` and `exit CODE` to the port named "status", the job's result to "result".
 */
export function jobScript(job: Job, modules: string): string {
  const machine = `${SETUP}
${job.root === undefined ? "" : enterRoot(job.root)}
${COPY_UP}
mkdir -p /lib/modules
mount --bind ${shellQuote(`${job.root === undefined ? "" : HOST}${modules}`)} /lib/modules`;
  const work = jobWork(job);
  return job.systemd ? `${machine}\n${underSystemd(work)}` : `${machine}\n${work}`;
}

/** What is done on the machine that is made. */
function jobWork(job: Job): string {
  const command = commandLine({ ...job, env: { ...job.env, LAB_RESULT: RESULT } });
  return `${PORTS}
exec 3> "$(port status)"
cd ${shellQuote(job.cwd)}
echo ready >&3
${job.terminal ? inTerminal(command, job.terminal) : inPipe(command)}
[ ! -e ${RESULT} ] || cat ${RESULT} > "$(port result)"
echo "exit $code" >&3
echo o > /proc/sysrq-trigger
exec sleep infinity
`;
}

/** Units of this machine that its systemd knows in the lab; a test adds what it is about. */
const UNITS = [
  "systemd-journald.service",
  "systemd-journald.socket",
  "modprobe@.service",
  "nftables.service",
];

/**
 * The work as a service under a systemd that knows few units, so that nothing of what else this machine would run is
 * started with them.
 */
function underSystemd(work: string): string {
  return `units=/run/systemd/system
mkdir -p $units
for unit in ${UNITS.join(" ")}; do ln -s /lib/systemd/system/$unit $units/; done
for target in sysinit basic network network-pre multi-user shutdown; do
  printf '[Unit]\nDefaultDependencies=no\n' > $units/$target.target
done
cat > $units/job.service <<'END_OF_UNIT'
[Unit]
DefaultDependencies=no
Wants=systemd-journald.service
After=systemd-journald.service
[Service]
ExecStart=/bin/sh /run/job
Delegate=yes
END_OF_UNIT
cat > /run/job <<'END_OF_JOB'
${work}END_OF_JOB
# It would take this for a container.
rm -f /.dockerenv /run/.containerenv
# Services see their credentials by a mount that comes to be afterwards.
mount --make-rshared /
export SYSTEMD_UNIT_PATH=$units
exec /lib/systemd/systemd --system --unit=job.service
`;
}

/** The job as a shell's command, with its own environment and no other. */
export function commandLine({ env, argv }: Job): string {
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return ["env", "-i", ...[...assignments, ...argv].map(shellQuote)].join(" ");
}

/** Quotes one word for a POSIX shell. */
export function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

const RESULT = "/run/result";

/** Programs that tests start hundreds of times. */
const PROGRAMS = ["conntrack", "env", "ip", "modprobe", "nft", "ping", "python3", "sh"];

/**
 * A program that starts opens some twenty files of this machine, in sixty requests, a third of its time. The overlay
 * copies a file to memory when its times change; there it is opened without any.
 */
const COPY_UP = `programs=$(for program in ${PROGRAMS.join(" ")}; do command -v $program || :; done)
files="$programs $(ldd $programs | grep -o '/[^ :)]*') /etc/ld.so.cache /bin /lib /lib64 /sbin"
touch -c -a $files
touch -c -a -h $files`;

/** Mounts, device links and names that udev and an init system would have made. */
const SETUP = `set -e
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/netns /run/lock
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ln -sfT /proc/self/fd /dev/fd
for stream in 0:stdin 1:stdout 2:stderr; do ln -sf "/proc/self/fd/\${stream%:*}" "/dev/\${stream#*:}"; done
echo lab > /proc/sys/kernel/hostname
ip link set lo up`;

/** Where the files of this machine are in another root file system. */
const HOST = "/host";

/** Goes on in another root file system, with what is mounted in this one. */
function enterRoot({ folder, visible }: GuestRoot): string {
  return `mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/new
mount -t overlay -o lowerdir=${folder},upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/new
cd /mnt/new
mkdir .${HOST}
for directory in proc sys dev run; do mount --rbind /$directory $directory; done
pivot_root . .${HOST}
cd /
hash -r
for path in ${visible.map(shellQuote).join(" ")}; do
  if [ -d "${HOST}$path" ]; then mkdir -p "$path"; else mkdir -p "\${path%/*}" && : > "$path"; fi
  mount --bind "${HOST}$path" "$path"
done`;
}

/** Defines \`port\`, which tells the device of a port, once it is there. */
const PORTS = `set -e
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
port() {
  until grep -lx "$1" /sys/class/virtio-ports/*/name > /run/port; do sleep 0.1; done
  read -r file < /run/port
  file=\${file%/name}
  echo "/dev/\${file##*/}"
}`;

/**
 * The command writes to a pipe, because a port can be opened only once and programs do open /dev/stderr; after it,
 * what it left running is killed, so that the pipe ends and all that was written is out before the exit code.
 */
function inPipe(command: string): string {
  return `mkdir /sys/fs/cgroup/job
output=$(port output)
mkfifo /run/output
cat /run/output > "$output" &
relay=$!
code=0
(
  exec 3>&- < /dev/null > /run/output 2>&1
  sh -c 'echo $PPID' > /sys/fs/cgroup/job/cgroup.procs
  exec ${command}
) || code=$?
if [ -e /sys/fs/cgroup/job/cgroup.kill ]; then echo 1 > /sys/fs/cgroup/job/cgroup.kill
else
  # Before Linux 5.14. Those that are killed may have had children meanwhile.
  while grep -q . /sys/fs/cgroup/job/cgroup.procs; do
    xargs kill -KILL < /sys/fs/cgroup/job/cgroup.procs 2> /dev/null || :
  done
fi
wait $relay`;
}

/** On its first opening the kernel gives this terminal the size 0 0, a moment later; so ours is set after that. */
function inTerminal(command: string, size: { rows: number; columns: number }): string {
  return `until [ -c /dev/hvc0 ]; do sleep 0.1; done
exec 4<> /dev/hvc0
sleep 0.5
stty -F /dev/hvc0 rows ${size.rows} cols ${size.columns}
code=0
setsid --ctty --wait ${command} < /dev/hvc0 > /dev/hvc0 2>&1 3>&- 4>&- || code=$?`;
}
