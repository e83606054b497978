import type { Environment } from '../../plan42/objects.ts';
import type { TaskDocument } from '../../plan42/page-objects.ts';
import { type Api, CallError } from './api.ts';
import { ConfirmedButton } from './confirmed-button.tsx';
import { useApi } from './hooks.ts';

interface AllowHostProps {
  /** An entry of AllowedHosts. */
  entry: string;
  environment: NonNullable<TaskDocument['Environment']>;
  /** Whether the runner limits what environments may name, to other hosts. */
  isExcluded: boolean;
  onDone: () => void;
}

/** Adds a host to those of an environment after the user confirms. */
export function AllowHost({ entry, environment, isExcluded, onDone }: AllowHostProps) {
  const api = useApi();
  const { EnvironmentId, Name, AllowedHosts } = environment;
  const more = isExcluded ? ' Agents reach it once egress.allowed of the runner has it, too.' : '';
  if (AllowedHosts.includes(entry)) return <p class="quiet">The environment has this host now.{more}</p>;
  const act = async () => {
    await addHost(api, `${api.tenantPath}/environments/${encodeURIComponent(EnvironmentId)}`, entry);
    onDone();
  };
  return (
    <ConfirmedButton
      label={`Allow ${entry}`}
      question={`Allow ${entry}?`}
      consequence={`Agents of the environment ${Name} reach it from their next turn on, and can send it anything that they can read.`}
      action="Add the host"
      act={act}
    />
  );
}

const maxAttempts = 3;

/** Another user may change the environment at the same time. */
async function addHost(api: Api, path: string, entry: string, attemptsLeft = maxAttempts): Promise<void> {
  const { AllowedHosts, Version } = await api.call<Environment>('GET', path, { exact: true });
  if (AllowedHosts.includes(entry)) return;
  try {
    await api.call('PATCH', path, { body: { AllowedHosts: [...AllowedHosts, entry] }, ifMatch: Version });
  } catch (error) {
    if (!(error instanceof CallError && error.status === 409) || attemptsLeft === 1) throw error;
    await addHost(api, path, entry, attemptsLeft - 1);
  }
}
