/** The credential broker of a job: ends TLS for the hosts that credentials are for, and puts these into requests. */
import { createSecureContext, type SecureContext } from 'node:tls';
import { contextWithSystem } from '../../lib/authorities.ts';
import { formatError } from '../../lib/errors.ts';
import { followCredentials } from '../credentials.ts';
import type { Refusal } from '../decide.ts';
import { showTarget, type Target } from '../host-name.ts';
import type { BrokerPolicy, Credential } from '../policy.ts';
import { injectCredentials, type RequestParts, type UsedCredentials } from './placeholders.ts';

export type Brokered = (RequestParts & { used: UsedCredentials; refusal?: undefined }) | { refusal: Refusal };

export interface Broker extends Disposable {
  /** Whether TLS to the target is ended here. */
  intercepts(target: Target): boolean;
  /** For the side of the client. */
  readonly identity: SecureContext;
  /** For the side of the host. */
  readonly trust: SecureContext;
  /** Puts credentials in place of their placeholders, or refuses the request. */
  inject(request: RequestParts & { method: string }, target: Target, isSecure: boolean): Brokered;
  /** Says so once if a host refuses a credential. */
  noteStatus(status: number, target: Target, used: UsedCredentials): void;
  /** Says so once if a client does not trust the authority of the job. */
  noteDistrust(target: Target): void;
}

interface BrokerOptions {
  folder: string;
  policy: BrokerPolicy;
  writeLine: (line: string) => void;
}

/** Rejects if the values of the credentials cannot be read. */
export async function createBroker({ folder, policy, writeLine }: BrokerOptions): Promise<Broker> {
  const hosts = new Set(policy.hosts.map((host) => `${host.host} ${host.port}`));
  /** The values that a host has refused, which is said once. */
  const refusedBy = new Map<string, string>();
  const distrusted = new Set<string>();

  const followed = await followCredentials(folder, {
    onChange: (next) => {
      for (const [name, value] of refusedBy) if (next.get(name) !== value) refusedBy.delete(name);
    },
    onError: (error) => writeLine(`plan42: credentials: cannot read their new values: ${formatError(error)}`),
  });

  const isFor = ({ targets }: Credential, { host, port }: Target, isSecure: boolean) =>
    targets.some((each) => each.host === host.text && each.port === port && each.isPlain === !isSecure);

  function inject(request: RequestParts & { method: string }, target: Target, isSecure: boolean): Brokered {
    const credentials = policy.credentials.map((credential) => ({
      ...credential,
      value: usable(followed.values.get(credential.name)),
      isForHost: isFor(credential, target, isSecure),
    }));
    const injection = injectCredentials(credentials, request);
    if (injection.kind === 'refused') return { refusal: refusalOf(injection, isSecure) };
    // A server's response to TRACE is the request.
    const [used] = injection.used.keys();
    if (used !== undefined && request.method === 'TRACE')
      return { refusal: refusalOf({ name: used, because: 'place' }, isSecure) };
    return injection;
  }

  function noteStatus(status: number, target: Target, used: UsedCredentials): void {
    if (status !== 401) return;
    for (const [name, value] of used) {
      // One that has been replaced while its request was under way needs nothing.
      if (followed.values.get(name) !== value || refusedBy.get(name) === value) continue;
      refusedBy.set(name, value);
      writeLine(
        `plan42: credentials: ${showTarget(target)} refused the credential ${name} (status 401). ` +
          'If it has expired, replace it in the configuration of the runner. This job uses the new one at once.',
      );
    }
  }

  function noteDistrust(target: Target): void {
    const name = showTarget(target);
    if (distrusted.has(name)) return;
    distrusted.add(name);
    writeLine(
      `plan42: credentials: a program does not trust the authority of this job, so it cannot use ${name}. ` +
        'Let it use the file in SSL_CERT_FILE, or add the image to credentials.off_images of the runner.',
    );
  }

  return {
    intercepts: ({ host, port }) => hosts.has(`${host.text} ${port}`),
    identity: createSecureContext({ cert: policy.certificate, key: policy.key, minVersion: 'TLSv1.2' }),
    trust: contextWithSystem(policy.trusted === '' ? [] : [policy.trusted]),
    inject,
    noteStatus,
    noteDistrust,
    [Symbol.dispose]: () => followed[Symbol.dispose](),
  };
}

/** Undefined also for what no header can have. */
function usable(value: string | undefined): string | undefined {
  return value === undefined || value === '' || /[^\x20-\x7e]/.test(value) ? undefined : value;
}

function refusalOf({ name, because }: { name: string; because: 'host' | 'place' | 'no-value' }, isSecure: boolean) {
  const reasons = {
    host: isSecure
      ? [`the credential ${name} is not for this host`, 'If it is, add the host to its [credentials.NAME] table.']
      : [`the credential ${name} is not for this host without TLS`, 'Use https.'],
    place: [
      `the placeholder of the credential ${name} is in a part of the request that it is not for`,
      'Send it as programs do, or set "header" of its [credentials.NAME] table.',
    ],
    'no-value': [
      `the credential ${name} has no usable value any more`,
      'Set it in the configuration of the runner. This job uses it at once.',
    ],
  } as const;
  const [reason, remedy] = reasons[because];
  return { code: 'placeholder', reason, remedy } satisfies Refusal;
}
