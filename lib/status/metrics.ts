import { type InstanceStatus, type Report, STATES, type TunnelStatus } from "./snapshot.ts";

/** Media types of what `formatMetrics` makes. */
export const METRICS_TYPES = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
} as const;

export type MetricsForm = keyof typeof METRICS_TYPES;

type Labels = Readonly<Record<string, string>>;

/** One value of a metric; null: there is none. */
interface Sample {
  readonly labels: Labels;
  readonly value: number | null;
}

/** Makes a sample for each tunnel. */
type SamplesOf = (valueOf: (tunnel: TunnelStatus, instance: InstanceStatus) => number | null) => Sample[];

/** Metrics of one name. */
interface Family {
  readonly name: string;
  readonly type: "gauge" | "counter";
  /** Base unit, with which the name ends; null: it has none. */
  readonly unit: "bytes" | "seconds" | null;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/**
 * Formats instances as metrics with names by Prometheus' conventions. Both forms have the same metrics: of Prometheus' own
 * text format and OpenMetrics, some tools read only the one or the other.
 */
export function formatMetrics(reports: readonly Report[], form: MetricsForm): string {
  const families = [...instanceFamilies(reports), ...tunnelFamilies(reports)];
  const lines = families.filter(({ samples }) => samples.length > 0).flatMap((family) =>
    linesOf(family, form)
  );
  return [...lines, ...form === "openMetrics" ? ["# EOF"] : [], ""].join("\n");
}

function instanceFamilies(reports: readonly Report[]): Family[] {
  const instances = reports.map(({ instance }) => ({ instance, labels: { name: instance.name } }));
  const of = (valueOf: (instance: Report["instance"]) => number | null): Sample[] =>
    instances.map(({ instance, labels }) => ({ labels, value: valueOf(instance) }));
  const info = instances.map(({ instance, labels }) => ({
    labels: { ...labels, role: instance.role ?? "", version: instance.release ?? "" },
    value: 1,
  }));
  return [
    gauge("ipipou_instance_info", "What runs.", info),
    gauge(
      "ipipou_instance_healthy",
      "Whether an instance runs, and nothing keeps it from working; its tunnels are not asked.",
      of(({ ok }) => Number(ok)),
    ),
    gauge(
      "ipipou_instance_start_time_seconds",
      "When an instance was started.",
      of(({ uptime, time }) => momentOf(uptime, time)),
      "seconds",
    ),
    gauge(
      "ipipou_instance_last_reload_successful",
      "Whether the last reload was not refused, so that the settings of the file are in use.",
      of(({ reload_failed: failed, source }) => source === "instance" ? Number(failed === null) : null),
    ),
    counter(
      "ipipou_instance_repairs",
      "Things that others had changed and that were put back.",
      of(({ heals }) => heals),
    ),
    counter(
      "ipipou_instance_refused_packets",
      "Auth packets that a server refused.",
      of(({ refused }) => refused?.count ?? null),
    ),
  ];
}

function tunnelFamilies(reports: readonly Report[]): Family[] {
  const tunnels = reports.flatMap(({ instance, tunnels }) =>
    tunnels.map((tunnel) => ({
      tunnel,
      instance,
      labels: { name: instance.name, tunnel: tunnel.name, device: tunnel.ifname },
    }))
  );
  const of: SamplesOf = (valueOf) =>
    tunnels.map(({ tunnel, instance, labels }) => ({ labels, value: valueOf(tunnel, instance) }));
  const states = tunnels.flatMap(({ tunnel, labels }) =>
    STATES.map((state) => ({ labels: { ...labels, state }, value: Number(tunnel.state === state) }))
  );
  return [
    gauge("ipipou_tunnel_healthy", "Whether a tunnel is as it should be.", of(({ ok }) => Number(ok))),
    gauge("ipipou_tunnel_state", "How a tunnel is.", states),
    ...trafficFamilies(of),
    gauge("ipipou_tunnel_mtu_bytes", "MTU of the tunnel's device.", of(({ mtu }) => mtu), "bytes"),
    counter("ipipou_tunnel_moves", "Changes of a tunnel's outer place.", of(({ moves }) => moves)),
    ...momentFamilies(of),
  ];
}

function trafficFamilies(of: SamplesOf): Family[] {
  const ways = [["receive", "rx", "out of"], ["transmit", "tx", "into"]] as const;
  return ways.flatMap(([name, way, words]) => {
    // The kernel counts a client's replies, too: counters would go back once the instance answers again.
    const counts = ({ stats64 }: TunnelStatus, { source }: InstanceStatus) =>
      way === "rx" && source === "kernel" ? null : stats64?.[way] ?? null;
    return [
      counter(
        `ipipou_tunnel_${name}_bytes`,
        `Bytes ${words} the tunnel's device.`,
        of((tunnel, instance) => counts(tunnel, instance)?.bytes ?? null),
        "bytes",
      ),
      counter(
        `ipipou_tunnel_${name}_packets`,
        `Packets ${words} the tunnel's device.`,
        of((tunnel, instance) => counts(tunnel, instance)?.packets ?? null),
      ),
    ];
  });
}

function momentFamilies(of: SamplesOf): Family[] {
  return [
    gauge(
      "ipipou_tunnel_last_authentication_timestamp_seconds",
      "When a client last sent an auth packet, or a server accepted one.",
      of(({ auth_age: age }, { time }) => momentOf(age, time)),
      "seconds",
    ),
    gauge(
      "ipipou_tunnel_last_reply_timestamp_seconds",
      "When a client last got a reply, or a server sent one.",
      of(({ reply_age: age }, { time }) => momentOf(age, time)),
      "seconds",
    ),
  ];
}

/** Unix time of what happened so long ago, as precise as both are. */
function momentOf(age: number | null, time: number | null): number | null {
  return age === null || time === null ? null : Math.round((time - age) * 1000) / 1000;
}

function gauge(name: string, help: string, samples: readonly Sample[], unit: Family["unit"] = null): Family {
  return { name, type: "gauge", unit, help, samples: known(samples) };
}

/** @param name without the suffix that counters have */
function counter(
  name: string,
  help: string,
  samples: readonly Sample[],
  unit: Family["unit"] = null,
): Family {
  return { name, type: "counter", unit, help, samples: known(samples) };
}

function known(samples: readonly Sample[]): readonly Sample[] {
  return samples.filter(({ value }) => value !== null);
}

function linesOf({ name, type, unit, help, samples }: Family, form: MetricsForm): string[] {
  const full = type === "counter" ? `${name}_total` : name;
  const described = form === "openMetrics" ? name : full;
  return [
    `# HELP ${described} ${help}`,
    `# TYPE ${described} ${type}`,
    ...unit === null || form === "text" ? [] : [`# UNIT ${described} ${unit}`],
    ...samples.map(({ labels, value }) => `${full}{${formatLabels(labels)}} ${value}`),
  ];
}

function formatLabels(labels: Labels): string {
  return Object.entries(labels).map(([label, value]) => `${label}="${escapeLabel(value)}"`).join(",");
}

function escapeLabel(text: string): string {
  return text.replace(/[\\"\n]/g, (character) => character === "\n" ? "\\n" : `\\${character}`);
}
