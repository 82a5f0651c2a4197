import type { FixedInstance } from "./fixed.ts";

/** Seconds between auth packets where the settings give none. */
const USUAL_KEEPALIVE = 25;

/**
 * Says what the other system does not do, and what remains to be done, a line each.
 *
 * @param config as `--config` takes it
 */
export function headLines(instance: FixedInstance, format: string, config: string): string[] {
  const { settings: { name, mode, mssClamp, fallbacks } } = instance;
  return [
    `${name}, made by: ipipou export ${format} ${config}`,
    ...(mode === "client" ? clientLines(instance, config) : serverLines(instance)),
    ...hostLines(instance),
    ...(fallbacks.length === 0 ? [] : ["The other servers of --fou-remote are not in here."]),
    ...(mssClamp === null ? [] : ["Nothing here lowers the segment size of TCP (--tunl-mss-clamp)."]),
    "Do not run ipipou as a server or client of this name beside it.",
  ];
}

function clientLines({ settings: { keepalive } }: FixedInstance, config: string): string[] {
  const seconds = keepalive ?? USUAL_KEEPALIVE;
  const again = seconds === 0 ? "" : `, every ${seconds} seconds`;
  return [
    "The tunnel does not authenticate, and the server lets in nothing before. This must be run for that",
    `now${again}, and after a change of the own address:`,
    `  ipipou --config ${config} --reauth-only`,
  ];
}

function serverLines({ others }: FixedInstance): string[] {
  return [
    "Who is in here is known by address and port alone: whoever can send from there is let in. Nobody gets a",
    "reply, so their clients must not have reply-on-auth-ok, and nobody is followed to another address.",
    ...(others.length === 0 ? [] : [
      `Not in here, as they have to prove more, or come from anywhere: ${others.join(", ")}`,
    ]),
  ];
}

function hostLines({ tunnels }: FixedInstance): string[] {
  return tunnels.flatMap(({ peer: { remote: { host } }, remote: { ip } }) =>
    host === ip ? [] : [`${host} was ${ip} when this was made.`]
  );
}
