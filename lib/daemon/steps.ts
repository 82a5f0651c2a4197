import type { Step } from "../client/ladder.ts";
import { isHostIpv4 } from "../ipv4.ts";
import { dynamicPort, formatEndpoint } from "../packet.ts";
import type { System } from "../ports.ts";
import type { Remote } from "../settings/settings.ts";
import { serversOf, type Setup, withPort } from "./client_setup.ts";
import { resolveHost } from "./hosts.ts";

/** Where a step leads, in a form for the log too. */
export interface Move {
  readonly to: Setup;
  readonly line: string;
}

/**
 * Finds where a step leads.
 *
 * @param port the UDP port in the settings
 * @param count how many attempts came before in this silence
 * @returns null: nowhere else
 * @throws {IpipouError} when a name cannot be looked up
 */
export async function planMove(
  step: Step,
  setup: Setup,
  port: number,
  count: number,
  system: Pick<System, "resolve" | "random">,
): Promise<Move | null> {
  const servers = serversOf(setup.settings);
  switch (step) {
    case "resolve":
      return await lookAgain(setup, servers[setup.server]!, system);
    case "remote":
      return await goOn(setup, (setup.server + 1 + count % (servers.length - 1)) % servers.length, system);
    case "port":
      return changePort(setup, port, system);
  }
}

async function lookAgain(
  setup: Setup,
  { host, port }: Remote,
  system: Pick<System, "resolve">,
): Promise<Move | null> {
  if (isHostIpv4(host)) return null;
  const ip = await resolveHost(host, system);
  if (ip === setup.remote.ip) return null;
  const line = `${
    silence(setup)
  }the address of ${host} changed from ${setup.remote.ip} to ${ip}: going there`;
  return { to: { ...setup, remote: { ip, port } }, line };
}

async function goOn(
  setup: Setup,
  server: number,
  system: Pick<System, "resolve">,
): Promise<Move> {
  const { host, port } = serversOf(setup.settings)[server]!;
  const remote = { ip: await resolveHost(host, system), port };
  const name = isHostIpv4(host) ? "" : `${host}, `;
  return {
    to: { ...setup, server, remote },
    line: `${silence(setup)}going on to ${name}${formatEndpoint(remote)}`,
  };
}

/** Away from the port in the settings, or now and then back to it: some servers take no other. */
function changePort(setup: Setup, port: number, { random }: Pick<System, "random">): Move {
  const current = setup.settings.local.ports[0];
  const goesBack = current !== port && random.fraction() < 0.5;
  const next = goesBack ? port : dynamicPort(random.fraction());
  const why = "as a NAT may keep a dead way for the one before";
  const line = `${silence(setup)}going from UDP port ${current} to ${next}, ${why}`;
  return { to: { ...setup, settings: withPort(setup.settings, next) }, line };
}

function silence({ remote }: Setup): string {
  return `no reply from ${formatEndpoint(remote)}: `;
}
