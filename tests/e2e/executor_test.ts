// Plans on a real kernel, in network namespaces. Needs root: the lab, or a disposable machine.
import assert from "node:assert/strict";
import { NetlinkReader } from "../../ffi/kernel_reader.ts";
import { NetlinkRoutes } from "../../ffi/netlink_routes.ts";
import { desiredState } from "../../lib/kernel/desired.ts";
import type { Executor } from "../../lib/kernel/executor.ts";
import { identityOf } from "../../lib/kernel/identity.ts";
import { NetworksInUse } from "../../lib/kernel/networks_in_use.ts";
import { sortOut } from "../../lib/kernel/observe.ts";
import { planTransition, type Transition } from "../../lib/kernel/plan.ts";
import { EMPTY_STATE, hintKey, type Observed } from "../../lib/kernel/state.ts";
import type { Settings } from "../../lib/settings/settings.ts";
import { OUTSIDE } from "../unit/kernel/plan_scene.ts";
import { enter } from "./link.ts";
import { history, listingOf, NOW, RealHost } from "./real_host.ts";
import { executorOn, openWriter } from "./real_writer.ts";

function look(host: RealHost, settings: Settings): Observed {
  using _ = enter(host.name);
  using reader = new NetlinkReader();
  const nft = reader.table("ipipou", () => true);
  return sortOut(
    { ...reader.lists({ routes: true }), fou: reader.fouPorts()!, nft },
    identityOf(settings),
    NOW,
  );
}

function routesOf({ name }: RealHost): NetlinkRoutes {
  using _ = enter(name);
  return new NetlinkRoutes();
}

type Scene = ReturnType<typeof history>[number];

/** @param epoch of the hints of all peers */
function planOn(host: RealHost, [settings, admissions]: Scene, epoch = 7_000_000): Transition {
  const found = look(host, settings);
  if (admissions === null) return planTransition(found, { ...EMPTY_STATE, gate: null }, NOW);
  const keys = new Set([hintKey(epoch, 513), hintKey(epoch, 65_535), hintKey(epoch + 1, 0)]);
  const hints = { keys, queue: 7 };
  const { state } = desiredState({ settings, outside: OUTSIDE, admissions, hints }, found, NOW);
  const inUse = new NetworksInUse();
  using routes = routesOf(host);
  inUse.ask(found.own.altAddresses.keys(), routes);
  return planTransition(found, state, NOW, inUse.toldOf(found.own.altAddresses));
}

const PARTS = ["withdraw", "close", "ip", "open"] as const;

/** Types the lines of a plan. */
async function type(host: RealHost, plan: Transition): Promise<void> {
  for (const part of PARTS) {
    if (plan[part].length === 0) continue;
    const argv = part === "close" || part === "open" ? ["nft", "-f", "-"] : ["ip", "-batch", "-"];
    const { code, stderr } = await host.run(argv, plan[part].map(({ line }) => line));
    assert.equal(code, 0, stderr);
  }
}

Deno.test("what is asked of the kernel leads where the lines of -vv lead when they are typed", async () => {
  await using typed = await RealHost.create();
  await using asked = await RealHost.create();
  using writer = openWriter(asked);
  const lines: string[] = [];
  const executor = executorOn(asked, writer, lines);
  for (const [index, scene] of history().entries()) {
    const plan = planOn(typed, scene, index);
    lines.length = 0;
    for (const part of PARTS) {
      if (plan[part].length === 0) continue;
      await (part === "close" || part === "open" ? executor.nft(plan[part]) : executor.ip(plan[part]));
    }
    const said = PARTS.flatMap((part) =>
      plan[part].map(({ line }) => part === "close" || part === "open" ? `nft '${line}'` : `ip ${line}`)
    );
    assert.deepEqual(lines, said, "the log tells each change");
    await type(typed, plan);
    assert.deepEqual(await listingOf(asked), await listingOf(typed), `plan ${index}`);
    // The kernel counts lifetimes by a clock of its own.
    const more = Object.values(planOn(asked, scene, index)).flat().filter(({ line }) =>
      !line.includes(" remotes-") && !line.includes(" locals-")
    );
    assert.deepEqual(more, [], `plan ${index} again`);
  }
});

/** Takes the first steps of a plan, each of nftables' parts as one. @returns whether there are no more */
async function take(executor: Executor, plan: Transition, count: number): Promise<boolean> {
  for (const part of PARTS) {
    const isNft = part === "close" || part === "open";
    const atoms = isNft ? [plan[part]] : plan[part].map((step) => [step]);
    for (const atom of atoms.filter(({ length }) => length > 0)) {
      if (count-- <= 0) return false;
      await (isNft ? executor.nft(atom) : executor.ip(atom));
    }
  }
  return true;
}

Deno.test("whatever step of a change a run is killed after, the next one gets where it was to be", async () => {
  await using host = await RealHost.create();
  using writer = openWriter(host);
  const executor = executorOn(host, writer);
  // Peers that share an address, then move, are parked and come back.
  const scenes = history().slice(1, 4);
  for (const [index, scene] of scenes.entries()) {
    const from = scenes[index - 1] ?? [scene[0], new Map()] satisfies Scene;
    await take(executor, planOn(host, from), Infinity);
    await take(executor, planOn(host, scene), Infinity);
    const wanted = await listingOf(host);
    for (let count = 1, isDone = false; !isDone; count++) {
      await take(executor, planOn(host, from), Infinity);
      isDone = await take(executor, planOn(host, scene), count);
      await take(executor, planOn(host, scene), Infinity);
      assert.deepEqual(sorted(await listingOf(host)), sorted(wanted), `scene ${index}, step ${count}`);
      assert.ok(await take(executor, planOn(host, scene), 0), "there is nothing left to do");
    }
  }
});

/** The lines of listings without the order of devices, which depends on when they were made. */
function sorted(listings: readonly string[]): string[] {
  return listings.join("\n").split("\n").sort();
}
