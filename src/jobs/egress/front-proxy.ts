import { isProxyUrl } from '../../config/egress.ts';
import type { Config } from '../../config/schema.ts';
import type { FrontProxy } from '../../gateway/policy.ts';
import { UserError } from '../../lib/errors.ts';

/** Proxies have these names, in capitals or not. Of two spellings, curl prefers the small letters. */
function variable(env: NodeJS.ProcessEnv, ...names: readonly string[]): { name: string; value: string } | undefined {
  const spellings = names.flatMap((name) => [name, name.toUpperCase()]);
  return spellings.flatMap((name) => (env[name] ? [{ name, value: env[name] }] : []))[0];
}

/**
 * The proxy between this machine and the internet, if there is one.
 * @throws UserError without the value, which may contain a password
 */
export function frontProxy(
  { egress, network }: Pick<Config, 'egress' | 'network'>,
  env: NodeJS.ProcessEnv,
): FrontProxy | undefined {
  const found = variable(env, 'https_proxy', 'all_proxy', 'http_proxy');
  const url = egress.proxy ?? (found && (found.value.includes('://') ? found.value : `http://${found.value}`));
  if (!url) return undefined;
  if (!isProxyUrl(url))
    throw new UserError(
      `cannot use the proxy in ${found?.name ?? 'egress.proxy'}: only http and https proxies are supported`,
      {
        remedy: 'Set egress.proxy of the runner, to "" if jobs need no proxy.',
      },
    );
  const direct =
    variable(env, 'no_proxy')
      ?.value.split(/[\s,]+/)
      .filter((entry) => entry !== '') ?? [];
  return { url, direct, ...(network.caFile !== undefined && { caFile: network.caFile }) };
}
