import assert from "node:assert/strict";
import fc from "fast-check";
import { parseFamily, parseFou } from "../../../ffi/fou_messages.ts";
import { joinDevices, namesOf, parseAddress, parseLink } from "../../../ffi/link_answers.ts";
import { type Message, messagesIn } from "../../../ffi/netlink_messages.ts";
import {
  parseChain,
  parseElements,
  parseGeneration,
  parseSet,
  parseTableUse,
} from "../../../ffi/nft_answers.ts";
import { parseRule } from "../../../ffi/nft_rules.ts";
import { parseFoundRoute, parseRoute } from "../../../ffi/route_answers.ts";
import type { NftTable } from "../../../lib/listing.ts";
import { findAdmissions } from "../../../lib/daemon/adoption.ts";
import { findOutside } from "../../../lib/daemon/outside.ts";
import { desiredState } from "../../../lib/kernel/desired.ts";
import { identityOf } from "../../../lib/kernel/identity.ts";
import { Instance } from "../../../lib/kernel/instance.ts";
import { describeLeftovers } from "../../../lib/kernel/leftovers.ts";
import { describeInnerClashes, NetworksInUse } from "../../../lib/kernel/networks_in_use.ts";
import { planTransition } from "../../../lib/kernel/plan.ts";
import { EMPTY_STATE, type Observed } from "../../../lib/kernel/state.ts";
import { Log } from "../../../lib/log.ts";
import type { KernelReader } from "../../../lib/kernel_ports.ts";
import { asLines } from "../../unit/fake/lines.ts";
import * as samples from "../../unit/ffi/kernel_samples.ts";
import { newExecutor, readerOf, USUAL_SURROUNDINGS } from "../../unit/kernel/fake_programs.ts";
import { samplePeer, sampleRoutes, sampleSettings } from "../../unit/samples.ts";
import { bytesLike } from "../mutate.ts";
import { assertLine, outcomeOf, outcomeOfAsync, type Target, target } from "../target.ts";
import { runnerFor } from "./programs.ts";

const NOW = 1_700_000_000_000;
const MAIN = "192.0.2.1";

/** The hub of the fixtures. */
const SETTINGS = sampleSettings({
  name: "p0",
  local: { ip: null, device: "eth0", ports: [10_000] },
  peers: [0, 1, 2, 3].map((index) =>
    samplePeer({
      name: `p${index}`,
      tunnel: { device: `p${index}`, ip: `172.28.0.${index * 2}`, peerIp: `172.28.0.${index * 2 + 1}` },
      lifetime: 300 * (index % 2),
      altIp: null,
      routes: index === 1 ? ["10.1.0.0/16"] : [],
      allowedIps: index === 2 ? ["172.28.0.5/32", "10.3.0.0/16"] : null,
    })
  ),
});
const IDENTITY = identityOf(SETTINGS);

function look(reader: KernelReader): Promise<Observed> {
  const lock = () => Promise.resolve(new DisposableStack());
  const options = { nft: "needed", routes: true, needsFou: true } as const;
  const log = new Log({ verbosity: 3, time: false, pid: null, write: assertLine, now: () => new Date(0) });
  const runner = runnerFor({});
  const context = {
    ...{ runner, executor: newExecutor(runner), lock, clock: { now: () => NOW }, log, reader },
    ...{ hasProgram: () => true, surroundings: USUAL_SURROUNDINGS },
  };
  return new Instance(IDENTITY, options, context).look();
}

/** Words that are no command's, but those of values that were not there or not what they should be. */
const NO_WORDS = /undefined|NaN|null|\[object|Infinity|\.\.\.| {2}/;

const SYSTEM = { openRoutes: () => sampleRoutes() };

/** Whatever was found, the way from there is made of commands that `ip` and `nft` can read. */
function assertSound(observed: Observed): void {
  const outside = outcomeOf(() => findOutside(SYSTEM, SETTINGS, observed));
  const place = "value" in outside
    ? outside.value
    : { ip: MAIN, device: "eth0", link: "eth0", isRuled: false, isMarkRuled: false };
  for (const line of describeLeftovers(observed, place, SETTINGS)) assertLine(line);
  const admissions = findAdmissions(SETTINGS.peers, observed.own, place.ip);
  const { state, faults } = desiredState({ settings: SETTINGS, outside: place, admissions }, observed, NOW);
  for (const { message } of faults.values()) assertLine(message);
  for (const desired of [state, EMPTY_STATE]) {
    const lines = Object.values(asLines(planTransition(observed, desired, NOW))).flat();
    for (const line of lines) {
      assertLine(line);
      assert.doesNotMatch(line, NO_WORDS);
    }
  }
}

const all = <T>(datagram: Uint8Array, parse: (message: Message) => T | null): T[] =>
  messagesIn(datagram).flatMap((message) => (message && parse(message)) ?? []);
/** An answer as it was, or with changes. */
const answer = (...datagrams: readonly Uint8Array[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...datagrams) },
    { weight: 2, arbitrary: bytesLike(datagrams) },
  );
