import assert from "node:assert/strict";
import { exportInstance } from "../../../lib/commands/export.ts";
import { EXPORT_FORMATS } from "../../../lib/settings/commands.ts";
import type { Peer, Settings } from "../../../lib/settings/settings.ts";
import { samplePeer, sampleSettings } from "../samples.ts";

const TOKEN = "a token of 24 characters";
const HEADER = { ttl: 64, tos: 0, pmtudisc: true } as const;

function fixedPeer(name: string, host: string, port = 4_000, fields: Partial<Peer> = {}): Peer {
  return samplePeer({
    name,
    remote: { host, port },
    byRemote: { ip: true, port: true },
    scheme: { kind: "port" },
    ...fields,
  });
}

function clientSettings(
  fields: Partial<Settings> = {},
  { tunnel, ...peer }: Partial<Omit<Peer, "tunnel">> & { tunnel?: Partial<Peer["tunnel"]> } = {},
): Settings {
  const local = { ip: null, device: null, ports: [10_001] as const };
  const remote = { host: "server.example", port: 10_007 };
  const peers = [
    samplePeer({ name: "ipipou1", remote, tunnel: { device: "ipipou1", ...tunnel }, ...peer }),
  ];
  return sampleSettings({ mode: "client", local, peers, keepalive: 25, ...fields });
}

function told(
  settings: Settings,
  format: typeof EXPORT_FORMATS[number] = "sh",
  found: Readonly<Record<string, string>> = { "server.example": "198.51.100.1" },
  name = "office",
): Promise<string> {
  const resolve = (host: string) => {
    const ip = found[host];
    return ip === undefined ? Promise.reject(new Error("not there")) : Promise.resolve(ip);
  };
  return exportInstance({ format, name }, settings, { resolve });
}

