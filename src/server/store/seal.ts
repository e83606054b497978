/** Prepares the key of a database, and encrypts what an older version stored in plain text. */
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../lib/errors.ts';
import { exists, move } from '../../lib/files.ts';
import type { Logger } from '../../lib/logger.ts';
import { shellQuote } from '../../lib/shell-quote.ts';
import type { EnvVar } from '../../plan42/objects.ts';
import type { Database } from './database.ts';
import { EnvironmentSecrets, isSecret, withoutSecrets } from './environment-secrets.ts';
import { keyFileName, newKey, readKey, type SecretKey } from './secret-key.ts';
import { getSetting, removeSetting, secretSettings, setSetting } from './settings.ts';
import type { Tables } from './tables.ts';

const keyIdName = 'secretKeyId';
const cleanName = 'plainTextRemoved';

/**
 * Returns the key of the database. The first start creates it.
 * @param discard removes all secrets if their key is lost
 * @throws UserError if the key is missing, damaged or that of another database
 */
export async function openSecrets(database: Database, dataDir: string, discard: boolean): Promise<SecretKey> {
  const wanted = getSetting(database, keyIdName);
  const found = await readKey(dataDir);
  if (wanted === undefined) return createKey(database, dataDir, found);
  if (found?.id === wanted) {
    // A copy that was put back may have another mode.
    await chmod(join(dataDir, keyFileName), 0o600);
    return found;
  }
  if (!discard) {
    const path = join(dataDir, keyFileName);
    throw new UserError(`cannot use the secrets in ${dataDir}: ${keyFileName} is missing or of another database`, {
      remedy:
        `Put the file back: ${path}. Or restore a backup: plan42 server restore FILE --data ${shellQuote(dataDir)}. ` +
        'If the key is lost, start once with --discard-secrets: it removes the values of secret variables, all tokens and all access keys.',
    });
  }
  database.transaction(() => {
    for (const table of ['environment_secrets', 'access_key_secrets', 'access_keys'])
      database.statement(`DELETE FROM ${table}`).run();
    for (const name of [...secretSettings, keyIdName]) removeSetting(database, name);
  });
  return createKey(database, dataDir, undefined);
}

async function createKey(database: Database, dataDir: string, existing: SecretKey | undefined): Promise<SecretKey> {
  const key = existing ?? newKey();
  if (existing === undefined) {
    const path = join(dataDir, keyFileName);
    if (await exists(path)) await move(path, `${path}.old`);
    await key.save(dataDir);
  }
  setSetting(database, keyIdName, key.id);
  return key;
}

/** Encrypts the secrets of an older version, and removes their plain text from the file. */
export function sealPlainText(database: Database, { environments }: Tables, key: SecretKey, logger: Logger): void {
  if (getSetting(database, cleanName) !== undefined) return;
  const secrets = new EnvironmentSecrets(database, key);
  database.transaction(() => {
    for (const name of secretSettings) {
      const value = getSetting(database, name);
      if (value !== undefined && !value.startsWith('v1.'))
        setSetting(database, name, key.encrypt(['setting', name], value));
    }
    for (const environment of environments.select('')) {
      if (!environment.EnvVars.some(hasPlainText)) continue;
      secrets.save(environment, environment.EnvVars);
      environments.update({ ...environment, EnvVars: withoutSecrets(environment.EnvVars) });
    }
  });
  // Free pages still have the old values.
  if (database.vacuum()) setSetting(database, cleanName, 'yes');
  else logger.warn('cannot remove old copies of secrets, too little disk space');
}

function hasPlainText(variable: EnvVar): boolean {
  return isSecret(variable) && variable.Value !== '';
}
