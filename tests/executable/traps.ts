/** Makes a folder with stand-ins for the programs that change the kernel. Any of them creates a file `called` there. */
export async function makeTraps(): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "ipipou-traps-" });
  for (const program of ["ip", "nft", "modprobe"]) {
    await Deno.writeTextFile(`${directory}/${program}`, `#!/bin/sh\ntouch ${directory}/called\n`, {
      mode: 0o755,
    });
  }
  return directory;
}
