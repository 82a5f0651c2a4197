import { must } from "../../../tools/command.ts";
import { say } from "../../../tools/say.ts";
import { fileFor, RELEASE, serve } from "../repository.ts";
import { configure, connect, remove, removeAll, start } from "./service.ts";

/** Runs in the lab, under systemd. */

const SOURCES = "/etc/apt/sources.list.d";

Deno.test("a bare Debian pings through a tunnel that it got by apt from a repository", async () => {
  await removeAll();
  await using _network = await connect();
  await using server = serve(RELEASE);
  await must(["sh", "-c", `rm -f /etc/apt/sources.list ${SOURCES}/*; mkdir -p /etc/apt/keyrings`]);
  const sources = await fileFor("sources", server.url);
  const began = performance.now();
  await Deno.copyFile(`${RELEASE}/ipipou.asc`, "/etc/apt/keyrings/ipipou.asc");
  await Deno.writeTextFile(`${SOURCES}/ipipou.sources`, sources);
  await must(["apt-get", "update"]);
  await must(["apt-get", "install", "--yes", "--no-install-recommends", "ipipou"]);
  const installed = performance.now();
  await configure();
  await start();
  const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;
  say(
    `installed after ${seconds(installed - began)}, first ping after ${seconds(performance.now() - began)}`,
  );
  await remove(async () => void await must(["apt-get", "purge", "--yes", "ipipou"]));
});
