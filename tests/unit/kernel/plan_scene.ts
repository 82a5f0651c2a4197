import type { Admission } from "../../../lib/admission.ts";
import { desiredState } from "../../../lib/kernel/desired.ts";
import { identityOf } from "../../../lib/kernel/identity.ts";
import { sortOut } from "../../../lib/kernel/observe.ts";
import { planTransition } from "../../../lib/kernel/plan.ts";
import { EMPTY_STATE } from "../../../lib/kernel/state.ts";
import type { Peer, Settings } from "../../../lib/settings/settings.ts";
import { FakeKernel } from "../fake/kernel.ts";
import { asLines, type Lines } from "../fake/lines.ts";
import { samplePeer, sampleSettings } from "../samples.ts";

export const NOW = 1_700_000_000_000;
export const OUTSIDE = { ip: "192.0.2.1", device: "eth0", link: "eth0", isRuled: false, isMarkRuled: false };

/** A kernel with one network device, and the device that the ipip module makes. */
export function newKernel(options: ConstructorParameters<typeof FakeKernel>[0] = {}): FakeKernel {
  const kernel = new FakeKernel(options);
  kernel.addDevice("eth0", { addresses: ["192.0.2.1/32"] });
  kernel.loadModules();
  return kernel;
}

/** The plan from a kernel's state at NOW to the one for these settings and admissions at `now`. */
export function plan(
  kernel: FakeKernel,
  settings: Settings,
  admissions: ReadonlyMap<string, Admission>,
  now = NOW,
): Lines {
  const observed = sortOut(kernel.list("ipipou"), identityOf(settings), NOW);
  const outside = { ...OUTSIDE, link: settings.local.device };
  const { state } = desiredState({ settings, outside, admissions }, observed, now);
  return asLines(planTransition(observed, state, now));
}

/** The plan that removes everything of ours. */
export function planRemoval(kernel: FakeKernel, settings: Settings): Lines {
  const observed = sortOut(kernel.list("ipipou"), identityOf(settings), NOW);
  return asLines(planTransition(observed, { ...EMPTY_STATE, gate: null }, NOW));
}

export function admission(ip: string, port: number): Admission {
  return { remote: { ip, port }, port: 10_000, expiresAt: null };
}

/** The remotes that a gate lets in, as "IP:PORT OWN-PORT", in order. */
export function acceptedRemotes(kernel: FakeKernel, name = "p0"): string[] {
  const remotes = kernel.tables.get("ipipou")?.sets.get(`remotes-${name}`)?.elements.keys() ?? [];
  return [...remotes].map((key) => key.replace(" . ", ":").replace(" . ", " ")).sort();
}

/** One with a private address of its own, two with any; one with routes, one with a filter. */
export const PEERS: Peer[] = [0, 1, 2].map((index) =>
  samplePeer({
    name: `p${index}`,
    tunnel: { device: `p${index}`, ip: `172.28.0.${index * 2}`, peerIp: `172.28.0.${index * 2 + 1}` },
    altIp: index === 0 ? "172.29.0.0" : null,
    routes: index === 1 ? ["10.1.0.0/16", "10.2.0.1/32"] : [],
    allowedIps: index === 2 ? ["172.28.0.5/32", "10.3.0.0/16"] : null,
  })
);
/** Their server, on two ports. */
export const HUB = sampleSettings({
  peers: PEERS,
  local: { ip: "192.0.2.1", device: "eth0", ports: [10_000, 10_001] },
});
