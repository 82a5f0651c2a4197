import assert from "node:assert/strict";
import type { StatusConnection } from "../../../lib/ports.ts";
import { LineReader, writeText } from "../../../lib/status/lines.ts";
import type { InstanceStatus, TunnelStatus } from "../../../lib/status/snapshot.ts";
import type { Node } from "../pair/node.ts";
import type { World } from "../pair/world.ts";
import { turn } from "../turn.ts";

type Fields = Record<string, unknown>;

/** Asks a node on a connection of its own, or on one that is given. */
export async function ask(
  world: World,
  node: Node,
  request: object = { get: "status" },
  connection: StatusConnection = connect(node),
): Promise<{ instance: InstanceStatus & { tunnels: number }; tunnels: TunnelStatus[] }> {
  const lines = await linesOf(world, connection, `${JSON.stringify(request)}\n`, (lines) => {
    return lines.length > 0 && lines.length === 1 + Number(lines[0]!["tunnels"]);
  });
  const [instance, ...tunnels] = lines as unknown as [
    InstanceStatus & { tunnels: number },
    ...TunnelStatus[],
  ];
  return { instance, tunnels };
}

/** Connects to a node. */
export function connect(node: Node): StatusConnection {
  const [socket] = node.host.statusSockets.values();
  return socket!.connect();
}

/** Writes a text, and reads lines until that are all, or the connection ends. */
export async function linesOf(
  world: World,
  connection: StatusConnection,
  text: string,
  areAll: (lines: readonly Fields[]) => boolean,
): Promise<Fields[]> {
  const reader = new LineReader(connection, 1_000_000);
  const lines: Fields[] = [];
  let isOver = false;
  const reading = (async () => {
    while (!areAll(lines)) {
      const line = await reader.next();
      if (line === null) break;
      lines.push(JSON.parse(line));
    }
    isOver = true;
  })();
  await writeText(connection, text);
  for (let count = 0; count < 2_000 && !isOver; count++) {
    await turn();
    await world.clock.advance(1);
  }
  assert.ok(isOver, `only ${lines.length} lines came`);
  await reading;
  return lines;
}

export function byName(tunnels: readonly TunnelStatus[], name: string): TunnelStatus {
  return tunnels.find((tunnel) => tunnel.name === name) ?? assert.fail(`no ${name}`);
}
