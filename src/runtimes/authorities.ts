/** The certificate authorities that agents trust in addition, as files, and the variables that name them. */
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { systemAuthorities } from '../lib/authorities.ts';
import { readCaFile } from '../lib/ca-file.ts';
import { writeDurably } from '../lib/files.ts';

/** A PEM file, and the setting that names it. */
export interface CaFile {
  path: string;
  setting: string;
}

export interface AdditionalAuthorities {
  caFile?: CaFile | undefined;
  /** PEM of the job's own authority, if its gateway ends TLS. */
  ofJob?: string | undefined;
}

/** The authorities to which the additional ones are added: of a container Mozilla's list, of the host its own. */
export type Base = 'container' | 'host';

const additionalName = 'additional.pem';
const bundleName = 'bundle.pem';

/**
 * Writes the files below the folder of a job and returns their folder. They contain no secrets, and users inside a container
 * differ from the runner's, so everyone can read them.
 * @throws UserError if the authorities cannot be read
 */
export async function writeAuthorities(
  jobFolder: string,
  { caFile, ofJob = '' }: AdditionalAuthorities,
  base: Base,
): Promise<string> {
  const additional = (caFile === undefined ? '' : readCaFile(caFile.path, caFile.setting)) + ofJob;
  const folder = join(jobFolder, 'ca');
  await mkdir(folder, { recursive: true });
  await writeDurably(join(folder, additionalName), additional);
  await writeDurably(join(folder, bundleName), `${publicAuthorities(base).join('\n')}\n${additional}`);
  // Whatever the umask is.
  await chmod(folder, 0o755);
  for (const name of [additionalName, bundleName]) await chmod(join(folder, name), 0o644);
  return folder;
}

function publicAuthorities(base: Base): readonly string[] {
  const system = base === 'host' ? systemAuthorities() : [];
  return system.length > 0 ? system : rootCertificates;
}

/** The variables that name the files in `folder`. Those with the bundle replace the authorities of a program. */
export function authorityVariables(folder: string): Record<string, string> {
  const bundle = `${folder}/${bundleName}`;
  return {
    NODE_EXTRA_CA_CERTS: `${folder}/${additionalName}`,
    SSL_CERT_FILE: bundle,
    REQUESTS_CA_BUNDLE: bundle,
    CURL_CA_BUNDLE: bundle,
    GIT_SSL_CAINFO: bundle,
    CARGO_HTTP_CAINFO: bundle,
    PIP_CERT: bundle,
    AWS_CA_BUNDLE: bundle,
    DENO_CERT: `${folder}/${additionalName}`,
    NIX_SSL_CERT_FILE: bundle,
  };
}