const ELEMENTS = [
  samples.ELEMENTS_REMOTES,
  samples.ELEMENTS_LOCALS,
  samples.ELEMENTS_ADDRESSES,
  samples.ELEMENTS_DEVICES,
  samples.ELEMENTS_ENDPOINTS,
  samples.ELEMENTS_SOURCES,
  samples.ELEMENTS_HINTS,
];

/** A table of these answers. Each set has the elements of one of them, as its number in the sets says. */
function tableOf(
  chains: Uint8Array,
  rules: Uint8Array,
  sets: Uint8Array,
  elements: readonly Uint8Array[],
): NftTable {
  return {
    exists: true,
    isEmpty: false,
    chains: all(chains, (message) => parseChain(message, "ipipou")),
    rules: all(rules, parseRule).map(({ rule }) => rule),
    sets: all(sets, parseSet).map((set, index) => {
      const found = all(elements[index % elements.length]!, (message) => parseElements(message, set)).flat();
      const readable = found.filter((element) => element !== null);
      const isUnclear = readable.length < found.length;
      return { name: set.name, type: set.type, elements: readable, isUnclear };
    }),
  };
}

const listings = target(
  "what the kernel lists",
  [
    "ffi/link_answers.ts parseLink",
    "ffi/link_answers.ts parseAddress",
    "ffi/route_answers.ts parseRoute",
    "ffi/fou_messages.ts parseFou",
    "ffi/nft_answers.ts parseChain",
    "ffi/nft_answers.ts parseSet",
    "ffi/nft_answers.ts parseElements",
    "ffi/nft_rules.ts parseRule",
    "lib/kernel/observe.ts sortOut",
    "lib/kernel/observe_gate.ts findGate",
    "lib/kernel/observe_gate.ts findOtherGates",
    "lib/kernel/obsolete_rules.ts findObsoleteRules",
    "lib/kernel/obsolete_rules.ts findEmptyChains",
    "lib/daemon/adoption.ts findAdmissions",
    "lib/daemon/outside.ts findOutside",
  ],
  fc.tuple(
    answer(samples.LINKS),
    answer(samples.ADDRESSES),
    answer(samples.ROUTES),
    answer(samples.FOU_PORTS),
    answer(samples.CHAINS),
    answer(samples.RULES, samples.HINT_RULE),
    answer(samples.SETS, samples.HINT_SETS),
    fc.tuple(...ELEMENTS.map((datagram) => answer(datagram))),
  ),
  async ([links, addresses, routes, fou, chains, rules, sets, elements]) => {
    const devices = joinDevices(all(links, parseLink), all(addresses, parseAddress));
    const nameOf = namesOf(devices);
    const reader = readerOf({
      devices,
      routes: all(routes, parseRoute).map(({ route, device }) => ({ ...route, dev: nameOf(device) })),
      fou: all(fou, parseFou).map(({ fou, device }) => ({ ...fou, dev: nameOf(device) })),
      table: tableOf(chains, rules, sets, elements),
    });
    const outcome = await outcomeOfAsync(() => look(reader));
    if ("value" in outcome) assertSound(outcome.value);
  },
);

const numbers = target(
  "numbers that the kernel answers",
  [
    "ffi/fou_messages.ts parseFamily",
    "ffi/nft_answers.ts parseGeneration",
    "ffi/nft_answers.ts parseTableUse",
  ],
  bytesLike([samples.FOU_FAMILY, samples.GENERATION, samples.TABLE]),
  (datagram) => {
    for (const parse of [parseFamily, parseGeneration, parseTableUse]) {
      for (const number of all(datagram, parse)) assert.ok(Number.isInteger(number) && number >= 0);
    }
  },
);

const found = target(
  "routes that are found",
  [
    "ffi/route_answers.ts parseFoundRoute",
    "lib/kernel/networks_in_use.ts NetworksInUse.ask",
    "lib/kernel/networks_in_use.ts describeInnerClashes",
  ],
  answer(samples.ROUTES),
  (datagram) => {
    const [route = null] = all(datagram, parseFoundRoute);
    const routes = { findRoute: () => route };
    const links = new Map([[9, { name: "eth0", mtu: 1500, isUp: true }]]);
    for (const said of describeInnerClashes(SETTINGS, { ownIndexes: new Set([11]), links }, routes)) {
      assertLine(said);
      assert.doesNotMatch(said, NO_WORDS);
    }
    new NetworksInUse().ask(["172.29.0.1"], routes);
  },
);

/** What is read of the kernel. */
export const KERNEL_TARGETS: readonly Target[] = [listings, numbers, found];
