/** Podman's configuration, containers.conf: the few settings that decide what containers get. */
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { parseToml } from '../../config/toml/parse.ts';
import { readText } from '../../lib/read-file.ts';

const texts = v.optional(v.array(v.string()));
const text = v.optional(v.string());

const File = v.object({
  containers: v.optional(v.object({ env: texts, netns: text })),
  engine: v.optional(v.object({ network_cmd_options: texts })),
  network: v.optional(v.object({ default_rootless_network_cmd: text })),
});

export interface ContainersConf {
  /** `NAME=VALUE`, or `NAME` for a variable of podman's environment; of all files. */
  env: readonly string[];
  /** The default network mode. */
  netns: string | undefined;
  /** Options of slirp4netns. */
  networkCmdOptions: readonly string[];
  /** `pasta` or `slirp4netns`. */
  rootlessNetworkCmd: string | undefined;
}

/** Reads the files in podman's order; later ones take precedence. Podman itself reports a file with an error. */
export async function readContainersConf(env: NodeJS.ProcessEnv): Promise<ContainersConf> {
  const conf: ContainersConf = { env: [], netns: undefined, networkCmdOptions: [], rootlessNetworkCmd: undefined };
  for (const path of await confFiles(env)) {
    const { containers, engine, network } = await readConf(path);
    conf.env = [...conf.env, ...(containers?.env ?? [])];
    conf.netns = containers?.netns || conf.netns;
    conf.networkCmdOptions = engine?.network_cmd_options ?? conf.networkCmdOptions;
    conf.rootlessNetworkCmd = network?.default_rootless_network_cmd || conf.rootlessNetworkCmd;
  }
  return conf;
}

async function confFiles(env: NodeJS.ProcessEnv): Promise<string[]> {
  const override = env['CONTAINERS_CONF_OVERRIDE'];
  const last = override ? [override] : [];
  if (env['CONTAINERS_CONF']) return [env['CONTAINERS_CONF'], ...last];
  const ofUser = join(env['XDG_CONFIG_HOME'] || join(env['HOME'] ?? homedir(), '.config'), 'containers');
  const folders = ['/usr/share/containers', '/etc/containers', ...(process.getuid?.() === 0 ? [] : [ofUser])];
  const perFolder = folders.map((folder) => confFilesIn(folder));
  return [...(await Promise.all(perFolder)).flat(), ...last];
}

async function confFilesIn(folder: string): Promise<string[]> {
  const more = join(folder, 'containers.conf.d');
  const names = await readdir(more).catch((): string[] => []);
  const confs = names.toSorted().flatMap((name) => (name.endsWith('.conf') ? [join(more, name)] : []));
  return [join(folder, 'containers.conf'), ...confs];
}

async function readConf(path: string): Promise<v.InferOutput<typeof File>> {
  try {
    return v.parse(File, parseToml(await readText(path)).values);
  } catch {
    return {};
  }
}
