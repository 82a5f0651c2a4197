import { type Report, STATES, type TunnelStatus } from "./snapshot.ts";

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

/** Metrics of one name. */
interface Family {
  readonly name: string;
  readonly type: "gauge" | "counter";
  /** Base unit, with which the name ends. */
  readonly unit?: "bytes" | "seconds";
  readonly help: string;
  readonly samples: readonly Sample[];
}

/**
 * Formats instances as metrics with names by Prometheus' conventions. Both forms have the same metrics: of Prometheus' own
 * text format and OpenMetrics, some tools read only the one or the other.
 *
 * @param unixTime now, seconds
 */
export function formatMetrics(reports: readonly Report[], unixTime: number, form: MetricsForm): string {
  const families = [...instanceFamilies(reports, unixTime), ...tunnelFamilies(reports, unixTime)];
  const lines = families.filter(({ samples }) => samples.length > 0).flatMap((family) =>
    linesOf(family, form)
  );
  return [...lines, ...form === "openMetrics" ? ["# EOF"] : [], ""].join("\n");
}

function instanceFamilies(reports: readonly Report[], unixTime: number): Family[] {
  const instances = reports.map(({ instance }) => ({ instance, labels: { name: instance.name } }));
  const of = (valueOf: (instance: Report["instance"]) => number | null): Sample[] =>
    instances.map(({ instance, labels }) => ({ labels, value: valueOf(instance) }));
  const families: Family[] = [
    {
      name: "ipipou_instance_info",
      type: "gauge",
      help: "What runs.",
      samples: instances.map(({ instance, labels }) => ({
        labels: { ...labels, role: instance.role ?? "", version: instance.release ?? "" },
        value: 1,
      })),
    },
    {
      name: "ipipou_instance_healthy",
      type: "gauge",
      help: "Whether an instance runs, and nothing keeps it from working; its tunnels are not asked.",
      samples: of(({ ok }) => Number(ok)),
    },
    {
      name: "ipipou_instance_start_time_seconds",
      type: "gauge",
      unit: "seconds",
      help: "When an instance was started.",
      samples: of(({ uptime }) => uptime === null ? null : unixTime - uptime),
    },
    {
      name: "ipipou_instance_repairs",
      type: "counter",
      help: "Things that others had changed and that were put back.",
      samples: of(({ heals, source }) => source === "instance" ? heals : null),
    },
    {
      name: "ipipou_instance_refused_packets",
      type: "counter",
      help: "Auth packets that a server refused.",
      samples: of(({ refused }) => refused?.count ?? null),
    },
  ];
  return families.map(withValues);
}

function tunnelFamilies(reports: readonly Report[], unixTime: number): Family[] {
  const tunnels = reports.flatMap(({ instance, tunnels }) =>
    tunnels.map((tunnel) => ({
      tunnel,
      labels: { name: instance.name, tunnel: tunnel.name, device: tunnel.ifname },
    }))
  );
  const of = (valueOf: (tunnel: TunnelStatus) => number | null): Sample[] =>
    tunnels.map(({ tunnel, labels }) => ({ labels, value: valueOf(tunnel) }));
  const since = (age: number | null) => age === null ? null : unixTime - age;
  const traffic = (name: string, way: "rx" | "tx", unit: "bytes" | "packets"): Family => ({
    name: `ipipou_tunnel_${name}_${unit}`,
    type: "counter",
    ...unit === "bytes" ? { unit } : {},
    help: `${unit === "bytes" ? "Bytes" : "Packets"} ${
      way === "rx" ? "out of" : "into"
    } the tunnel's device.`,
    samples: of(({ stats64 }) => stats64?.[way][unit] ?? null),
  });
  const families: Family[] = [
    {
      name: "ipipou_tunnel_healthy",
      type: "gauge",
      help: "Whether a tunnel is as it should be.",
      samples: of(({ ok }) => Number(ok)),
    },
    {
      name: "ipipou_tunnel_state",
      type: "gauge",
      help: "How a tunnel is.",
      samples: tunnels.flatMap(({ tunnel, labels }) =>
        STATES.map((state) => ({
          labels: { ...labels, state },
          value: Number(tunnel.state === state),
        }))
      ),
    },
    traffic("receive", "rx", "bytes"),
    traffic("receive", "rx", "packets"),
    traffic("transmit", "tx", "bytes"),
    traffic("transmit", "tx", "packets"),
    {
      name: "ipipou_tunnel_mtu_bytes",
      type: "gauge",
      unit: "bytes",
      help: "MTU of the tunnel's device.",
      samples: of(({ mtu }) => mtu),
    },
    {
      name: "ipipou_tunnel_moves",
      type: "counter",
      help: "Changes of a tunnel's outer place.",
      samples: of(({ moves }) => moves),
    },
    {
      name: "ipipou_tunnel_last_authentication_timestamp_seconds",
      type: "gauge",
      unit: "seconds",
      help: "When a client last sent an auth packet, or a server accepted one.",
      samples: of((tunnel) => since(tunnel.auth_age)),
    },
    {
      name: "ipipou_tunnel_last_reply_timestamp_seconds",
      type: "gauge",
      unit: "seconds",
      help: "When a client last got a reply, or a server sent one.",
      samples: of((tunnel) => since(tunnel.reply_age)),
    },
  ];
  return families.map(withValues);
}

function withValues(family: Family): Family {
  return { ...family, samples: family.samples.filter(({ value }) => value !== null) };
}

function linesOf({ name, type, unit, help, samples }: Family, form: MetricsForm): string[] {
  const full = type === "counter" ? `${name}_total` : name;
  const described = form === "openMetrics" ? name : full;
  return [
    `# HELP ${described} ${help}`,
    `# TYPE ${described} ${type}`,
    ...unit === undefined || form === "text" ? [] : [`# UNIT ${described} ${unit}`],
    ...samples.map(({ labels, value }) => `${full}{${formatLabels(labels)}} ${value}`),
  ];
}

function formatLabels(labels: Labels): string {
  return Object.entries(labels).map(([label, value]) => `${label}="${escapeLabel(value)}"`).join(",");
}

function escapeLabel(text: string): string {
  return text.replace(/[\\"\n]/g, (character) => character === "\n" ? "\\n" : `\\${character}`);
}
