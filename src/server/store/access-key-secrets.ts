import type { AccessKey } from '../../plan42/objects.ts';
import type { Database } from './database.ts';
import type { SecretKey } from './secret-key.ts';

type Key = Pick<AccessKey, 'AccessKeyID'>;

/** The secrets of access keys, encrypted. A signature is made with the secret itself, so a hash is not enough. */
export class AccessKeySecrets {
  readonly #database: Database;
  readonly #key: SecretKey;

  constructor(database: Database, key: SecretKey) {
    this.#database = database;
    this.#key = key;
  }

  save({ AccessKeyID }: Key, secret: string): void {
    const sql = 'INSERT INTO access_key_secrets VALUES (?, ?)';
    this.#database.statement(sql).run(AccessKeyID, this.#key.encrypt(nameOf(AccessKeyID), secret));
  }

  /** Returns undefined for a revoked key, which has none. @throws SecretError */
  reveal({ AccessKeyID }: Key): string | undefined {
    const row = this.#database.statement('SELECT Value FROM access_key_secrets WHERE AccessKeyID = ?').get(AccessKeyID);
    return row && this.#key.decrypt(nameOf(AccessKeyID), String(row['Value']));
  }

  remove({ AccessKeyID }: Key): void {
    this.#database.statement('DELETE FROM access_key_secrets WHERE AccessKeyID = ?').run(AccessKeyID);
  }
}

function nameOf(accessKeyId: string) {
  return ['accessKey', accessKeyId] as const;
}
