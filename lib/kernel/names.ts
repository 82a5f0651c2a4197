import type { IpDevice, IpFou, IpLists } from "../listing.ts";

/** The kernel's name of a device that the settings call by one of its alternative names; null: they do not. */
export function realNameOf(devices: readonly IpDevice[], called: string | null): string | null {
  return devices.find(({ altnames }) => altnames?.includes(called ?? ""))?.ifname ?? null;
}

/**
 * Calls a device everywhere as the settings do. All that is asked of the kernel by an alternative name works; just what
 * is listed has to agree with it.
 */
export function renameDevice({ devices, fou, routes }: IpLists, real: string, called: string): IpLists {
  return {
    devices: devices.map((device) => ({
      ...device,
      ...(device.ifname === real ? { ifname: called, altnames: [...device.altnames ?? [], real] } : {}),
      ...(device.link === real ? { link: called } : {}),
      ...(device.master === real ? { master: called } : {}),
      ...(device.linkinfo?.info_data?.link === real
        ? { linkinfo: { ...device.linkinfo, info_data: { ...device.linkinfo.info_data, link: called } } }
        : {}),
    })),
    fou: renameInFou(fou, real, called),
    routes: routes.map((route) => route.dev === real ? { ...route, dev: called } : route),
  };
}

/** Like {@linkcode renameDevice}, for FOU ports alone. */
export function renameInFou(fou: readonly IpFou[], real: string, called: string): IpFou[] {
  return fou.map((listener) => listener.dev === real ? { ...listener, dev: called } : listener);
}
