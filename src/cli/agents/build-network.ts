/** How the steps of a build reach the network: proxies, and certificate authorities to trust in addition. */

import { loadConfig } from '../../config/load.ts';
import { agentCaFile } from '../../config/schema.ts';
import { readCaFile } from '../../lib/ca-file.ts';
import type { CaFile } from '../../runtimes/authorities.ts';
import type { CliContext } from '../context.ts';
import { findRunnerPaths } from '../runner/runner-paths.ts';
import type { EngineName } from './build-engine.ts';

/**
 * The authorities of the option, else those that the runner gives to agents, else those that the user's other programs with
 * Node.js trust, such as npm.
 * @throws UserError if a file that was named for us cannot be used
 */
export async function findBuildAuthorities(
  context: CliContext,
  caFile: string | undefined,
): Promise<CaFile | undefined> {
  if (caFile !== undefined) return checked({ path: caFile, setting: '--ca-file' });
  const { configFile } = await findRunnerPaths(context, {});
  const { config } = await loadConfig({ path: configFile, explicit: false, env: context.env });
  const configured = agentCaFile(config);
  if (configured !== undefined) return checked(configured);
  const path = config.jobs.caFile === undefined ? context.env['NODE_EXTRA_CA_CERTS'] : undefined;
  if (!path) return undefined;
  try {
    return checked({ path, setting: 'NODE_EXTRA_CA_CERTS' });
  } catch {
    // Node.js ignores such a file too.
    return undefined;
  }
}

function checked(file: CaFile): CaFile {
  readCaFile(file.path, file.setting);
  return file;
}

const proxyVariable = /^(?:https?|all|no|ftp)_proxy$/i;
const loopback = /\/\/(?:[^@/]*@)?(?:localhost|127\.[\d.]+|\[::1\])(?:[:/]|$)/i;

/**
 * Options that pass the user's proxies to the steps of a build. Their values, which can contain a password, stay in the
 * environment. Podman passes them anyway.
 */
export function proxyOptions(engine: EngineName, env: NodeJS.ProcessEnv): string[] {
  if (engine === 'podman') return [];
  return Object.entries(env).flatMap(([name, value]) => {
    // A container has its own loopback.
    return proxyVariable.test(name) && value && !loopback.test(value) ? ['--build-arg', name] : [];
  });
}

const ofEngine = /x509: certificate signed by unknown authority/i;
const ofStep =
  /SELF_SIGNED_CERT|UNABLE_TO_(?:GET_ISSUER|VERIFY_LEAF)|(?:local )?issuer certificate|CERTIFICATE_VERIFY_FAILED|certificate verif|SSL certificate problem|self[- ]signed certificate/i;

/** Returns a remedy if the output of a build shows that an authority is missing. Empty if it does not. */
export function authorityRemedy(output: string, engine: EngineName, caFile: CaFile | undefined): string {
  if (ofEngine.test(output)) return `Let ${engine} trust the certificate authority of your proxy or registry.`;
  if (!ofStep.test(output)) return '';
  return caFile === undefined
    ? 'Name the certificate authority of your proxy with --ca-file, network.ca_file or NODE_EXTRA_CA_CERTS.'
    : `The build trusts ${caFile.path} (${caFile.setting}) too: add the certificate authority of your proxy to it.`;
}
