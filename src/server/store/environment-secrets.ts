import type { Environment, EnvVar } from '../../plan42/objects.ts';
import type { Database } from './database.ts';
import type { SecretKey } from './secret-key.ts';

type EnvironmentKey = Pick<Environment, 'TenantId' | 'EnvironmentId'>;

/**
 * The values of secret variables. The rows of environments do not have them, so no response can, and a client that sends
 * back what it got does not change them.
 */
export class EnvironmentSecrets {
  readonly #database: Database;
  readonly #key: SecretKey;

  constructor(database: Database, key: SecretKey) {
    this.#database = database;
    this.#key = key;
  }

  /** Saves the given values of an existing environment, and removes those of other variables. */
  save(environment: EnvironmentKey, variables: readonly EnvVar[]): void {
    const { TenantId, EnvironmentId } = environment;
    const secrets = variables.filter(isSecret);
    this.#database.transaction(() => {
      for (const name of this.#names(environment)) {
        if (secrets.some(({ Name }) => Name === name)) continue;
        const sql = 'DELETE FROM environment_secrets WHERE TenantId = ? AND EnvironmentId = ? AND Name = ?';
        this.#database.statement(sql).run(TenantId, EnvironmentId, name);
      }
      const insert = this.#database.statement('INSERT OR REPLACE INTO environment_secrets VALUES (?, ?, ?, ?)');
      for (const { Name, Value } of secrets) {
        if (Value === '') continue;
        insert.run(TenantId, EnvironmentId, Name, this.#key.encrypt(nameOf(environment, Name), Value));
      }
    });
  }

  /** Returns the variables with their values. One without a stored value has an empty one. @throws SecretError */
  reveal(environment: EnvironmentKey & Pick<Environment, 'EnvVars'>): EnvVar[] {
    return environment.EnvVars.map((variable) =>
      isSecret(variable) ? { ...variable, Value: this.#find(environment, variable.Name) ?? '' } : variable,
    );
  }

  #find(environment: EnvironmentKey, name: string): string | undefined {
    const sql = 'SELECT Value FROM environment_secrets WHERE TenantId = ? AND EnvironmentId = ? AND Name = ?';
    const row = this.#database.statement(sql).get(environment.TenantId, environment.EnvironmentId, name);
    return row && this.#key.decrypt(nameOf(environment, name), String(row['Value']));
  }

  #names({ TenantId, EnvironmentId }: EnvironmentKey): string[] {
    const sql = 'SELECT Name FROM environment_secrets WHERE TenantId = ? AND EnvironmentId = ?';
    return this.#database
      .statement(sql)
      .all(TenantId, EnvironmentId)
      .map(({ Name }) => String(Name));
  }
}

/** Returns the variables as they are stored in an environment's row and returned to clients. */
export function withoutSecrets(variables: readonly EnvVar[]): EnvVar[] {
  return variables.map((variable) => (isSecret(variable) ? { ...variable, Value: '' } : variable));
}

/** Returns the first secret variable without a value, among variables that have those of secrets. */
export function findEmptySecret(variables: readonly EnvVar[]): EnvVar | undefined {
  return variables.find((variable) => isSecret(variable) && variable.Value === '');
}

export function isSecret({ IsSecret }: EnvVar): boolean {
  return IsSecret === true;
}

function nameOf({ TenantId, EnvironmentId }: EnvironmentKey, name: string) {
  return ['environment', TenantId, EnvironmentId, name] as const;
}
