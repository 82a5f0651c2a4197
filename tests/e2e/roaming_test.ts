import assert from "node:assert/strict";
import { ADDRESS } from "../lab/network.ts";
import { Flow } from "./flow.ts";
import { PATIENCE, PORT, Scenario } from "./scenario.ts";

const TOKEN = ["--auth-token", "open sesame"];
const MOVES = 4;

Deno.test("a moving flow loses only packets that arrive by a new path before its auth packet", async () => {
  await using scenario = await Scenario.create();
  const server = await scenario.server(...TOKEN);
  const client = await scenario.client("client", ...TOKEN);
  await server.waitForLine(/tunnel up/, PATIENCE);
  const flow = await Flow.start(scenario, 100);
  for (let move = 0; move < MOVES; move++) {
    await scenario.move(client, server);
    await scenario.ping("client");
  }
  const all = await flow.end(scenario);
  // When the NAT forgets its connections, it may also forget one that it just made. No auth packet takes that path.
  const stray = all.filter(({ authAt }, index) => index > 0 && authAt === null);
  const isLost = ({ deliveredAt }: { deliveredAt: number | null }) => deliveredAt === null;
  assert.ok(
    stray.every(({ datagrams }) => datagrams.every(isLost)),
    "data by a path nobody authenticated by",
  );
  const paths = all.filter((path) => !stray.includes(path));
  assert.equal(paths.length, 1 + MOVES);
  const lost = paths.map(({ datagrams }) => datagrams.filter(isLost));
  assert.deepEqual(lost[0], [], "of the first path");
  for (const [index, { port, datagrams, authAt }] of paths.entries()) {
    const refused = lost[index]!;
    assert.deepEqual(refused, datagrams.slice(0, refused.length), `the first that came by port ${port}`);
    const first = datagrams[refused.length]?.deliveredAt;
    assert.ok(index === 0 || authAt! < first!, `nothing by port ${port} before its auth packet`);
  }
  assert.ok(lost.slice(1).every(({ length }) => length > 0), "the NAT moved before the auth packet left");
});

Deno.test("a client is followed back to an address and port it had before", async () => {
  await using scenario = await Scenario.create({ direct: true });
  const server = await scenario.server(...TOKEN);
  const to = ["--to", `${ADDRESS.server}:${PORT}`, ...["--token", "open sesame"]];
  await scenario.client("client", ...TOKEN);
  const home = new RegExp(`tunnel up to ${ADDRESS.nat}:${PORT}`);
  await server.waitForLine(home, PATIENCE);
  await scenario.ping("client");
  for (let times = 0; times < 2; times++) {
    await scenario.send("direct", "--from", `${ADDRESS.direct}:4444`, ...to);
    await server.waitForLine(
      new RegExp(`moved from ${ADDRESS.nat}:${PORT} to ${ADDRESS.direct}:4444`),
      PATIENCE,
    );
    assert.equal(await scenario.answers("client"), false);
    await scenario.send("client", "--from", `${ADDRESS.client}:${PORT}`, ...to);
    await server.waitForLine(
      new RegExp(`moved from ${ADDRESS.direct}:4444 to ${ADDRESS.nat}:${PORT}`),
      PATIENCE,
    );
    await scenario.ping("client");
  }
});
