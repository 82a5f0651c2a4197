/** The minimal configuration file of each mode. */
export const BASES = {
  client: `
    [fou]
    local-ip = "192.0.2.1"
    remote = "198.51.100.1:10000"
    [tunl]
    ip = "172.28.0.1"
    [auth]`,
  server: `
    server = true
    [fou]
    local-ip = "192.0.2.1"
    remote = "198.51.100.1:10000"
    [auth]`,
} as const;

/** The key pair in version 0.1's README. */
export const PRIVATE_KEY = "RuBZkT23na2Q4QH1xfmZCfRgSgPt5s362UPAFbecTso=";
export const PUBLIC_KEY = "eQYNhD/Xwl6Zaq+z3QXDzNI77x8CEKqY1n5kt9bKeEI=";

/** Files that the inputs name. `{dir}` stands for their folder. */
export const GOOD_FILES: Readonly<Record<string, string>> = {
  "more.toml": "keepalive = 77\n",
  "a.key": `${PRIVATE_KEY}\n${PUBLIC_KEY}\n`,
  "a.token": "from a file\n",
  "a.secret": "secret of a file\n",
};
