import { nfpmProgram } from "../../tools/release/nfpm.ts";
import { must } from "../../tools/command.ts";

/** What an rpm of ipipou needs, and Debian's rpm knows nothing of. */
const NEEDED = ["iproute", "kmod", "glibc = 2.40"];

/** Makes an rpm that claims to be all that. @returns its path */
export async function makeStandIns(): Promise<string> {
  const folder = new URL("../../dist/tested", import.meta.url).pathname;
  const config = `${folder}/stand-ins.yaml`;
  const output = `${folder}/stand-ins.rpm`;
  await Deno.writeTextFile(
    config,
    JSON.stringify({
      ...{ name: "stand-ins", arch: "noarch", version: "1", maintainer: "nobody", description: "stand-ins" },
      provides: NEEDED,
    }),
  );
  await must([await nfpmProgram(), "package", "--config", config, "--packager", "rpm", "--target", output]);
  return output;
}
