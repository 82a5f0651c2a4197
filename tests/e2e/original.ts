import { ADDRESS, type Host } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { INNER, PATIENCE, PORT, type Scenario } from "./scenario.ts";

/** A stand-in for either side of version 0.1, in another language. */
const PROGRAM = new URL("original.py", import.meta.url).pathname;

/** Starts a server of version 0.1 and waits until it accepts auth packets. */
export async function originalServer(scenario: Scenario, ...args: string[]): Promise<Process> {
  const server = spawn(scenario, "server", args);
  await server.waitForLine(/^waiting/, PATIENCE);
  return server;
}

/** Starts a client of version 0.1 and waits until it has sent an auth packet. */
export async function originalClient(scenario: Scenario, ...args: string[]): Promise<Process> {
  const client = spawn(scenario, "client", ["--remote", `${ADDRESS.server}:${PORT}`, ...args]);
  await client.waitForLine(/^sent/, PATIENCE);
  return client;
}

/** Starts a second client of version 0.1 behind the same NAT, with its own port and its own server. */
export function secondOriginalClient(scenario: Scenario, args: readonly string[]): Process {
  const ends = ["--local", ADDRESS.client2, "--tunl-ip", "172.28.0.5", "--peer-ip", "172.28.0.4"];
  const ports = ["--port", "10002", "--remote", `${ADDRESS.server}:10002`];
  return run(scenario, "client2", ["client", ...args, ...ports, ...ends]);
}

function spawn(scenario: Scenario, side: Host & keyof typeof INNER, args: readonly string[]): Process {
  const peer = side === "server" ? INNER.client : INNER.server;
  const ends = ["--local", ADDRESS[side], "--tunl-ip", INNER[side], "--peer-ip", peer];
  return run(scenario, side, [side, ...args, ...ends]);
}

function run(scenario: Scenario, host: Host, args: readonly string[]): Process {
  return scenario.network.spawn(host, ["/usr/bin/python3", "-B", PROGRAM, ...args]);
}
