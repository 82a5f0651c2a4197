import { must } from "../../tools/command.ts";

let loading: Promise<unknown> | undefined;

/**
 * Loads the modules of all tunnels in these tests. With each come devices, such as tunl0, in every namespace that is there,
 * also in that of a test beside: so they are loaded before anything is compared.
 */
export async function loadModules(): Promise<void> {
  await (loading ??= must(["modprobe", "-a", "fou", "ipip", "ip_gre", "sit"]));
}