Deno.test("exportInstance() says what remains for ipipou, and shows no secret", async () => {
  for (const format of EXPORT_FORMATS) {
    const text = await told(
      clientSettings({ fallbacks: [{ host: "other", port: 1 }], mssClamp: "auto" }),
      format,
    );
    assert.match(text, new RegExp(`^# ipipou1, made by: ipipou export ${format} office$`, "m"));
    assert.match(text, /^# now, every 25 seconds, and after .*\n# {3}ipipou --config office --reauth-only$/m);
    assert.match(text, /^# server\.example was 198\.51\.100\.1 when/m);
    assert.match(text, /^# The other servers of --fou-remote are not/m);
    assert.match(text, /^# Nothing here lowers the segment size/m);
    assert.ok(!text.includes(TOKEN));
    // Where a terminal takes it line by line, a tab would ask for completions.
    assert.doesNotMatch(text, /\t/);
  }
  assert.match(await told(clientSettings({ keepalive: 0 })), /^# now, and after a change/m);
  assert.match(await told(clientSettings({ keepalive: null })), /^# now, every 25 seconds, and/m);
  const fixed = await told(clientSettings(), "sh", { "server.example": "server.example" });
  assert.doesNotMatch(fixed, /when this was made/);
});

Deno.test("exportInstance() makes no command of a file's name", async () => {
  const text = await told(clientSettings(), "sh", undefined, "./of\nfice");
  assert.match(text, /^# {3}ipipou --config \.\/of\\u000afice --reauth-only$/m);
  assert.doesNotMatch(text, /^fice/m);
});

Deno.test("exportInstance() to sh has each setting of a tunnel", async () => {
  const local = { ip: "192.0.2.1", device: "eth0", ports: [10_001] as const };
  const header = { ttl: "inherit", tos: 0x20, pmtudisc: false } as const;
  const given = clientSettings(
    { local, fouMark: 0x66, encapCsum: true },
    { tunnel: { mtu: 1300, header }, routes: ["10.1.0.0/16"] },
  );
  const link =
    "ip link add name ipipou1 mtu 1300 type ipip remote 198.51.100.1 local 192.0.2.1 ttl inherit tos 0x20 " +
    "nopmtudisc fwmark 102 encap fou encap-sport 10001 encap-dport 10007 encap-csum mode ipip dev eth0";
  const text = await told(given);
  for (
    const line of [
      link,
      "ip fou add port 10001 ipproto 4 local 192.0.2.1 || { nft delete table ip ipipou-export-ipipou1; exit 1; }",
      "ip address add 172.28.0.0 peer 172.28.0.1 dev ipipou1",
      "ip route add 10.1.0.0/16 dev ipipou1",
    ]
  ) assert.ok(text.includes(`\n  ${line}\n`), `${line}\n${text}`);
  const usual = await told(clientSettings());
  assert.match(
    usual,
    /type ipip remote \S+ local any ttl 64 tos 0x00 pmtudisc encap .* noencap-csum mode ipip$/m,
  );
  assert.match(usual, /ip fou add port 10001 ipproto 4 \|\|/);
});

Deno.test("exportInstance() to networkd has each setting of a tunnel that it has words for", async () => {
  const local = { ip: "192.0.2.1", device: "eth0", ports: [10_001] as const };
  const header = { ttl: "inherit", tos: "inherit", pmtudisc: false } as const;
  const text = await told(
    clientSettings({ local }, { tunnel: { mtu: 1300, header }, routes: ["10.1.0.0/16"] }),
    "networkd",
  );
  const [, fou, netdev, network] = [...text.matchAll(/<<'EOF'\n(.*?)^EOF$/gms)].map(([, lines]) => lines!);
  assert.match(fou!, /^Port=10001\nProtocol=4\nLocal=192\.0\.2\.1$/m);
  for (
    const line of [
      ...["MTUBytes=1300", "Local=192.0.2.1", "Remote=198.51.100.1", "TTL=0", "TOS=1", "DiscoverPathMTU=no"],
      ...["FOUSourcePort=10001", "FOUDestinationPort=10007"],
    ]
  ) assert.ok(netdev!.includes(`\n${line}\n`), line);
  assert.match(
    network!,
    /^Address=172\.28\.0\.0\/32\nPeer=172\.28\.0\.1\/32$.*^Destination=10\.1\.0\.0\/16$/ms,
  );
  // It can be pasted again, and networkd neither waits for an uplink nor adds an address of its own.
  assert.match(text, /^table ip (\S+)\ndelete table ip \1\ntable ip \1 {$/m);
  assert.match(netdev!, /^Independent=yes$/m);
  assert.match(network!, /^LinkLocalAddressing=no$/m);
  assert.match(text, /^networkctl reload\n\)$/m);
  assert.match(text, /^# The tunnels take whatever device the routes say, not eth0 alone\.$/m);
  for (
    const [fields, option] of [[{ fouMark: 1 }, "--fou-mark"], [{ encapCsum: true }, "--encap-csum"]] as const
  ) {
    await assert.rejects(told(clientSettings(fields), "networkd"), {
      exitCode: 2,
      message: new RegExp(`^Cannot export ipipou1 to networkd: it has no words for ${option}; `),
    });
  }
});

Deno.test("exportInstance() to networkd refuses routes that lead to the far side itself, as nothing there leads past them", async () => {
  const local = { ip: null, device: "eth0", ports: [10_001] as const };
  const settings = clientSettings({ local }, { routes: ["0.0.0.0/1", "128.0.0.0/1"] });
  await assert.rejects(told(settings, "networkd"), {
    exitCode: 2,
    message: "Cannot export ipipou1 to networkd: it has no words for a device that packets to 198.51.100.1 " +
      "leave by past the route to 128.0.0.0/1; leave it out, or export sh",
  });
  assert.match(await told(settings, "sh"), / dev eth0$.*route add 128\.0\.0\.0\/1 dev ipipou1$/ms);
});

Deno.test("exportInstance() to openwrt gives UCI names that it takes", async () => {
  const text = await told(
    clientSettings({}, { tunnel: { device: "to-hub.1", header: HEADER }, routes: ["10.1.0.0/16"] }),
    "openwrt",
  );
  assert.match(text, /^set network\.to_hub_1\.device='to-hub\.1'$/m);
  assert.match(text, /^set network\.to_hub_1_route0\.interface='to_hub_1'$/m);
  assert.match(text, /^commit network\nEOF$/m);
  assert.doesNotMatch(text, /ip (address|route) add/);
});

Deno.test("what exportInstance() writes for networkd opens nothing where the gate cannot be loaded", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ipipou-" });
  try {
    const text = (await told(clientSettings(), "networkd")).replaceAll("/etc/", `${folder}/etc/`);
    const stubs = "nft() { return 1; }; networkctl() { echo reload; }";
    // Whoever pastes it keeps the shell.
    const script = `mkdir -p ${folder}/etc/systemd/network; ${stubs}\n${text}\necho "still here: $?"\n`;
    const { stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
    assert.equal(new TextDecoder().decode(stdout), "still here: 1\n");
    assert.deepEqual([...Deno.readDirSync(`${folder}/etc/systemd/network`)], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what exportInstance() writes for sh opens nothing without a gate, and leaves nothing halfway", async () => {
  const script = await told(clientSettings({}, { routes: ["10.1.0.0/16"] }));
  const run = async (stubs: string) => {
    const said = `${stubs}\nmodprobe() { :; }\nset -- up\n${script}`;
    const { code, stdout } = await new Deno.Command("sh", { args: ["-c", said] }).output();
    return { code, lines: new TextDecoder().decode(stdout) };
  };
  // Nothing stands at first: what is asked for is not there.
  const ip =
    'ip() { case "$*" in "link show"*) [ "$made" ] && echo "alias ipipou-export:ipipou1" && return; return 1 ;; ' +
    '"link add"*) made=1 ;; "route add"*) return 1 ;; esac; echo "ip $*"; }; made=';
  const gateless = await run(`${ip}; nft() { return 1; }`);
  assert.deepEqual(gateless, { code: 1, lines: "" });
  const { code, lines } = await run(
    `${ip}; nft() { case "$1" in -f) cat >/dev/null ;; list) return 1 ;; esac; echo "nft $*"; }`,
  );
  assert.equal(code, 1);
  assert.match(lines, /^ip fou add port 10001 .*^ip fou del port 10001 .*^ip link delete dev ipipou1$/ms);
});

Deno.test("exportInstance() of a server has the peers that prove nothing but their place, behind a gate", async () => {
  const office = fixedPeer("office", "198.51.100.7", 4_000, { allowedIps: ["10.1.0.0/16", "172.28.0.1/32"] });
  const home = fixedPeer("home", "198.51.100.8", 4_001);
  const proving = fixedPeer("proving", "198.51.100.9", 4_002, { scheme: samplePeer().scheme });
  const anywhere = fixedPeer("anywhere", "198.51.100.10", 4_003, { byRemote: { ip: true, port: false } });
  const byPort = fixedPeer("port", "198.51.100.11", 4_004, { byRemote: { ip: false, port: true } });
  const found = { "198.51.100.7": "198.51.100.7", "198.51.100.8": "198.51.100.8" };
  const text = await told(sampleSettings({ peers: [office, home, proving, anywhere, byPort] }), "sh", found);
  assert.match(text, /^# Not in here, .*: proving, anywhere, port$/m);
  assert.match(text, /^devices="office home"$/m);
  const places = "198\\.51\\.100\\.7 \\. 4000, 198\\.51\\.100\\.8 \\. 4001";
  assert.match(
    text,
    new RegExp(
      `^ +ip daddr 192\\.0\\.2\\.1 udp dport 10000 ip saddr \\. udp sport != { ${places} } drop$`,
      "m",
    ),
  );
  assert.match(
    text,
    /^ +ip daddr 192\.0\.2\.1 ip protocol 4 ip saddr { 198\.51\.100\.7, 198\.51\.100\.8 } drop$/m,
  );
  assert.match(text, /^ +iifname "office" ip saddr != { 10\.1\.0\.0\/16, 172\.28\.0\.1\/32 } drop$/m);
});

Deno.test("exportInstance() of a client has a gate in front of its server alone, and none for what comes out", async () => {
  const text = await told(clientSettings({}, { forceAlt: true }));
  assert.match(
    text,
    /^ +udp dport 10001 ip saddr { 198\.51\.100\.1 } ip saddr \. udp sport != { 198\.51\.100\.1 \. 10007 } drop$/m,
  );
  assert.doesNotMatch(text, /chain inside/);
});

Deno.test("exportInstance() refuses what takes a running process, and names it", async () => {
  const refusals: [Settings, RegExp][] = [
    [sampleSettings(), /no peer is known by its address and port alone .*; run that$/],
    [
      sampleSettings({ peers: [fixedPeer("a", "198.51.100.7"), fixedPeer("b", "198.51.100.7", 4_001)] }),
      /a and b are both at 198\.51\.100\.7 \(198\.51\.100\.7:4000 and 198\.51\.100\.7:4001\)/,
    ],
    [clientSettings({}, { sharedIpip: true }), /--tunl-shared-ipip takes a running ipipou; leave it out$/],
    [
      sampleSettings({ peers: [fixedPeer("a", "198.51.100.7", 4_000, { forceAlt: true })] }),
      /--force-fou-local-ip-alt takes a running ipipou/,
    ],
  ];
  const found = { "198.51.100.7": "198.51.100.7", "server.example": "198.51.100.1" };
  for (const [settings, message] of refusals) {
    await assert.rejects(told(settings, "sh", found), { exitCode: 2, message });
  }
  await assert.rejects(told(clientSettings(), "sh", {}), {
    exitCode: 1,
    message: /^Cannot find the IPv4 address/,
  });
});
