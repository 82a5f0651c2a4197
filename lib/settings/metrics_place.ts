import { parseIpv4 } from "../ipv4.ts";
import { type Endpoint, isPort } from "../packet.ts";
import { quote, SettingsError } from "./errors.ts";

const SOCKET_FOLDER = "/run/ipipou";
/** Folders in which the executable may write metrics: its own, and those that node_exporter usually reads. */
export const METRICS_FOLDERS = [
  SOCKET_FOLDER,
  "/var/lib/prometheus/node-exporter",
  "/var/lib/node_exporter",
] as const;

/** Checks that metrics can be written to a file. @throws {SettingsError} */
export function checkMetricsFile(path: string, place: string): void {
  if (isFileBelow(path, METRICS_FOLDERS)) return;
  throw new SettingsError(
    `Cannot use ${quote(path)} as ${place}: must be a path in ${METRICS_FOLDERS.join(" or ")}`,
  );
}

/** Reads where to answer those who ask for metrics: the path of a socket, or a loopback address and port. @throws {SettingsError} */
export function metricsPlace(text: string, place: string): string | Endpoint {
  if (isFileBelow(text, [SOCKET_FOLDER])) return text;
  const [, ip = "", digits = ""] = /^(127\.\d+\.\d+\.\d+):(\d{1,5})$/.exec(text) ?? [];
  if (parseIpv4(ip) !== null && isPort(Number(digits))) return { ip, port: Number(digits) };
  throw new SettingsError(
    `Cannot use ${
      quote(text)
    } as ${place}: must be a loopback address and a port, as 127.0.0.1:9586, or a path in ` +
      SOCKET_FOLDER,
  );
}

function isFileBelow(path: string, folders: readonly string[]): boolean {
  const isPlain = !path.endsWith("/") && !path.split("/").includes("..");
  return isPlain && folders.some((folder) => path.startsWith(`${folder}/`));
}
