import assert from "node:assert/strict";
import { showStatus } from "../../../lib/commands/status.ts";
import { ALL, DEVICE, HUB, OFFICE, systemOf, type There } from "./status_scene.ts";

Deno.test("showStatus() shows what the kernel has of those that do not answer, and says that it is the kernel's", async () => {
  const standing = () => new Map([["hub", [DEVICE]]]);
  const { text, exitCode } = await showStatus(ALL, systemOf([null, OFFICE], { standing }));
  assert.equal(exitCode, 3);
  assert.match(
    text,
    /^hub: instance\n {2}not running: no process runs it in this network namespace: this is what the kernel has\n {2}start it, or remove this: ipipou cleanup --tunl-dev hub\n/m,
  );
  assert.match(text, /outside +192\.0\.2\.1:10001 to 198\.51\.100\.2:4001\n/);
  const running = await showStatus({ ...ALL, json: true }, systemOf([HUB], { standing }));
  assert.deepEqual(JSON.parse(running.text).map(({ source }: { source: string }) => source), ["instance"]);
  const byFile = { standing, instanceOf: () => "hub" };
  const named = await showStatus({ ...ALL, name: "main", json: true }, systemOf([OFFICE], byFile));
  assert.deepEqual(JSON.parse(named.text).map(({ name }: { name: string }) => name), ["hub"]);
  const parked = { ...DEVICE.linkinfo!.info_data!, local: "127.172.28.0", remote: "0.0.1.11" };
  const device = { ...DEVICE, linkinfo: { "info_kind": "ipip", "info_data": parked } };
  const nowhere = await showStatus(
    { ...ALL, json: true },
    systemOf([], {
      standing: () => new Map([["hub", [device]]]),
    }),
  );
  assert.equal(JSON.parse(nowhere.text)[0].tunnels[0].remote, null);
});

Deno.test("showStatus() shows what a killed instance left beside one of its name in another network namespace", async () => {
  const left = { standing: () => new Map([["hub", [DEVICE]]]), instanceOf: () => "hub" };
  for (const name of [null, "hub", "main"]) {
    for (const [holder, state] of [[null, "not running"], [77, "not answering"]] as const) {
      const system = systemOf([HUB], { ...left, holderOf: (name) => name === "hub" ? holder : null });
      const { text, exitCode } = await showStatus({ ...ALL, name, json: true }, system);
      const states = JSON.parse(text).map((
        { name, state }: { name: string; state: string },
      ) => [name, state]);
      assert.deepEqual(states, [...name === "main" ? [] : [["hub", "up"]], ["hub", state]]);
      assert.equal(exitCode, holder === null ? 3 : 5);
    }
    const here = await showStatus({ ...ALL, name: "hub", peer: "b", json: true }, systemOf([HUB], left));
    assert.deepEqual(JSON.parse(here.text).map(({ source }: { source: string }) => source), ["instance"]);
  }
});

Deno.test("showStatus() names the command that removes what a killed instance left", async () => {
  const cureOf = async (instance: string, name: string | null, files: Readonly<Record<string, string>>) => {
    const fields = {
      standing: () => new Map([[instance, [DEVICE]]]),
      instanceOf: (config: string) => files[config] ?? null,
    };
    const { text } = await showStatus({ ...ALL, name }, systemOf([null], fields));
    return /ipipou cleanup (.*)$/m.exec(text)![1];
  };
  assert.equal(await cureOf("ipipou7", null, {}), "-n 7");
  assert.equal(await cureOf("ipipou7", "ipipou7", {}), "-n 7");
  assert.equal(await cureOf("ipipou7", "office", { office: "ipipou7" }), "office");
  // It left its socket in a folder of its file's name.
  assert.equal(await cureOf("ipipou7", null, { "0": "ipipou7" }), "0");
  assert.equal(await cureOf("ipipou7", null, { "0": "ipipou8" }), "-n 7");
});

Deno.test("showStatus() tells a process that does not answer from none, with exit code 5", async () => {
  const standing = () => new Map([["hub", [DEVICE]]]);
  const late = "silence" as const;
  const forbidden = new Deno.errors.PermissionDenied("Permission denied");
  const cases: [There, RegExp][] = [
    [late, /process 77 runs it: no answer within 5 s\n {2}if it stays so: kill -9 77, and start it again, /],
    [forbidden, /process 77 runs it: Permission denied\n {2}ask as root, or as one of its folder's group\n/],
    [null, /process 77 runs it: it has no socket to be asked at\n {2}what it logged at its start says why\n/],
  ];
  for (const [there, text] of cases) {
    const fields = {
      standing,
      // As the folder of the socket is that of its file.
      instanceOf: (config: string) => config === "0" ? "hub" : null,
      holderOf: (name: string) => name === "hub" ? 77 : null,
    };
    for (const name of [null, "hub", "0"]) {
      const outcome = await showStatus({ ...ALL, name }, systemOf([there, OFFICE], fields));
      assert.match(outcome.text, new RegExp(`hub: instance\n  not answering: ${text.source}`));
      assert.match(outcome.text, /state +not answering\n/);
      assert.equal(outcome.exitCode, 5);
    }
    const bare = await showStatus(
      { ...ALL, name: "hub", json: true },
      systemOf([there], { ...fields, standing: () => new Map() }),
    );
    const [{ state, pid, source, tunnels }] = JSON.parse(bare.text);
    assert.deepEqual([state, pid, source, tunnels], ["not answering", 77, "kernel", []]);
    assert.equal(bare.exitCode, 5);
  }
  const also = { standing: () => new Map([["hub", [DEVICE]], ["other", [{ ...DEVICE, ifname: "x" }]]]) };
  const holderOf = (name: string) => name === "hub" ? 77 : null;
  assert.equal((await showStatus(ALL, systemOf([late], { ...also, holderOf }))).exitCode, 3);
});

Deno.test("showStatus() takes a socket whose folder says nothing for that of the process that has none", async () => {
  const standing = () => new Map([["hub", [DEVICE, { ...DEVICE, ifname: "b" }]]]);
  const lookOf = async (holders: Readonly<Record<string, number>>) => {
    const fields = { standing, holderOf: (name: string) => holders[name] ?? null };
    const { text } = await showStatus({ ...ALL, name: "hub", json: true }, systemOf(["silence"], fields));
    return JSON.parse(text)[0];
  };
  assert.match((await lookOf({ hub: 77 })).why, /: no answer within 5 s$/);
  assert.match((await lookOf({ hub: 77, "0": 5 })).why, /: it has no socket to be asked at$/);
  assert.equal((await lookOf({ hub: 77 })).hub, true);
});

Deno.test("showStatus() finds what is left by the name of the instance, also where a file is called so", async () => {
  const devices = new Map([["hub", [DEVICE]], ["third", [{ ...DEVICE, ifname: "x" }]]]);
  const fields = { standing: () => devices, instanceOf: () => "other" };
  const { text } = await showStatus({ ...ALL, name: "hub", json: true }, systemOf([], fields));
  assert.deepEqual(JSON.parse(text).map(({ name }: { name: string }) => name), ["hub"]);
});
